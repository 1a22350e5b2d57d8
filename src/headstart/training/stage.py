"""Train one stage: check its start, attach its adapter, run the updates, check what moved."""

from __future__ import annotations

import math
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch.utils.data import Dataset

from headstart.adapters.adapter import Adapter, AttachedAdapter, UpdateHooks
from headstart.data.batching import NOT_INPUTS, LengthBucketSampler
from headstart.errors import InvariantError
from headstart.kinds import TaskKind
from headstart.models.classifier import Classifier
from headstart.models.parameters import digests, own_tensors
from headstart.seeding import derive_seed
from headstart.strategies.strategy import Selection, Stage
from headstart.training import features as cached
from headstart.training.adapter_updates import AfterUpdate, HookedStage
from headstart.training.arguments import build_arguments, overrides_for
from headstart.training.callbacks import (
    METRICS_FILE,
    DropoutStream,
    GradientsArrive,
    MetricsLog,
    ProgressListener,
    ProgressReport,
    TimedCheckpoints,
    read_metrics,
    trusted_checkpoint,
)
from headstart.training.config import RunOptions, TrainingConfig
from headstart.training.invariants import Digests, require_equal, require_unchanged
from headstart.training.losses import Objective
from headstart.training.private.accounting import Mechanism
from headstart.training.private.gradients import watched
from headstart.training.private.loop import PrivateUpdates
from headstart.training.private.randomness import SecureRandom
from headstart.training.quantisation import quantise
from headstart.training.regularisers.catalogue import build_regulariser
from headstart.training.regularisers.regulariser import RegularisedStage, StageView
from headstart.training.schedules import num_warmup_steps, schedule_factor
from headstart.training.trackers import close_trackers
from headstart.training.trainables import GROUPS, Trainables, declare
from headstart.training.trainer import StageData, StageTrainer

NUM_LOG_ENTRIES = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class StageRows:
    """The rows of a stage. `lengths` are tokens per row and decide the buckets; all equal means no buckets."""

    dataset: Dataset[dict[str, Any]]
    collate: cached.Collate
    lengths: Sequence[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class StageJob:
    """Everything that a stage is a function of.

    Attributes:
        classifier: freshly loaded; its backbone and head are already what the stage starts from.
        expected_backbone: digests that the backbone must have before the first update.
        expected_head: digests that the head must have; None for a fresh head.
        objective: what to minimise; None is the model's own loss.
        adapter_from: folder of a saved adapter that the stage's starts from; None for a fresh one.
        features: cached features of the frozen backbone; `rows` are then `FeatureRows`.
        run_name: what a tracker calls the stage.
        mechanism: how the stage is made private; None trains without. A private stage starts anew when called again.
        folder: for metrics and checkpoints; a checkpoint found there is resumed.
    """

    stage: Stage
    classifier: Classifier
    adapter: Adapter | None
    rows: StageRows
    config: TrainingConfig
    options: RunOptions
    seed: int
    folder: Path
    expected_backbone: Digests
    expected_head: Digests | None
    adapter_from: Path | None = None
    objective: Objective | None = None
    features: cached.Features | None = None
    mechanism: Mechanism | None = None
    run_name: str | None = None
    listener: ProgressListener | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StageOutcome:
    """A trained stage.

    Attributes:
        attached: the adapter as it stands on the classifier after training; None without one.
        model: what to call for logits now, adapter included.
        trained: scalars by group; `moved`: tensors that changed by group.
        seconds: wall time of the updates; checks_seconds: of the invariants' checks.
    """

    classifier: Classifier
    attached: AttachedAdapter | None
    model: torch.nn.Module
    trained: dict[str, int]
    moved: dict[str, int]
    dtypes: dict[str, str]
    start_loss: float | None
    end_loss: float | None
    seconds: float
    checks_seconds: float
    num_examples_seen: int
    num_tokens_seen: int

    def head_tensors(self) -> dict[str, torch.Tensor]:
        """Return the head under the plain model's names."""
        return self.attached.head_tensors() if self.attached else self.classifier.head_tensors()


def train_stage(job: StageJob) -> StageOutcome:
    """Train one stage and hold it to its declaration.

    Raises:
        InvariantError: if the start, the trainable set, the gradients or what changed is not as declared.
        DivergedError: if a loss is not finite.
    """
    clock = time.perf_counter()
    _check_start(job)
    if job.stage.quantised is not None:
        quantise(job.classifier, job.stage.quantised, device=job.config.device, precision=job.config.precision)
    attached = _attach(job)
    hooks = attached.hooks if attached is not None else None
    trainables = declare(job.stage, job.classifier, attached)
    before_all = digests(own_tensors(trainables.model))
    before = {name: before_all[name] for name in trainables.names}
    checks_seconds = time.perf_counter() - clock

    gradients = GradientsArrive(
        job.stage.name,
        trainables.gradient_groups(),
        ("head", "adapter"),
        _cancelling(job, trainables),
        num_steps=job.stage.num_steps,
        num_warmup_steps=num_warmup_steps(job.stage.optimizer, job.stage.num_steps),
        updates_are_delayed=build_regulariser(job.stage.regulariser).delays_updates,
    )
    if job.mechanism is None:
        updates = _updates(job, trainables, gradients, hooks)
    else:
        updates = _private_updates(job, job.mechanism, trainables, gradients)

    clock = time.perf_counter()
    after_all = digests(own_tensors(trainables.model))
    require_unchanged(f"stage {job.stage.name}: a tensor that was not to be trained", before_all, after_all, before)
    moved = {name for name in before if before[name] != after_all[name]}
    if not moved:
        raise InvariantError(f"stage {job.stage.name}: no trainable tensor changed in {job.stage.num_steps} updates")
    checks_seconds += time.perf_counter() - clock + gradients.seconds + updates.checks_seconds

    _drop_checkpoints(job.folder)
    entries = read_metrics(job.folder / METRICS_FILE)
    return StageOutcome(
        classifier=job.classifier,
        attached=attached,
        model=trainables.model,
        trained=trainables.counted({name: p.numel() for name, p in trainables.tensors().items()}),
        moved=trainables.counted(dict.fromkeys(moved, 1)),
        dtypes=trainables.dtypes(),
        start_loss=entries[0]["loss"] if entries else None,
        end_loss=entries[-1]["loss"] if entries else None,
        seconds=updates.seconds,
        checks_seconds=checks_seconds,
        num_examples_seen=updates.num_examples_seen,
        num_tokens_seen=updates.num_tokens_seen,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Updates:
    """What all updates of a stage took: wall seconds, those of checks beside them, examples and tokens."""

    seconds: float
    checks_seconds: float
    num_examples_seen: int
    num_tokens_seen: int


def _updates(job: StageJob, trainables: Trainables, gradients: GradientsArrive, hooks: UpdateHooks | None) -> _Updates:
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
    return _Updates(
        seconds=log.elapsed(),
        checks_seconds=trainer.checks_seconds,
        num_examples_seen=len(rows_seen),
        num_tokens_seen=sum(job.rows.lengths[row] for row in rows_seen),
    )


def _private_updates(
    job: StageJob, mechanism: Mechanism, trainables: Trainables, gradients: GradientsArrive
) -> _Updates:
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
    return _Updates(
        seconds=seconds,
        checks_seconds=0.0,
        num_examples_seen=job.stage.num_steps * job.config.batch_size,
        num_tokens_seen=0,
    )


def untrained(classifier: Classifier, seconds: float) -> StageOutcome:
    """Return the outcome of a stage without updates: `classifier` as it stands, made in `seconds`."""
    nothing = dict.fromkeys(GROUPS, 0)
    return StageOutcome(
        classifier=classifier,
        attached=None,
        model=classifier.model,
        trained=nothing,
        moved=nothing,
        dtypes={},
        start_loss=None,
        end_loss=None,
        seconds=seconds,
        checks_seconds=0.0,
        num_examples_seen=0,
        num_tokens_seen=0,
    )


def _check_start(job: StageJob) -> None:
    stage = job.stage.name
    require_equal(f"stage {stage}: the backbone", job.expected_backbone, digests(job.classifier.backbone_tensors()))
    if job.expected_head is not None:
        require_equal(f"stage {stage}: the head", job.expected_head, digests(job.classifier.head_tensors()))


def _cancelling(job: StageJob, trainables: Trainables) -> frozenset[str]:
    """Return head tensors that cannot matter: what is added to the one logit of every choice cancels in the softmax."""
    if job.objective is None or job.objective.kind is not TaskKind.MULTIPLE_CHOICE:
        return frozenset()
    tensors = trainables.tensors()
    return frozenset(name for name in trainables.head if tensors[name].shape == (1,))


def _attach(job: StageJob) -> AttachedAdapter | None:
    """Put the stage's adapter on its model, with what a saved one learned where it starts from that."""
    if job.adapter is None:
        return None
    attached = job.adapter.attach(job.classifier, seed=_adapter_seed(job))
    if job.adapter_from is not None:
        attached.load(job.adapter_from)
    if attached.hooks is not None:
        attached.hooks.begin(job.stage.num_steps)
    return attached


def _adapter_seed(job: StageJob) -> int:
    """Return the root of the adapter's stream: a copy of a stage has one of its own."""
    stage = job.stage
    return job.seed if stage.role == stage.kind else derive_seed(job.seed, f"copy/{stage.role}")


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


def _drop_checkpoints(folder: Path) -> None:
    (folder / "checkpoint.json").unlink(missing_ok=True)
    for checkpoint in folder.glob("checkpoint-*"):
        shutil.rmtree(checkpoint)
