"""Train one stage: check its start, attach its adapter, run the updates, check what moved."""

from __future__ import annotations

import re
import shutil
import time
from contextlib import nullcontext
from pathlib import Path

from headstart.adapters.adapter import Adapter, AttachedAdapter
from headstart.adapters.catalogue import build_adapter
from headstart.errors import InvariantError
from headstart.models.layers import layer_of
from headstart.models.parameters import NEVER_A_GRADIENT, digests, own_tensors
from headstart.seeding import derive_seed
from headstart.store.metrics_log import METRICS_FILE, read_metrics
from headstart.training.callbacks import GradientsArrive
from headstart.training.frozen_weights import frozen_in_16_bits, holds_16_bits
from headstart.training.invariants import require_equal, require_unchanged
from headstart.training.quantisation import quantise
from headstart.training.regularisers.catalogue import build_regulariser
from headstart.training.schedules import num_warmup_steps
from headstart.training.stage_values import StageInputs, StageOutcome
from headstart.training.trainables import Trainables, declare
from headstart.training.updates import run_private_updates, run_updates


def train_stage(inputs: StageInputs) -> StageOutcome:
    """Train one stage and hold it to its declaration.

    Raises:
        InvariantError: if the start, the trainable set, the gradients or what changed is not as declared, or processes
            that train together do not have the same weights.
        DivergedError: if a loss is not finite.
    """
    clock = time.perf_counter()
    _check_start(inputs)
    tuned = inputs.stage.trainable.tuned
    if tuned is not None and tuned.width is not None:
        quantise(inputs.classifier, tuned.width, device=inputs.config.device, precision=inputs.config.precision)
    adapter = None if tuned is None else build_adapter(tuned.spec)
    attached = None if adapter is None else _attach(inputs, adapter)
    trainables = declare(inputs.stage, inputs.classifier, attached)
    before_all = digests(own_tensors(trainables.model))
    inputs.ranks.require_same(f"stage {inputs.stage.name}: the start", before_all)
    before = {name: before_all[name] for name in trainables.names}
    checks_seconds = time.perf_counter() - clock

    gradients = GradientsArrive(
        inputs.stage.name,
        trainables.gradient_groups(),
        ("head", "adapter"),
        excused=_without_gradient(inputs, trainables, adapter),
        behind_zero=_matching(trainables.adapter, adapter.behind_zero if adapter else None),
        num_steps=inputs.stage.num_steps,
        num_warmup_steps=num_warmup_steps(inputs.stage.optimizer, inputs.stage.num_steps),
        updates_are_delayed=build_regulariser(inputs.stage.regulariser).delays_updates,
    )
    narrow = frozen_in_16_bits(inputs.classifier) if holds_16_bits(inputs.stage, inputs.options) else nullcontext()
    with narrow:
        if inputs.mechanism is None:
            updates = run_updates(inputs, trainables, gradients, attached.hooks if attached is not None else None)
        else:
            updates = run_private_updates(inputs, inputs.mechanism, trainables, gradients)
        dtypes = trainables.dtypes()

    clock = time.perf_counter()
    after_all = digests(own_tensors(trainables.model))
    inputs.ranks.require_same(f"stage {inputs.stage.name}: the end", after_all)
    require_unchanged(f"stage {inputs.stage.name}: a tensor that was not to be trained", before_all, after_all, before)
    moved = {name for name in before if before[name] != after_all[name]}
    if not moved:
        raise InvariantError(f"stage {inputs.stage.name}: no trainable tensor changed in {updates.num_steps} updates")
    checks_seconds += time.perf_counter() - clock + gradients.seconds + updates.checks_seconds

    _drop_checkpoints(inputs.folder)
    entries = read_metrics(inputs.folder / METRICS_FILE)
    return StageOutcome(
        classifier=inputs.classifier,
        attached=attached,
        model=trainables.model,
        num_steps=updates.num_steps,
        trained=trainables.counted({name: p.numel() for name, p in trainables.tensors().items()}),
        moved=trainables.counted(dict.fromkeys(moved, 1)),
        dtypes=dtypes,
        start_loss=entries[0]["loss"] if entries else None,
        end_loss=entries[-1]["loss"] if entries else None,
        seconds=updates.seconds,
        checks_seconds=checks_seconds,
        num_examples_seen=updates.num_examples_seen,
        num_tokens_seen=updates.num_tokens_seen,
        batch_parts=updates.batch_parts,
        gradient_checkpointing=updates.gradient_checkpointing,
        num_processes=inputs.ranks.size,
    )


def _check_start(inputs: StageInputs) -> None:
    stage = inputs.stage.name
    require_equal(
        f"stage {stage}: the backbone", inputs.expected_backbone, digests(inputs.classifier.backbone_tensors())
    )
    if inputs.expected_head is not None:
        require_equal(f"stage {stage}: the head", inputs.expected_head, digests(inputs.classifier.head_tensors()))


def _without_gradient(inputs: StageInputs, trainables: Trainables, adapter: Adapter | None) -> frozenset[str]:
    """Return the trainable parameters that need not ever get a gradient.

    The architecture and the adapter say what. An adapter of a layer that the head does not read gets none. What is
    added to the one logit of every choice cancels in the softmax.
    """
    names = _matching(trainables.names, NEVER_A_GRADIENT)
    names |= _matching(trainables.adapter, adapter.without_gradient if adapter else None)
    unread = {path for name in inputs.classifier.unread if (path := layer_of(name)) is not None}
    names |= {name for name in trainables.adapter if any(f"{path}." in name for path in unread)}
    if inputs.objective is not None and inputs.objective.kind.shift_cancels:
        tensors = trainables.tensors()
        names |= {name for name in trainables.head if tensors[name].shape == (1,)}
    return names


def _matching(names: frozenset[str], pattern: re.Pattern[str] | None) -> frozenset[str]:
    return frozenset(name for name in names if pattern is not None and pattern.search(name))


def _attach(inputs: StageInputs, adapter: Adapter) -> AttachedAdapter:
    """Put the stage's adapter on its model; it starts from a saved one where there is one to start from."""
    stage, seed = inputs.stage, inputs.seed
    # A copy of a stage draws its adapter from a stream of its own.
    seed = seed if stage.role == stage.kind else derive_seed(seed, f"copy/{stage.role}")
    attached = adapter.attach(inputs.classifier, seed=seed)
    if inputs.adapter_from is not None:
        attached.load(inputs.adapter_from)
    if attached.hooks is not None:
        attached.hooks.begin(stage.num_steps)
    return attached


def _drop_checkpoints(folder: Path) -> None:
    (folder / "checkpoint.json").unlink(missing_ok=True)
    for checkpoint in folder.glob("checkpoint-*"):
        shutil.rmtree(checkpoint)
