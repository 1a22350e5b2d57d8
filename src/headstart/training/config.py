"""What a run trains with beside its stages: batches, lengths, precision, attention and device, resolved by rule."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from headstart.data.tokenisation import Truncation
from headstart.losses import LossConfig
from headstart.stored_names import require_part
from headstart.training.trainer_fields import NEUTRAL, refuse_owned

WIDTHS = ("8bit", "4bit")
"""Of a quantised backbone."""
FULL, STORED = "fp32", "checkpoint"
FROZEN_PRECISIONS = (FULL, STORED)
"""Of what a stage with an adapter does not train."""
DEFAULT_FIRST_FRACTION = 0.5
"""Of a privacy budget, for the first of two stages."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainerOverride:
    """One `TrainingArguments` field set by the user; `stage` limits it to the stage of that name."""

    field: str
    value: bool | int | float | str
    stage: str | None = None

    def __post_init__(self) -> None:
        refuse_owned(self.field)


@dataclass(frozen=True, slots=True, kw_only=True)
class PrivacyConfig:
    """A budget of differential privacy, and the stages that it is for.

    Attributes:
        epsilon: of all private stages together, above 0.
        delta: above 0, and below one over the number of training rows.
        stages: "all", "first" or "last".
        first_fraction: share of epsilon that the first of two private stages spends, above 0 and below 1.
        max_grad_norm: the L2 norm that each example's gradient is clipped to, above 0.
    """

    epsilon: float
    delta: float
    stages: str = "all"
    first_fraction: float = DEFAULT_FIRST_FRACTION
    max_grad_norm: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingConfig:
    """Training values that every stage of a run shares. All of them change results, so all enter the digest.

    Attributes:
        batch_size: examples per optimiser update and device.
        max_length: tokens per example, special tokens included; longer ones are truncated. Samples that are read of a
            sound; 1 for images.
        truncation: what happens to longer ones: which text of a pair loses tokens, or how windows are laid over it.
        stride: tokens that two neighbouring windows share.
        precision: "fp32" or "bf16" (autocast; trainable weights stay fp32). Evaluation is always fp32.
        attention: implementation inside transformers, "sdpa" or "eager"; None only in older experiments, where
            transformers chose.
        device: "cpu" or "cuda".
        overrides: further `TrainingArguments` fields that can change results.
        privacy: train with differential privacy; None without.
    """

    batch_size: int = 16
    max_length: int = 256
    truncation: Truncation = "longest_first"
    stride: int = 0
    loss: LossConfig = field(default_factory=LossConfig)
    precision: str = "fp32"
    attention: str | None = "eager"
    device: str = "cpu"
    overrides: tuple[TrainerOverride, ...] = ()
    privacy: PrivacyConfig | None = None

    def __post_init__(self) -> None:
        if self.attention is not None:
            require_part("`attention`", self.attention)  # A name with a slash is that of code on the hub.
        if neutral := [each.field for each in self.overrides if each.field in NEUTRAL]:
            raise ValueError(f"`trainer` {neutral[0]} changes no result and belongs to no experiment")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """What a run may do differently without a different result.

    Attributes:
        checkpoint_seconds: the most time between two checkpoints inside a stage; a killed run redoes at most this much.
        keep_backbone: store the final backbone, so that the model can be exported without running again.
        diagnostics: measure what stages do to features, weights and probabilities.
        evaluates_each_stage: score the end of every stage, and not of the last one alone; diagnostics always do.
        trackers: services that runs are passed on to, by transformers' names.
        overrides: `TrainingArguments` fields that cannot change results (logging, data-loader workers).
        adapter_from: where a saved adapter lies that stages start from; its content stands in their plan.
        frozen_precision: of the frozen linear maps while an adapter trains: "fp32", or "checkpoint" for the
            checkpoint's own 16 bits, which hold the same numbers.
        fits_memory: find before a stage's first update in how many parts its batches fit into memory, and whether only
            with gradient checkpointing.
    """

    checkpoint_seconds: float = 120.0
    keep_backbone: bool = False
    diagnostics: bool = False
    evaluates_each_stage: bool = True
    trackers: tuple[str, ...] = ()
    overrides: tuple[TrainerOverride, ...] = ()
    adapter_from: Path | None = None
    frozen_precision: str = FULL
    fits_memory: bool = False


def resolve_attention(device: str) -> str | None:
    """Return the attention implementation: eager on a CPU, where it trains faster with dropout on.

    On a GPU None: transformers takes sdpa wherever the architecture has it.
    """
    return "eager" if device == "cpu" else None
