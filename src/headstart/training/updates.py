"""All updates of a stage, through transformers' Trainer or with differential privacy."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch

from headstart.adapters.adapter import UpdateHooks
from headstart.data.batching import NOT_INPUTS, LengthBucketSampler
from headstart.strategies.strategy import Selection
from headstart.training import features as cached
from headstart.training.adapter_updates import AfterUpdate, HookedStage
from headstart.training.arguments import build_arguments, overrides_for
from headstart.training.callbacks import (
    METRICS_FILE,
    NUM_LOG_ENTRIES,
    DropoutStream,
    GradientsArrive,
    MetricsLog,
    ProgressReport,
    TimedCheckpoints,
    trusted_checkpoint,
)
from headstart.training.job import StageJob
from headstart.training.private.accounting import Mechanism
from headstart.training.private.gradients import watched
from headstart.training.private.loop import PrivateUpdates
from headstart.training.private.randomness import SecureRandom
from headstart.training.regularisers.catalogue import build_regulariser
from headstart.training.regularisers.regulariser import RegularisedStage, StageView
from headstart.training.schedules import num_warmup_steps, schedule_factor
from headstart.training.trackers import close_trackers
from headstart.training.trainables import Trainables
from headstart.training.trainer import StageData, StageTrainer


@dataclass(frozen=True, slots=True, kw_only=True)
class Updates:
    """What all updates of a stage took: wall seconds, those of checks beside them, examples and tokens."""

    seconds: float
    checks_seconds: float
    num_examples_seen: int
    num_tokens_seen: int


def run_updates(
    job: StageJob, trainables: Trainables, gradients: GradientsArrive, hooks: UpdateHooks | None
) -> Updates:
    """Train a stage, going on from its checkpoint where it has one.

    Raises:
        DivergedError: if a loss is not finite.
        InvariantError: if a declared tensor never had a gradient.
    """
    log = MetricsLog(job.folder / METRICS_FILE)
    sampler = LengthBucketSampler(job.rows.lengths, job.config.batch_size, root_seed=job.seed, role=job.stage.role)
    with _backbone_mode(job), _regularised(job, trainables) as regularised:
        hooked = HookedStage(regularised, hooks) if hooks is not None else regularised
        trainer = _build_trainer(job, trainables, sampler, gradients, hooked, log)
        if hooks is not None:
            trainer.remove_callback(TimedCheckpoints)  # what hooks remember is in no checkpoint
            trainer.add_callback(AfterUpdate(hooks))
        checkpoint = trusted_checkpoint(job.folder)
        try:
            trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
        finally:
            close_trackers(job.options.trackers)
        trainer.check_finite()
        trainer.leave_autocast()
    rows_seen = _rows_seen(sampler, job)
    return Updates(
        seconds=log.elapsed(),
        checks_seconds=trainer.checks_seconds,
        num_examples_seen=len(rows_seen),
        num_tokens_seen=sum(job.rows.lengths[row] for row in rows_seen),
    )


def run_private_updates(
    job: StageJob, mechanism: Mechanism, trainables: Trainables, gradients: GradientsArrive
) -> Updates:
    """Train with differential privacy; how many rows were sampled, and how long they are, is not told."""
    if job.objective is None:
        raise ValueError("private training needs an objective")
    device = job.config.device
    with watched(job.classifier, trainables.model, job.objective, device=device) as examples, _backbone_mode(job):
        seconds = PrivateUpdates(
            job=job,
            mechanism=mechanism,
            trainables=trainables,
            examples=examples,
            arriving=gradients,
            random=SecureRandom(),
        ).run()
    return Updates(
        seconds=seconds,
        checks_seconds=0.0,
        num_examples_seen=job.stage.num_steps * job.config.batch_size,
        num_tokens_seen=0,
    )


@contextmanager
def _regularised(job: StageJob, trainables: Trainables) -> Iterator[RegularisedStage]:
    """Start the stage's regulariser, and undo at the end what it did to the model beside its parameters."""
    stage = build_regulariser(job.stage.regulariser).start(
        StageView(
            model=trainables.model.to(job.config.device),
            backbone=trainables.in_order(trainables.backbone),
            adapter=trainables.in_order(trainables.adapter),
            num_steps=job.stage.num_steps,
            folder=job.folder,
            batches=lambda: _batches(job),
            loss=lambda model, batch: _loss(job, model, batch),
        )
    )
    try:
        yield stage
    finally:
        stage.end()


def _batches(job: StageJob) -> Iterator[dict[str, Any]]:
    """Return the stage's rows once, in their stored order."""
    rows: Any = job.rows.dataset
    for first in range(0, len(job.rows.lengths), job.config.batch_size):
        last = min(first + job.config.batch_size, len(job.rows.lengths))
        batch = job.rows.collate([rows[row] for row in range(first, last)])
        yield {name: tensor.to(job.config.device) for name, tensor in batch.items()}


def _loss(job: StageJob, model: torch.nn.Module, batch: dict[str, Any]) -> torch.Tensor:
    if job.objective is None:
        loss: torch.Tensor = model(**batch).loss
        return loss
    logits = model(**{name: tensor for name, tensor in batch.items() if name not in NOT_INPUTS}).logits
    return job.objective(logits, batch)


@contextmanager
def _backbone_mode(job: StageJob) -> Iterator[None]:
    """For a head on a frozen backbone: replay its cached features, or keep it in eval mode."""
    if job.stage.trainable is not Selection.HEAD:
        yield
    elif job.features is not None:
        with cached.replayed(job.classifier, job.features):
            yield
    else:
        with cached.frozen_in_eval(job.classifier):
            yield


def _build_trainer(
    job: StageJob,
    trainables: Trainables,
    sampler: LengthBucketSampler,
    gradients: GradientsArrive,
    regularised: RegularisedStage,
    log: MetricsLog,
) -> StageTrainer:
    stage, optimizer = job.stage, job.stage.optimizer
    values: dict[str, Any] = {
        "output_dir": str(job.folder),
        "max_steps": stage.num_steps,
        "per_device_train_batch_size": job.config.batch_size,
        "learning_rate": optimizer.learning_rate,
        "weight_decay": optimizer.weight_decay,
        "adam_beta1": optimizer.beta1,
        "adam_beta2": optimizer.beta2,
        "adam_epsilon": optimizer.epsilon,
        "max_grad_norm": optimizer.max_grad_norm,
        "warmup_steps": num_warmup_steps(optimizer, stage.num_steps),
        "bf16": job.config.precision == "bf16",
        "use_cpu": job.config.device == "cpu",
        "seed": job.seed % 2**32,
        "logging_steps": max(1, stage.num_steps // NUM_LOG_ENTRIES),
        "logging_nan_inf_filter": False,
        "save_strategy": "no",
        "eval_strategy": "no",
        "report_to": list(job.options.trackers) or "none",
        "run_name": job.run_name,
        "disable_tqdm": True,
        "remove_unused_columns": False,
        "dataloader_pin_memory": job.config.device == "cuda",
    }
    values |= overrides_for(stage.kind, (*job.config.overrides, *job.options.overrides))
    extra = [ProgressReport(stage.name, job.listener)] if job.listener is not None else []
    return StageTrainer(
        model=trainables.model,
        args=build_arguments(values),
        data=StageData(dataset=job.rows.dataset, collate=job.rows.collate, sampler=sampler),
        objective=job.objective,
        stage=stage.name,
        schedule=schedule_factor(optimizer, stage.num_steps),
        rate_factors=trainables.rate_factors(optimizer),
        gradients=gradients,
        regularised=regularised,
        callbacks=[
            DropoutStream(job.seed, stage.role),
            TimedCheckpoints(job.folder, job.options.checkpoint_seconds),
            log,
            *extra,
        ],
    )


def _rows_seen(sampler: LengthBucketSampler, job: StageJob) -> list[int]:
    """Return the rows of all updates in order; the sampler is a function of the epoch, so it can be asked again."""
    accumulation = int(overrides_for(job.stage.kind, job.config.overrides).get("gradient_accumulation_steps", 1))
    num_rows, batch_size = len(job.rows.lengths), job.config.batch_size
    updates_per_epoch = math.ceil(math.ceil(num_rows / batch_size) / accumulation)
    rows: list[int] = []
    for epoch in range(math.ceil(job.stage.num_steps / updates_per_epoch)):
        sampler.set_epoch(epoch)
        num_updates = min(updates_per_epoch, job.stage.num_steps - epoch * updates_per_epoch)
        rows.extend(list(sampler)[: num_updates * accumulation * batch_size])
    return rows
