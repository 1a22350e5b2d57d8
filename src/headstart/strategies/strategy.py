"""Strategies plan, stages are values.

A strategy is one published way to fine-tune. It turns a budget and a recipe into a tuple of stages, and that tuple is
all the engine sees: the difference between papers is data.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from headstart.registry import Spec


class Start(StrEnum):
    """Where a stage's backbone comes from."""

    PRETRAINED = "pretrained"
    """The checkpoint's own weights, bit for bit."""
    PREVIOUS = "previous"
    """The backbone as the previous stage left it."""
    MERGED = "merged"
    """The pretrained weights plus what the previous stage's adapter adds to them (the paper's "reserve")."""


class HeadOrigin(StrEnum):
    """Where a stage's head comes from."""

    FRESH = "fresh"
    PREVIOUS = "previous"


class Selection(StrEnum):
    """Which parameters a stage trains."""

    HEAD = "head"
    ADAPTER_AND_HEAD = "adapter_and_head"
    ALL = "all"


class ScheduleName(StrEnum):
    """Learning-rate schedules, each with a warm-up from zero."""

    LINEAR = "linear"
    """Linear decay to zero at the stage's last step."""
    PAPER_CODE = "paper_code"
    """The official code's real schedule: 5 % of the peak for 100 steps, warm-up, decay to 10 % of the peak."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Optimizer:
    """AdamW with bias correction. Weight decay spares biases and normalisation layers."""

    learning_rate: float
    weight_decay: float = 0.01
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8
    max_grad_norm: float = 1.0
    warmup_fraction: float = 0.1
    schedule: ScheduleName = ScheduleName.LINEAR


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One training phase: where weights start, which of them move, how long and how fast.

    `role` keys the random streams: stages of equal role see the same data order and dropout at one seed, in whatever
    strategy they stand.
    """

    name: str
    role: str
    start: Start
    head_from: HeadOrigin
    trainable: Selection
    adapter: Spec | None = None
    optimizer: Optimizer
    num_steps: int

    def __post_init__(self) -> None:
        if self.num_steps <= 0:
            raise ValueError(f"stage {self.name!r} has {self.num_steps} steps; a stage of none is left out of the plan")
        if (self.trainable is Selection.ADAPTER_AND_HEAD) != (self.adapter is not None):
            raise ValueError(f"stage {self.name!r}: an adapter is attached exactly when it is trained")


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """Total optimiser updates of a run, and the share of them that a first stage takes (0 to 1)."""

    num_steps: int
    stage1_fraction: float = 0.1

    def split(self) -> tuple[int, int]:
        """Return the steps of Stage 1 and Stage 2; they add up to the total (Python's rounding: half to even)."""
        first = round(self.stage1_fraction * self.num_steps)
        return first, self.num_steps - first


@dataclass(frozen=True, slots=True, kw_only=True)
class StageOptimizers:
    """What a recipe says about each role, already resolved for one model, task and adapter."""

    finetune: Optimizer
    probe: Optimizer
    adapter: Optimizer | None = None
    """Adapter and head as Stage 1."""
    adapter_alone: Optimizer | None = None
    """Adapter and head as the whole training."""


@dataclass(frozen=True, slots=True)
class Strategy(ABC):
    """A published way to fine-tune. Subclasses are final, frozen and listed in `strategies.catalogue`."""

    name: ClassVar[str]
    takes_adapter: ClassVar[bool] = False
    has_first_stage: ClassVar[bool] = False
    """True when `stage1_fraction` means something."""
    tunes_backbone: ClassVar[bool] = True
    """False for strategies that train a head or an adapter and stop there."""
    source: ClassVar[str] = ""

    @property
    def tunes_head_first(self) -> bool:
        """Whether a stage trains head or adapter without the backbone, so that Stage 1's learning rate is used."""
        return self.has_first_stage or not self.tunes_backbone

    @abstractmethod
    def plan(self, budget: Budget, optimizers: StageOptimizers, adapter: Spec | None = None) -> tuple[Stage, ...]:
        """Return the stages in order; their steps add up to the budget's."""
