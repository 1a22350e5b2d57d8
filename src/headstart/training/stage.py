"""Train one stage: check its start, attach its adapter, run the updates, check what moved."""

from __future__ import annotations

import math
import re
import shutil
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch.utils.data import Dataset

from headstart.adapters.adapter import Adapter, AttachedAdapter
from headstart.data.batching import LengthBucketSampler
from headstart.errors import InvariantError
from headstart.kinds import TaskKind
from headstart.models.classifier import Classifier
from headstart.models.parameters import digests, own_tensors, set_trainable
from headstart.strategies.strategy import Selection, Stage
from headstart.training import features as cached
from headstart.training.arguments import build_arguments, overrides_for
from headstart.training.callbacks import (
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
from headstart.training.invariants import Digests, require_equal, require_trainable, require_unchanged
from headstart.training.losses import Objective
from headstart.training.schedules import num_warmup_steps, schedule_factor
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
        features: cached features of the frozen backbone; `rows` are then `FeatureRows`.
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
    objective: Objective | None = None
    features: cached.Features | None = None
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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Trainables:
    """The declared parameters of the model to train, by group, under that model's names."""

    model: torch.nn.Module
    head: frozenset[str]
    adapter: frozenset[str]
    backbone: frozenset[str]

    @property
    def names(self) -> frozenset[str]:
        return self.head | self.adapter | self.backbone

    def group_of(self, name: str) -> str:
        if name in self.head:
            return "head"
        return "adapter" if name in self.adapter else "backbone"

    def tensors(self) -> dict[str, torch.Tensor]:
        names = self.names
        return {name: p.detach() for name, p in self.model.named_parameters() if name in names}


def train_stage(job: StageJob) -> StageOutcome:
    """Train one stage and hold it to its declaration.

    Raises:
        InvariantError: if the start, the trainable set, the gradients or what changed is not as declared.
        DivergedError: if a loss is not finite.
    """
    clock = time.perf_counter()
    _check_start(job)
    attached = job.adapter.attach(job.classifier, seed=job.seed) if job.adapter is not None else None
    trainables = _declare(job, attached)
    before_all = digests(own_tensors(trainables.model))
    before = {name: before_all[name] for name in trainables.names}
    checks_seconds = time.perf_counter() - clock

    gradients = GradientsArrive(
        job.stage.name, _gradient_groups(trainables), ("head", "adapter"), _cancelling(job, trainables)
    )
    log = MetricsLog(job.folder / "metrics.jsonl")
    sampler = LengthBucketSampler(job.rows.lengths, job.config.batch_size, root_seed=job.seed, role=job.stage.role)
    with _backbone_mode(job):
        trainer = _build_trainer(job, trainables.model, sampler, [gradients, log])
        checkpoint = trusted_checkpoint(job.folder)
        trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
        trainer.check_finite()
    seconds = log.elapsed()

    clock = time.perf_counter()
    after_all = digests(own_tensors(trainables.model))
    require_unchanged(f"stage {job.stage.name}: a tensor that was not to be trained", before_all, after_all, before)
    moved = {name for name in before if before[name] != after_all[name]}
    if not moved:
        raise InvariantError(f"stage {job.stage.name}: no trainable tensor changed in {job.stage.num_steps} updates")
    checks_seconds += time.perf_counter() - clock + gradients.seconds + trainer.checks_seconds

    _drop_checkpoints(job.folder)
    entries = read_metrics(job.folder / "metrics.jsonl")
    rows_seen = _rows_seen(sampler, job)
    return StageOutcome(
        classifier=job.classifier,
        attached=attached,
        model=trainables.model,
        trained=_counted(trainables, {name: p.numel() for name, p in trainables.tensors().items()}),
        moved=_counted(trainables, dict.fromkeys(moved, 1)),
        dtypes={group: _dtype(trainables, group) for group in ("head", "adapter", "backbone")},
        start_loss=entries[0]["loss"] if entries else None,
        end_loss=entries[-1]["loss"] if entries else None,
        seconds=seconds,
        checks_seconds=checks_seconds,
        num_examples_seen=len(rows_seen),
        num_tokens_seen=sum(job.rows.lengths[row] for row in rows_seen),
    )


def _check_start(job: StageJob) -> None:
    stage = job.stage.name
    require_equal(f"stage {stage}: the backbone", job.expected_backbone, digests(job.classifier.backbone_tensors()))
    if job.expected_head is not None:
        require_equal(f"stage {stage}: the head", job.expected_head, digests(job.classifier.head_tensors()))


def _declare(job: StageJob, attached: AttachedAdapter | None) -> _Trainables:
    """Freeze all but what the stage declares, and check it."""
    model = attached.model if attached else job.classifier.model
    parameters = {name for name, _ in model.named_parameters()}
    head = frozenset(attached.head_names if attached else job.classifier.head_names) & parameters
    adapter = frozenset(attached.adapter_names) if attached else frozenset()
    everything = job.stage.trainable is Selection.ALL
    backbone = frozenset(parameters - head - adapter) if everything else frozenset()
    trainables = _Trainables(model=model, head=head, adapter=adapter, backbone=backbone)
    set_trainable(model, trainables.names)
    require_trainable(trainables.names, {name for name, p in model.named_parameters() if p.requires_grad})
    low = sorted(name for name, tensor in trainables.tensors().items() if tensor.dtype != torch.float32)
    if low:
        raise InvariantError(f"stage {job.stage.name}: trainable parameters must be fp32, these are not: {low[:8]}")
    return trainables


def _gradient_groups(trainables: _Trainables) -> dict[str, str]:
    """Return name -> group: the head, each layer's adapter, each block of the backbone."""
    groups = {}
    for name in trainables.names:
        group = trainables.group_of(name)
        if group != "head":
            block = re.match(r"(.*?\.\d+)\.", name)
            group = f"{group} {block.group(1) if block else name.split('.', 1)[0]}"
        groups[name] = group
    return groups


def _cancelling(job: StageJob, trainables: _Trainables) -> frozenset[str]:
    """Return head tensors that cannot matter: what is added to the one logit of every choice cancels in the softmax."""
    if job.objective is None or job.objective.kind is not TaskKind.MULTIPLE_CHOICE:
        return frozenset()
    tensors = trainables.tensors()
    return frozenset(name for name in trainables.head if tensors[name].shape == (1,))


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
    model: torch.nn.Module,
    sampler: LengthBucketSampler,
    callbacks: list[GradientsArrive | MetricsLog],
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
        "report_to": "none",
        "disable_tqdm": True,
        "remove_unused_columns": False,
        "dataloader_pin_memory": job.config.device == "cuda",
    }
    values |= overrides_for(stage.name, (*job.config.overrides, *job.options.overrides))
    extra = [ProgressReport(stage.name, job.listener)] if job.listener is not None else []
    return StageTrainer(
        model=model,
        args=build_arguments(values),
        data=StageData(dataset=job.rows.dataset, collate=job.rows.collate, sampler=sampler),
        objective=job.objective,
        stage=stage.name,
        schedule=schedule_factor(optimizer, stage.num_steps),
        callbacks=[
            DropoutStream(job.seed, stage.role),
            TimedCheckpoints(job.folder, job.options.checkpoint_seconds),
            *callbacks,
            *extra,
        ],
    )


def _rows_seen(sampler: LengthBucketSampler, job: StageJob) -> list[int]:
    """Return the rows of all updates in order; the sampler is a function of the epoch, so it can be asked again."""
    accumulation = int(overrides_for(job.stage.name, job.config.overrides).get("gradient_accumulation_steps", 1))
    num_rows, batch_size = len(job.rows.lengths), job.config.batch_size
    updates_per_epoch = math.ceil(math.ceil(num_rows / batch_size) / accumulation)
    rows: list[int] = []
    for epoch in range(math.ceil(job.stage.num_steps / updates_per_epoch)):
        sampler.set_epoch(epoch)
        num_updates = min(updates_per_epoch, job.stage.num_steps - epoch * updates_per_epoch)
        rows.extend(list(sampler)[: num_updates * accumulation * batch_size])
    return rows


def _counted(trainables: _Trainables, sizes: Mapping[str, int]) -> dict[str, int]:
    counter = Counter({"head": 0, "adapter": 0, "backbone": 0})
    for name, size in sizes.items():
        counter[trainables.group_of(name)] += size
    return dict(counter)


def _dtype(trainables: _Trainables, group: str) -> str:
    kinds = {
        str(p.dtype).removeprefix("torch.")
        for name, p in trainables.model.named_parameters()
        if trainables.group_of(name) == group
    }
    return "+".join(sorted(kinds))


def _drop_checkpoints(folder: Path) -> None:
    (folder / "checkpoint.json").unlink(missing_ok=True)
    for checkpoint in folder.glob("checkpoint-*"):
        shutil.rmtree(checkpoint)
