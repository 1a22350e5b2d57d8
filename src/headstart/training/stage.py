"""Train one stage: check its start, attach its adapter, run the updates, check what moved."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

from headstart.adapters.adapter import AttachedAdapter
from headstart.errors import InvariantError
from headstart.models.parameters import digests, own_tensors
from headstart.seeding import derive_seed
from headstart.training.callbacks import METRICS_FILE, GradientsArrive, read_metrics
from headstart.training.invariants import require_equal, require_unchanged
from headstart.training.job import StageJob, StageOutcome
from headstart.training.quantisation import quantise
from headstart.training.regularisers.catalogue import build_regulariser
from headstart.training.schedules import num_warmup_steps
from headstart.training.trainables import Trainables, declare
from headstart.training.updates import run_private_updates, run_updates


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
        updates = run_updates(job, trainables, gradients, hooks)
    else:
        updates = run_private_updates(job, job.mechanism, trainables, gradients)

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


def _check_start(job: StageJob) -> None:
    stage = job.stage.name
    require_equal(f"stage {stage}: the backbone", job.expected_backbone, digests(job.classifier.backbone_tensors()))
    if job.expected_head is not None:
        require_equal(f"stage {stage}: the head", job.expected_head, digests(job.classifier.head_tensors()))


def _cancelling(job: StageJob, trainables: Trainables) -> frozenset[str]:
    """Return head tensors that cannot matter: what is added to the one logit of every choice cancels in the softmax."""
    if job.objective is None or not job.objective.kind.shift_cancels:
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


def _drop_checkpoints(folder: Path) -> None:
    (folder / "checkpoint.json").unlink(missing_ok=True)
    for checkpoint in folder.glob("checkpoint-*"):
        shutil.rmtree(checkpoint)
