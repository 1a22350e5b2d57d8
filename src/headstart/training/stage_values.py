"""The values around a stage: what it is a function of, and what it ends with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch.utils.data import Dataset

from headstart.adapters.adapter import AttachedAdapter
from headstart.models.classifier import Classifier
from headstart.models.parameters import Digests, Tensors
from headstart.store.record import StageRecord
from headstart.strategies.strategy import Stage
from headstart.training import features as cached
from headstart.training.callbacks import ProgressListener
from headstart.training.config import RunOptions, TrainingConfig
from headstart.training.contrastive import ContrastiveObjective
from headstart.training.data_parallel import ALONE, Ranks
from headstart.training.objective import Objective
from headstart.training.private.accounting import Mechanism
from headstart.training.regularisers.catalogue import build_regulariser
from headstart.training.trainables import GROUPS


@dataclass(frozen=True, slots=True, kw_only=True)
class StageRows:
    """The rows of a stage. `lengths` are tokens per row and decide the buckets; all equal means no buckets."""

    dataset: Dataset[dict[str, Any]]
    collate: cached.Collate
    lengths: Sequence[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class StageInputs:
    """Everything that a stage is a function of.

    Attributes:
        classifier: freshly loaded; its backbone and head are already what the stage starts from.
        expected_backbone: digests that the backbone must have before the first update.
        expected_head: digests that the head must have; None for a fresh head.
        objective: what to minimise; None is the model's own loss.
        adapter_from: folder of a saved adapter that the stage's starts from; None for a fresh one.
        features: cached features of the frozen backbone; `rows` are then `numbered`.
        run_name: what a tracker calls the stage.
        mechanism: how the stage is made private; None trains without. A private stage starts anew when called again.
        folder: for metrics and checkpoints; a checkpoint found there is resumed.
        batch_parts: in how many parts batches are computed from the start, as those of an earlier stage had to be.
        ranks: the processes that train the stage together; the first one's `folder` is that of the stage.
    """

    stage: Stage
    classifier: Classifier
    rows: StageRows
    config: TrainingConfig
    options: RunOptions
    seed: int
    folder: Path
    expected_backbone: Digests
    expected_head: Digests | None
    adapter_from: Path | None = None
    objective: Objective | ContrastiveObjective | None = None
    features: cached.Features | None = None
    mechanism: Mechanism | None = None
    run_name: str | None = None
    listener: ProgressListener | None = None
    batch_parts: int = 1
    ranks: Ranks = ALONE


@dataclass(frozen=True, slots=True, kw_only=True)
class StageOutcome:
    """A trained stage.

    Attributes:
        attached: the adapter as it stands on the classifier after training; None without one.
        model: what to call for logits now, adapter included.
        num_steps: updates that were done.
        trained: scalars by group; `moved`: tensors that changed by group.
        seconds: wall time of the updates; checks_seconds: of the invariants' checks.
    """

    classifier: Classifier
    attached: AttachedAdapter | None = None
    model: torch.nn.Module
    num_steps: int
    trained: dict[str, int]
    moved: dict[str, int]
    dtypes: dict[str, str] = field(default_factory=dict)
    start_loss: float | None = None
    end_loss: float | None = None
    seconds: float
    checks_seconds: float = 0.0
    num_examples_seen: int = 0
    num_tokens_seen: int = 0
    batch_parts: int = 1
    gradient_checkpointing: bool = False
    num_processes: int = 1

    def head_tensors(self) -> Tensors:
        """Return the head under the plain model's names."""
        return self.attached.head_tensors() if self.attached else self.classifier.head_tensors()

    def record(self, stage: Stage, *, backbone_restored: bool) -> StageRecord:
        """Return what the stage's record says without evaluation or any other look at it."""
        return StageRecord(
            name=stage.name,
            role=stage.role,
            num_steps=self.num_steps,
            scores={},
            start_loss=self.start_loss,
            end_loss=self.end_loss,
            trained=self.trained,
            moved=self.moved,
            backbone_restored=backbone_restored,
            seconds=self.seconds,
            evaluation_seconds=0.0,
            checks_seconds=self.checks_seconds,
            num_examples_seen=self.num_examples_seen,
            num_tokens_seen=self.num_tokens_seen,
            batch_parts=self.batch_parts,
            gradient_checkpointing=self.gradient_checkpointing,
            num_processes=self.num_processes,
            dtypes=self.dtypes,
            own_batch_size=stage.own_batch_size,
            passes_per_update=build_regulariser(stage.regulariser).num_passes,
        )


def untrained(classifier: Classifier, seconds: float, *, num_examples_seen: int = 0) -> StageOutcome:
    """Return the outcome of a stage without updates: `classifier` as it stands, made in `seconds`."""
    nothing = dict.fromkeys(GROUPS, 0)
    return StageOutcome(
        classifier=classifier,
        model=classifier.model,
        num_steps=0,
        trained=nothing,
        moved=nothing,
        seconds=seconds,
        num_examples_seen=num_examples_seen,
    )
