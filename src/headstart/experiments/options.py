"""What a person may ask of a training: the same options on the command line, in recipes and in Python."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headstart.adapters.names import check_adapter_name
from headstart.adapters.rates import DEFAULT_FIRST as LORA_FIRST
from headstart.errors import UsageError, unknown_name
from headstart.experiments.recipes import (
    BASE,
    DEFAULT,
    DEFAULT_EPOCHS,
    DEFAULT_MAX_STEPS,
    DEFAULT_MIN_EPOCHS,
    DEFAULT_MIN_STEPS,
    LARGE,
    PAPER,
    SMALL,
    get_preset,
    steps_per_epoch,
    usual_steps,
)
from headstart.hardware import check_device, check_precision
from headstart.losses import LossConfig
from headstart.option import named, option, split_list
from headstart.registry import Spec
from headstart.strategies.catalogue import AUTO, build_strategy
from headstart.training.arguments import accumulated_batches, parse_overrides
from headstart.training.config import FROZEN_PRECISIONS, FULL, WIDTHS, PrivacyConfig, TrainerOverride
from headstart.training.private.budget import parse_privacy
from headstart.training.stage_length import build_until
from headstart.training.trackers import check_tracker

DEFAULT_MODEL = "embedded:minilm-l6"
CROSS_ENTROPY = Spec("cross_entropy")
LONG_TEXTS = ("truncate", "head_tail", "window")
USUAL_LENGTH = (
    f"{DEFAULT_EPOCHS}, held between {DEFAULT_MIN_STEPS} and {DEFAULT_MAX_STEPS:,} updates, and never under "
    f"{DEFAULT_MIN_EPOCHS}"
)
SIZES = "a backbone of under 60 million, under 200 million, or more parameters"
USUAL_RATES = f"{SMALL.finetune:g}, {BASE.finetune:g} or {LARGE.finetune:g} for {SIZES}"
USUAL_STAGE1_RATES = (
    f"of a head alone {SMALL.probe:g}, {BASE.probe:g} or {LARGE.probe:g} by the same sizes, of LoRA "
    f"{LORA_FIRST.small:g}, {LORA_FIRST.base:g} or {LORA_FIRST.large:g}"
)
STAGE1_UNTIL = (
    "End Stage 1 before its share is used up, and leave the rest to Stage 2: accuracy[:target=0.9:window=10], once as "
    "many of the last training batches' answers are right, or plateau[:window=20:tolerance=0.01], once their loss no "
    "longer falls."
)
BY_MEMORY = "auto"
"""As `batch_size`: the rows of an update are the preset's, and how many go through the model at once is found out."""
MODEL_HELP = (
    "A hub id, such as OWNER/NAME or OWNER/NAME@REVISION (a branch, a tag or a commit), a local folder, "
    "embedded:minilm-l6 (which comes with the extra 'demo') or embedded:mpnet-base."
)
LEAST_SECONDS, USUAL_SECONDS, MOST_SECONDS = 0.25, 10.0, 60.0
"""Of a sound: the fewest that models read, what is read unless somebody asks for more, and the most."""
MIN_LENGTH = 3
"""Tokens of the shortest example: two special ones and one of the text."""


def _hold(options: object, name: str, is_allowed: Callable[[Any], bool], allowed: str) -> None:
    """Refuse a value that is not allowed; None is always."""
    value = getattr(options, name)
    if value is not None and not is_allowed(value):
        raise UsageError(f"`{name}` was given as {value}", allowed=f"  {allowed}")


def _is_batch_size(value: int | str) -> bool:
    return value >= 1 if isinstance(value, int) else value == BY_MEMORY


def _read_batch_size(text: str) -> int | str:
    if text == BY_MEMORY:
        return text
    try:
        return int(text)
    except ValueError as error:
        raise UsageError(
            f"`batch_size` was given as {text!r}", allowed=f"  It is a whole number from 1 on, or {BY_MEMORY}."
        ) from error


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskOptions:
    """Where tasks are found, and what else the finished model is scored on."""

    data_root: Path | None = option(
        None, "Folder with tasks as <suite>/<task>/<split>.jsonl, in place of the hub.", read=Path
    )
    evaluate_on: tuple[str, ...] = option(
        (),
        "Further tasks or files with the same labels that the finished model is scored on: super_glue/axg. Each of "
        "their rows counts once.",
        read=split_list,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelOptions:
    """The model and its head."""

    model: str = option(
        DEFAULT_MODEL,
        MODEL_HELP,
    )
    head: Spec | None = option(
        None,
        "native (the model's own), linear, mlp (the paper's) or fourier_kan; with options as in mlp:hidden_size=1024. "
        "(Default: the preset's.)",
        read=Spec.parse,
    )
    keep_head: bool = option(False, "Start from the checkpoint's own head instead of a fresh one.")


@dataclass(frozen=True, slots=True, kw_only=True)
class MethodOptions:
    """One way to fine-tune: a column of a comparison."""

    strategy: Spec = option(
        AUTO,
        "auto (candidates race, and the best one learns from all rows), or one by name: finetune, linear_probe, lp_ft, "
        "eh_ft, adapter, ... with options as in eh_ft:reserve (docs/strategies has a card for each).",
        read=Spec.parse,
    )
    adapter: Spec | None = option(
        None,
        "lora, bitfit, prefix, bottleneck, dora, ia3, ... or peft:TYPE (docs/adapters.md); with options as in "
        "lora:rank=16. (Default: lora, where the strategy takes an adapter.)",
        read=Spec.parse,
    )
    learning_rate: float | None = option(
        None, f"Peak learning rate of the stages that train the backbone. (Default: {USUAL_RATES}.)"
    )
    stage1_learning_rate: float | None = option(
        None,
        f"Peak learning rate of the stages that train only a head or an adapter. (Default: {USUAL_STAGE1_RATES}.)",
    )
    stage1_fraction: float | None = option(
        None, "Stage 1's share of all updates: 0 or more, and under 1. (Default: 0.1.)"
    )
    stage1_until: Spec | None = option(None, STAGE1_UNTIL, read=Spec.parse)

    def __post_init__(self) -> None:
        if self.strategy != AUTO:
            build_strategy(self.strategy)
        if self.adapter is not None:
            check_adapter_name(self.adapter)
        if self.stage1_until is not None:
            build_until(self.stage1_until)
        _hold(self, "learning_rate", lambda value: 0 < value < math.inf, "It is above 0, and finite.")
        _hold(self, "stage1_learning_rate", lambda value: 0 < value < math.inf, "It is above 0, and finite.")
        _hold(
            self,
            "stage1_fraction",
            lambda value: 0 <= value < 1,
            "It is Stage 1's share of all steps: 0 (plain fine-tuning) or more, and under 1.",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingOptions:
    """How long, on what batches, and what is minimised: all columns of a comparison share this."""

    preset: str = option("default", "default, paper or paper_code.")
    epochs: float | None = option(
        None,
        f"Passes over the training rows, all stages together. (Default: {USUAL_LENGTH}; the paper's presets: the "
        "paper's table.)",
    )
    steps: int | None = option(None, "Updates, all stages together, instead of `epochs`.")
    budget_factor: float | None = option(None, "Multiply the preset's number of updates by this. (Default: 1.)")
    batch_size: int | str | None = option(
        None,
        "Rows per update, or per batch where `trainer` sets gradient_accumulation_steps. "
        f"(Default: {DEFAULT.batch_size}; the paper's presets: {PAPER.batch_size}.) auto keeps the default's rows, and "
        "finds before training how many of them fit into memory at once.",
        read=_read_batch_size,
    )
    label_names: bool = option(
        False,
        "Each class's name is one more training row: 'card_arrival' is the text \"card arrival\" of that class. Worth "
        "it where classes have few rows and names say what they mean. (`strategy` auto finds out by itself.)",
    )
    stage1_on_top: bool = option(
        False, "Add Stage 1's updates to the others: Stage 2 keeps all of `epochs` or `steps`."
    )
    adapter_from: Path | None = option(
        None, "Folder of a saved adapter (`save_adapter`) that the adapter starts from.", read=Path
    )
    quantise_stage1: str | None = option(
        None, "8bit or 4bit: quantise the frozen backbone of a first stage with an adapter. Needs a GPU."
    )
    frozen_precision: str = option(
        FULL,
        "fp32, or checkpoint: what a stage with an adapter does not train stays in the 16 bits that the checkpoint has "
        "it in. Half the memory for it, and the same results.",
    )
    max_length: int | None = option(
        None,
        f"Tokens per row. (Default: {DEFAULT.max_length}, or fewer where the model reads fewer; the paper's presets: "
        f"{PAPER.max_length}.)",
    )
    long: str | None = option(
        None,
        "What happens to texts that are longer: truncate, head_tail (the middle is cut out) or window (read in "
        "windows, whose logits are averaged). (Default: truncate.)",
    )
    stride: int | None = option(
        None, "Tokens that two neighbouring windows share. (Default: a quarter of `max_length`.)"
    )
    clip_seconds: float | None = option(
        None,
        f"Seconds of a sound that are read, {LEAST_SECONDS:g} to {MOST_SECONDS:g}: the rest of a longer one is left "
        f"out, and a shorter one is filled with silence. (Default: the longest one's, at most {USUAL_SECONDS:g}.)",
    )
    loss: Spec = option(
        CROSS_ENTROPY,
        "cross_entropy, focal[:gamma=2], balanced_softmax or logit_adjusted[:tau=1]. Regression always uses the mean "
        "squared error.",
        read=Spec.parse,
    )
    label_smoothing: float = option(0.0, "Share of each target that is spread over all classes: 0 or more, under 1.")
    class_weights: str = option("none", "none, balanced, or a JSON file that maps each label to its weight.")
    precision: str = option("auto", "auto (bf16 where the hardware computes it natively), fp32 or bf16.")
    device: str | None = option(None, "cpu or cuda. (Default: a GPU where there is one.)")
    dp: PrivacyConfig | None = option(
        None,
        "Train with differential privacy: epsilon=8,delta=1e-5, and where wanted stages=all, first or last, "
        "first_fraction=0.5, max_grad_norm=1.0. Needs the extra 'dp'.",
        read=parse_privacy,
    )
    tracker: tuple[str, ...] = option(
        (), "Pass what is logged on to tensorboard, mlflow, wandb or trackio; several as a,b.", read=split_list
    )
    trainer: tuple[TrainerOverride, ...] = option(
        (),
        "Set a field of transformers' TrainingArguments: KEY=VALUE, or stage.KEY=VALUE for one stage. May be repeated.",
        read=parse_overrides,
    )

    def __post_init__(self) -> None:
        get_preset(self.preset)
        check_precision(self.precision)
        if self.device is not None:
            check_device(self.device)
        LossConfig(spec=self.loss).loss  # noqa: B018 - raises where it is unknown
        for tracker in self.tracker:
            check_tracker(tracker)
        if self.long is not None and self.long not in LONG_TEXTS:
            raise unknown_name("way with long texts", self.long, LONG_TEXTS)
        if self.stride is not None and self.long != "window":
            raise UsageError(
                "`stride` would have no effect: it is for sliding windows", remedy="  Give `long` as window."
            )
        ways = [name for name in ("epochs", "steps", "budget_factor") if getattr(self, name) is not None]
        if len(ways) > 1:
            raise UsageError(f"{named(ways)} were given", allowed="  One of them decides the length.")
        for name in ways:
            _hold(self, name, lambda value: 0 < value < math.inf, "It is above 0, and finite.")
        _hold(self, "batch_size", _is_batch_size, f"It is at least 1, or {BY_MEMORY}.")
        if self.dp is not None:
            self._check_private_memory()
        _hold(self, "max_length", lambda value: value >= MIN_LENGTH, f"It is at least {MIN_LENGTH}.")
        _hold(
            self,
            "clip_seconds",
            lambda value: LEAST_SECONDS <= value <= MOST_SECONDS,
            f"It is {LEAST_SECONDS:g} to {MOST_SECONDS:g}.",
        )
        _hold(self, "stride", lambda value: value >= 0, "Two windows share 0 or more tokens.")
        _hold(self, "label_smoothing", lambda value: 0 <= value < 1, "It is 0 or more, and under 1.")
        if self.frozen_precision not in FROZEN_PRECISIONS:
            raise unknown_name("precision of frozen weights", self.frozen_precision, FROZEN_PRECISIONS)
        _hold(self, "quantise_stage1", lambda value: value in WIDTHS, f"Known: {', '.join(WIDTHS)}.")

    @property
    def rows_per_batch(self) -> int:
        """`batch_size` where it is a number, else the preset's."""
        return self.batch_size if isinstance(self.batch_size, int) else get_preset(self.preset).batch_size

    def _check_private_memory(self) -> None:
        """Refuse what private training has not: it computes each row's own gradient, in a loop of its own."""
        asked = {"batch_size": self.batch_size == BY_MEMORY, "frozen_precision": self.frozen_precision != FULL}
        if given := [name for name, is_asked in asked.items() if is_asked]:
            raise UsageError(
                f"{named(given)} would have no effect: private training goes through its rows in its own way",
                remedy="  Leave it out, or leave `dp` out.",
            )

    def steps_per_epoch(self, num_rows: int, stage: str | None = None) -> int:
        """Return the updates in which a stage sees `num_rows` rows once; without its kind, where none is named."""
        return steps_per_epoch(num_rows, self.rows_per_batch * accumulated_batches(stage, self.trainer))

    def num_steps(self, task: str, num_rows: int) -> int:
        """Return the optimiser updates of all stages together.

        Args:
            task: its name.
            num_rows: to train on.

        Raises:
            UsageError: if the paper's preset says nothing about this task, or `trainer` accumulates no whole batches.
        """
        per_epoch = self.steps_per_epoch(num_rows)
        if self.steps is not None:
            return self.steps
        if self.epochs is not None:
            return max(1, round(self.epochs * per_epoch))
        usual = usual_steps(get_preset(self.preset), task, per_epoch)
        return usual if self.budget_factor is None else max(1, round(self.budget_factor * usual))


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionOptions:
    """How the finished model decides; the training is the same."""

    tune_thresholds: bool = option(
        False,
        "Several labels a row: tune the probability from which on a row gets a label, one for each, on held-out rows "
        "and for its F1. Without it that is 0.5.",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """All that is asked of one experiment, beside its data."""

    model: ModelOptions = ModelOptions()
    method: MethodOptions = MethodOptions()
    training: TrainingOptions = TrainingOptions()
