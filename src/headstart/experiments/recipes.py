"""Presets: how many updates, how fast, with which head; resolved for one task and model before anything runs."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from headstart.adapters.rates import ModelSize
from headstart.data.tokenisation import Truncation
from headstart.errors import UsageError, unknown_name
from headstart.registry import Spec
from headstart.strategies.strategy import Optimizer, ScheduleName, StageOptimizers
from headstart.tasks.task import Task

DEFAULT_EPOCHS = 20
DEFAULT_MIN_STEPS, DEFAULT_MAX_STEPS, DEFAULT_MIN_EPOCHS = 500, 5_000, 3

PAPER_EPOCHS = {
    "glue/rte": 60,
    "super_glue/rte": 60,
    "glue/mrpc": 60,
    "super_glue/boolq": 40,
    "super_glue/wic": 40,
    "super_glue/cb": 400,
    "super_glue/copa": 400,
    "super_glue/wsc": 400,
    "glue/qnli": 10,
    "glue/cola": 20,
    "glue/stsb": 20,
}
"""Total epochs of the official code of Yang et al. (2022)."""

PAPER_MAX_LENGTH = {"super_glue/copa": 256}
"""Where the official code cuts earlier than everywhere else."""

SPAN_HEAD = Spec("linear")
"""For tasks whose examples point at two places: no architecture's own head reads these."""

PAPER_ADAM = Optimizer(
    learning_rate=1e-5, weight_decay=0.01, beta1=0.9, beta2=0.98, epsilon=1e-6, max_grad_norm=0.1, warmup_fraction=0.1
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """Peak learning rates of stages without an adapter, and the size by which adapters choose theirs."""

    finetune: float
    probe: float
    contrastive: float
    size: ModelSize


SMALL = Rates(finetune=1e-4, probe=3e-2, contrastive=5e-5, size="small")
"""Under 60 M parameters. The search is in docs/LOG-until-2026-11-23.md."""

BASE = Rates(finetune=2e-5, probe=1e-3, contrastive=2e-5, size="base")
"""60 to 200 M parameters: the literature's usual values, not searched by us yet."""

LARGE = Rates(finetune=1e-5, probe=1e-3, contrastive=1e-5, size="large")
"""Above 200 M parameters: the paper's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """A named way to train; `paper` takes its epochs from the paper's table."""

    name: str
    batch_size: int
    max_length: int
    truncation: Truncation
    head: Spec
    optimizer: Optimizer
    paper: bool = False


DEFAULT = Preset(
    name="default",
    batch_size=16,
    max_length=256,
    truncation="longest_first",
    head=Spec("native"),
    optimizer=Optimizer(learning_rate=0.0),
)
PAPER = Preset(
    name="paper",
    batch_size=32,
    max_length=512,
    truncation="only_first",
    head=Spec("mlp"),
    optimizer=PAPER_ADAM,
    paper=True,
)
PAPER_CODE = replace(PAPER, name="paper_code", optimizer=replace(PAPER_ADAM, schedule=ScheduleName.PAPER_CODE))
PRESETS = {preset.name: preset for preset in (DEFAULT, PAPER, PAPER_CODE)}


def get_preset(name: str) -> Preset:
    """Return the preset called `name`.

    Raises:
        UsageError: if the name is unknown.
    """
    if name not in PRESETS:
        raise unknown_name("preset", name, PRESETS)
    return PRESETS[name]


def max_length_for(preset: Preset, task: str) -> int:
    """Return the tokens per example of a preset for a task, where the model reads that many."""
    return PAPER_MAX_LENGTH.get(task, preset.max_length) if preset.paper else preset.max_length


def head_for(preset: Preset, task: Task) -> Spec:
    """Return the head of a preset, or one that reads spans where the task has them and the preset's does not."""
    return SPAN_HEAD if task.has_spans and preset.head.name == "native" else preset.head


def rates_for(preset: Preset, task: str, num_backbone_parameters: int) -> Rates:
    """Return the learning rates of a preset for a task and a model's size."""
    if preset.paper:
        return replace(LARGE, finetune=3e-5) if task == "super_glue/wic" else LARGE
    if num_backbone_parameters < 60_000_000:
        return SMALL
    return BASE if num_backbone_parameters < 200_000_000 else LARGE


def stage_optimizers(
    preset: Preset,
    rates: Rates,
    adapter: Spec | None,
    *,
    learning_rate: float | None = None,
    stage1_learning_rate: float | None = None,
) -> StageOptimizers:
    """Return what each role trains with.

    Args:
        preset: gives all but the rates.
        rates: the preset's rates for this task and model.
        adapter: the adapter to train, if any.
        learning_rate: replaces the rate of stages that train the backbone.
        stage1_learning_rate: replaces the rate of stages that train head or adapter, alone or as Stage 1.
    """
    from headstart.adapters.catalogue import build_adapter

    def at(rate: float) -> Optimizer:
        return replace(preset.optimizer, learning_rate=rate)

    first = stage1_learning_rate
    tuned = build_adapter(adapter) if adapter else None
    return StageOptimizers(
        finetune=at(learning_rate or rates.finetune),
        probe=at(first or rates.probe),
        contrastive=at(learning_rate or rates.contrastive),
        adapter=at(first or tuned.rate(rates.size, "adapter")) if tuned else None,
        adapter_alone=at(first or tuned.rate(rates.size, "adapter_alone")) if tuned else None,
    )


def steps_per_epoch(num_rows: int, rows_per_update: int) -> int:
    """Return the updates that see every row once."""
    return math.ceil(num_rows / rows_per_update)


def usual_steps(preset: Preset, task: str, per_epoch: int) -> int:
    """Return a run's optimiser updates, all stages together, where nothing else is asked for.

    Args:
        preset: says how many.
        task: its name, for the paper's table of epochs.
        per_epoch: updates that see every row once.

    Raises:
        UsageError: if the paper says nothing about this task.
    """
    if preset.paper:
        if task not in PAPER_EPOCHS:
            raise UsageError(
                f"the preset {preset.name!r} has no number of epochs for {task!r}",
                allowed=f"  The paper's tasks: {', '.join(sorted(PAPER_EPOCHS))}.",
                remedy="  Give `epochs` or `steps`.",
            )
        return PAPER_EPOCHS[task] * per_epoch
    clamped = min(max(DEFAULT_EPOCHS * per_epoch, DEFAULT_MIN_STEPS), DEFAULT_MAX_STEPS)
    return max(clamped, DEFAULT_MIN_EPOCHS * per_epoch)
