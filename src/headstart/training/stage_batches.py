"""Which rows stand in which update of a stage."""

from __future__ import annotations

import math
from dataclasses import dataclass

from headstart.data.batching import LengthBucketSampler
from headstart.data.class_batches import ClassBatchSampler
from headstart.training.arguments import accumulated_batches
from headstart.training.contrastive import build_stage_loss
from headstart.training.stage_values import StageInputs


@dataclass(frozen=True, slots=True)
class StageBatches:
    """The order of a stage's rows, and how many of them are a batch.

    Attributes:
        accumulated: batches of one update.
    """

    sampler: LengthBucketSampler | ClassBatchSampler
    batch_size: int
    accumulated: int

    @classmethod
    def of(cls, inputs: StageInputs) -> StageBatches:
        """Return a stage's batches: of several rows a class where its loss compares rows, else of like length."""
        stage, rows, batch_size = inputs.stage, inputs.rows, inputs.config.batch_size
        accumulated = accumulated_batches(stage.kind, inputs.config.overrides)
        loss = build_stage_loss(stage.loss)
        if loss is None:
            by_length = LengthBucketSampler(rows.lengths, batch_size, root_seed=inputs.seed, role=stage.role)
            return cls(by_length, batch_size, accumulated)
        by_class = ClassBatchSampler(
            [int(inputs.rows.dataset[row]["labels"]) for row in range(len(rows.lengths))],
            loss.rows,
            num_batches=stage.num_steps * accumulated,
            root_seed=inputs.seed,
            role=stage.role,
        )
        return cls(by_class, loss.rows, accumulated)

    def rows_seen(self, num_steps: int) -> list[int]:
        """Return the rows of `num_steps` updates; their order is a function of the epoch, so it can be asked again."""
        sampler = self.sampler
        if isinstance(sampler, ClassBatchSampler):
            return list(sampler)[: num_steps * self.accumulated * self.batch_size]
        updates_per_epoch = math.ceil(math.ceil(len(sampler) / self.batch_size) / self.accumulated)
        rows: list[int] = []
        for epoch in range(math.ceil(num_steps / updates_per_epoch)):
            sampler.set_epoch(epoch)
            num_updates = min(updates_per_epoch, num_steps - epoch * updates_per_epoch)
            rows.extend(list(sampler)[: num_updates * self.accumulated * self.batch_size])
        return rows
