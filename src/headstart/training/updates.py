"""All updates of a stage, through transformers' Trainer or with differential privacy."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from transformers import TrainerCallback

from headstart.adapters.adapter import UpdateHooks
from headstart.data.batching import NOT_INPUTS
from headstart.hardware import sent
from headstart.process_state import product_precision_kept
from headstart.store.metrics_log import MetricsLog
from headstart.training import features as cached
from headstart.training.arguments import CHECKPOINTING, build_arguments, overrides_for
from headstart.training.batch_parts import BatchParts
from headstart.training.callbacks import (
    AfterRegularisedUpdate,
    AfterUpdate,
    DropoutStream,
    EndEarly,
    GradientsArrive,
    LogMetrics,
    ProgressReport,
    TimedCheckpoints,
    trusted_checkpoint,
    updates_per_entry,
)
from headstart.training.contrastive import ContrastiveObjective, build_stage_loss, vectors_as_logits
from headstart.training.fitting_passes import Passes, passes_of
from headstart.training.objective import Objective
from headstart.training.private.accounting import Mechanism
from headstart.training.private.gradients import watched
from headstart.training.private.loop import PrivateUpdates
from headstart.training.private.randomness import SecureRandom
from headstart.training.regularisers.catalogue import build_regulariser
from headstart.training.regularisers.regulariser import RegularisedStage, StageView
from headstart.training.schedules import num_warmup_steps, schedule_factor
from headstart.training.stage_batches import StageBatches
from headstart.training.stage_length import StageLength, build_until
from headstart.training.stage_values import StageInputs
from headstart.training.trackers import close_trackers
from headstart.training.trainables import Trainables
from headstart.training.trainer import StageTrainer


@dataclass(frozen=True, slots=True, kw_only=True)
class Updates:
    """What all updates of a stage took: their number, wall seconds, those of checks beside them, examples, tokens.

    `batch_parts` is in how many parts each batch was computed at the end: 1 unless memory did not suffice.
    `gradient_checkpointing` is whether activations were computed a second time in place of being kept.
    """

    num_steps: int
    seconds: float
    checks_seconds: float
    num_examples_seen: int
    num_tokens_seen: int
    batch_parts: int = 1
    gradient_checkpointing: bool = False


def run_updates(
    inputs: StageInputs, trainables: Trainables, gradients: GradientsArrive, hooks: UpdateHooks | None
) -> Updates:
    """Train a stage, going on from its checkpoint where it has one.

    Raises:
        DivergedError: if a loss is not finite.
        InvariantError: if a declared tensor never had a gradient.
    """
    log = MetricsLog(inputs.folder)
    batches = StageBatches.of(inputs)
    # Evaluation is in fp32, whatever an update may round.
    with (
        product_precision_kept(),
        _backbone_mode(inputs),
        _with_stage_loss(inputs) as inputs,
        _regularised(inputs, trainables) as regularised,
    ):
        passes = passes_of(inputs, trainables.model, partial(_loss, inputs, trainables.model))
        may_split = not isinstance(inputs.objective, ContrastiveObjective)
        parts = BatchParts(passes.parts, may_split=may_split, ranks=inputs.ranks)
        trainer = _build_trainer(inputs, trainables, batches, gradients, regularised, hooks, log, parts, passes)
        checkpoint = inputs.ranks.from_first(lambda: trusted_checkpoint(inputs.folder))
        try:
            trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
        finally:
            close_trackers(inputs.options.trackers)
        num_steps = trainer.state.global_step
        trainer.check_finite()
        gradients.close(num_steps)
        trainer.leave_autocast()
        trainer.free_memory()
    rows_seen = batches.rows_seen(num_steps)
    return Updates(
        num_steps=num_steps,
        seconds=log.elapsed(),
        checks_seconds=trainer.checks_seconds,
        num_examples_seen=len(rows_seen),
        num_tokens_seen=sum(inputs.rows.lengths[row] for row in rows_seen),
        batch_parts=parts.number,
        gradient_checkpointing=passes.recomputes,
    )


def run_private_updates(
    inputs: StageInputs, mechanism: Mechanism, trainables: Trainables, gradients: GradientsArrive
) -> Updates:
    """Train with differential privacy; the number and length of the sampled rows stay secret."""
    if not isinstance(inputs.objective, Objective):
        raise ValueError("private training needs an objective that takes rows one by one")
    device = inputs.config.device
    with (
        watched(inputs.classifier, trainables.model, inputs.objective, device=device) as examples,
        _backbone_mode(inputs),
    ):
        seconds = PrivateUpdates(
            inputs=inputs,
            mechanism=mechanism,
            trainables=trainables,
            examples=examples,
            arriving=gradients,
            random=SecureRandom(),
        ).run()
    return Updates(
        num_steps=inputs.stage.num_steps,
        seconds=seconds,
        checks_seconds=0.0,
        num_examples_seen=inputs.stage.num_steps * inputs.config.batch_size,
        num_tokens_seen=0,
    )


@contextmanager
def _with_stage_loss(inputs: StageInputs) -> Iterator[StageInputs]:
    """Put the stage's own loss in the place of the run's, where it has one."""
    loss = build_stage_loss(inputs.stage.loss)
    if loss is None:
        yield inputs
        return
    objective = ContrastiveObjective(kind=inputs.classifier.kind, temperature=loss.temperature)
    with vectors_as_logits(inputs.classifier):
        yield replace(inputs, objective=objective)


@contextmanager
def _regularised(inputs: StageInputs, trainables: Trainables) -> Iterator[RegularisedStage]:
    """Start the stage's regulariser, and undo at the end what it did to the model beside its parameters."""
    stage = build_regulariser(inputs.stage.regulariser).start(
        StageView(
            model=trainables.model.to(inputs.config.device),
            backbone=trainables.in_order(trainables.backbone),
            adapter=trainables.in_order(trainables.adapter),
            num_steps=inputs.stage.num_steps,
            folder=inputs.folder,
            batches=lambda: _batches(inputs),
            loss=lambda model, batch: _loss(inputs, model, batch),
        )
    )
    try:
        yield stage
    finally:
        stage.end()


def _batches(inputs: StageInputs) -> Iterator[dict[str, Any]]:
    """Return the stage's rows once, in their stored order."""
    rows: Any = inputs.rows.dataset
    for first in range(0, len(inputs.rows.lengths), inputs.config.batch_size):
        last = min(first + inputs.config.batch_size, len(inputs.rows.lengths))
        batch = inputs.rows.collate([rows[row] for row in range(first, last)])
        yield {name: sent(tensor, inputs.config.device) for name, tensor in batch.items()}


def _loss(inputs: StageInputs, model: torch.nn.Module, batch: dict[str, Any]) -> torch.Tensor:
    if inputs.objective is None:
        loss: torch.Tensor = model(**batch).loss
        return loss
    logits = model(**{name: tensor for name, tensor in batch.items() if name not in NOT_INPUTS}).logits
    return inputs.objective(logits, batch)


@contextmanager
def _backbone_mode(inputs: StageInputs) -> Iterator[None]:
    """For a head on a frozen backbone: replay its cached features, or keep it in eval mode."""
    if not inputs.stage.trainable.features_are_fixed:
        yield
    elif inputs.features is not None:
        with cached.replayed(inputs.classifier, inputs.features, device=inputs.config.device):
            yield
    else:
        with cached.frozen_in_eval(inputs.classifier):
            yield


def _build_trainer(
    inputs: StageInputs,
    trainables: Trainables,
    batches: StageBatches,
    gradients: GradientsArrive,
    regularised: RegularisedStage,
    hooks: UpdateHooks | None,
    log: MetricsLog,
    parts: BatchParts,
    passes: Passes,
) -> StageTrainer:
    stage, optimizer = inputs.stage, inputs.stage.optimizer
    values: dict[str, Any] = {
        "output_dir": str(inputs.folder),
        "max_steps": stage.num_steps,
        "per_device_train_batch_size": batches.batch_size,
        "learning_rate": optimizer.learning_rate,
        "weight_decay": optimizer.weight_decay,
        "adam_beta1": optimizer.beta1,
        "adam_beta2": optimizer.beta2,
        "adam_epsilon": optimizer.epsilon,
        "max_grad_norm": optimizer.max_grad_norm,
        "warmup_steps": num_warmup_steps(optimizer, stage.num_steps),
        "bf16": inputs.config.precision == "bf16",
        "use_cpu": inputs.config.device == "cpu",
        "seed": inputs.seed % 2**32,
        "logging_steps": updates_per_entry(stage.num_steps, inputs.config.device),
        "logging_nan_inf_filter": False,
        "save_strategy": "no",
        "eval_strategy": "no",
        "report_to": list(inputs.options.trackers) or "none",
        "run_name": inputs.run_name,
        "disable_tqdm": True,
        "remove_unused_columns": False,
        "dataloader_pin_memory": inputs.config.device == "cuda",
    }
    if inputs.config.device == "cuda":
        values["optim"] = "adamw_torch_fused"  # Torch's usual one launches a kernel for every few tensors.
    values |= overrides_for(stage.kind, (*inputs.config.overrides, *inputs.options.overrides))
    # What lies in pinned memory is sent while the GPU computes.
    values["accelerator_config"] = {"non_blocking": values["dataloader_pin_memory"]}
    if passes.recomputes:
        values[CHECKPOINTING] = True
    until = build_until(stage.until) if stage.until is not None else None
    length = StageLength(until, num_warmup_steps(optimizer, stage.num_steps))
    around: list[TrainerCallback] = []
    if hooks is not None:  # No checkpoint holds what they remember.
        around.append(AfterUpdate(hooks))
    elif inputs.ranks.is_first:
        around.append(TimedCheckpoints(inputs.folder, inputs.options.checkpoint_seconds))
    progress = [ProgressReport(stage.name, inputs.listener)] if inputs.listener is not None else []
    return StageTrainer(
        model=trainables.model,
        args=build_arguments(values),
        rows=inputs.rows,
        sampler=batches.sampler,
        objective=inputs.objective,
        stage=stage.name,
        schedule=schedule_factor(optimizer, stage.num_steps, stays=stage.until is not None),
        rate_factors=trainables.rate_factors(optimizer),
        gradients=gradients,
        regularised=regularised,
        length=length,
        hooks=hooks or UpdateHooks(),
        parts=parts,
        ranks=inputs.ranks,
        callbacks=[
            DropoutStream(inputs.seed, stage.role, inputs.ranks.rank),
            AfterRegularisedUpdate(regularised),
            EndEarly(length),
            *around,
            LogMetrics(log),
            *progress,
        ],
    )
