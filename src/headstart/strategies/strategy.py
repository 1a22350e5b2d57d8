"""Strategies plan, stages are values.

A strategy is one published way to fine-tune. It turns a budget and a recipe into a tuple of stages, and that tuple is
all the engine sees: the difference between papers is data.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import ClassVar

from headstart.costs import kind_of, updates_of_passes
from headstart.errors import UsageError
from headstart.registry import Spec
from headstart.strategies.head_origins import AnyHead
from headstart.strategies.selections import AnySelection
from headstart.strategies.starts import AnyStart


class ScheduleName(StrEnum):
    """Learning-rate schedules, each with a warm-up from zero."""

    LINEAR = "linear"
    """Linear decay to zero at the stage's last step."""
    PAPER_CODE = "paper_code"
    """The official code's real schedule: 5 % of the peak for 100 steps, warm-up, decay to 10 % of the peak."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Optimizer:
    """AdamW with bias correction. Weight decay spares biases and normalisation layers.

    Attributes:
        learning_rate: the peak, of the head and of what stands above the highest layer.
        layer_decay: each layer's rate is that of the layer above it times this, from above 0 to 1 (one rate for all).
    """

    learning_rate: float
    weight_decay: float = 0.01
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8
    max_grad_norm: float = 1.0
    warmup_fraction: float = 0.1
    schedule: ScheduleName = ScheduleName.LINEAR
    layer_decay: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One training phase: where weights start, which of them move, how long and how fast.

    Attributes:
        role: keys the random streams: stages of equal role see the same data order, dropout and adapter at one seed,
            in whatever strategy they stand.
        num_steps: its updates; the most of them where it has an `until`.
        regulariser: what is done beside plain gradient descent, by its name in `training.regularisers`.
        loss: what is minimised in place of the run's loss, by its name in `training.contrastive`; it reads what the
            head reads, and leaves the head as it is.
        until: when it ends before that, by the rule's name in `training.stage_length`; its learning rate is constant
            after the warm-up then, and later stages get the updates that it leaves.
    """

    name: str
    role: str
    start: AnyStart
    head_from: AnyHead
    trainable: AnySelection
    optimizer: Optimizer
    num_steps: int
    regulariser: Spec | None = None
    loss: Spec | None = None
    until: Spec | None = None

    def __post_init__(self) -> None:
        if (self.num_steps > 0) != self.trainable.has_updates or self.num_steps < 0:
            raise ValueError(f"stage {self.name!r} has {self.num_steps} steps; leave a stage without steps out")

    @property
    def adapter(self) -> Spec | None:
        """The adapter that trains; None without one."""
        return self.trainable.tuned.spec if self.trainable.tuned else None

    @property
    def own_batch_size(self) -> int | None:
        """Rows of its batches where its loss says how many; None where they are the run's."""
        rows = None if self.loss is None else self.loss.option_dict().get("rows")
        return rows if isinstance(rows, int) else None

    @property
    def trains_head(self) -> bool:
        """Whether the head moves."""
        return self.trainable.has_updates and self.loss is None

    @property
    def kind(self) -> str:
        """The role without the number of a copy: "probe", "adapter", "finetune" or "soup"."""
        return kind_of(self.role)

    def copy(self, number: int) -> Stage:
        """Return the stage under a name of its own; from the second on it has random streams of its own."""
        role = self.role if number == 1 else f"{self.role}/{number}"
        return replace(self, name=f"{self.name}-{number}", role=role)


def split_evenly(num_steps: int, num_parts: int) -> tuple[int, ...]:
    """Return the steps of equal parts, the first ones longer by one where it does not divide."""
    each, rest = divmod(num_steps, num_parts)
    return tuple(each + (part < rest) for part in range(num_parts))


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """Total optimiser updates of a run, and the share of them that a first stage takes (0 to 1).

    Attributes:
        batch_size: rows of an update, which a stage with batches of its own holds its updates against.
        num_rows: to train on, all of which go through the backbone where a head is fitted; 0 where such passes come on
            top of the updates.
    """

    num_steps: int
    stage1_fraction: float = 0.1
    batch_size: int = 16
    num_rows: int = 0

    def split(self) -> tuple[int, int]:
        """Return the steps of Stage 1 and Stage 2; they add up to the total (Python's rounding: half to even)."""
        first = round(self.stage1_fraction * self.num_steps)
        return first, self.num_steps - first

    def after_fits(self, num_fits: int = 1) -> Budget:
        """Return what is left when heads were fitted, each on one pass of all rows through the backbone.

        Raises:
            UsageError: if that is nothing.
        """
        spent = round(updates_of_passes(num_fits * self.num_rows, self.batch_size))
        if spent >= self.num_steps:
            raise UsageError(
                f"to fit a head to {self.num_rows} rows costs as much as {spent} updates, which leaves none of the "
                f"{self.num_steps} to train with",
                remedy="  Give more `steps`, or `stage1_on_top`, which lets the fit come on top of them.",
            )
        return replace(self, num_steps=self.num_steps - spent)


@dataclass(frozen=True, slots=True, kw_only=True)
class StageOptimizers:
    """What a recipe says about each role, already resolved for one model, task and adapter."""

    finetune: Optimizer
    probe: Optimizer
    adapter: Optimizer | None = None
    """Adapter and head as Stage 1."""
    adapter_alone: Optimizer | None = None
    """Adapter and head as the whole training."""
    contrastive: Optimizer | None = None
    """The backbone on a contrastive loss; None is as fine-tuning."""


@dataclass(frozen=True, slots=True)
class Strategy(ABC):
    """A published way to fine-tune. Subclasses are final, frozen and listed in `strategies.catalogue`.

    Their fields are the options that a user may set by name, as in `eh_ft:adapter_kept_fraction=0.3`.
    """

    name: ClassVar[str]
    selection_fraction: ClassVar[float] = 0.0
    """Share of the training rows that a strategy does not train on because it chooses something on them."""

    @property
    def tunes_backbone(self) -> bool:
        """False for strategies that train a head or an adapter and stop there."""
        return True

    @property
    def takes_updates(self) -> bool:
        """Whether anything is trained by updates; a head may be fitted instead."""
        return True

    @property
    def takes_loss(self) -> bool:
        """Whether a stage minimises the run's loss, rather than one of its own."""
        return self.takes_updates

    @property
    def takes_adapter(self) -> bool:
        """Whether a stage trains an adapter."""
        return False

    @property
    def merges_adapter(self) -> bool:
        """Whether a stage starts on weights that an adapter was merged into."""
        return False

    @property
    def has_first_stage(self) -> bool:
        """Whether `stage1_fraction` means something."""
        return False

    @property
    def has_head_start(self) -> bool:
        """Whether a head is trained or fitted before the rest, so that this may come on top of the updates."""
        return self.has_first_stage

    @property
    def num_first_stages(self) -> int:
        """How many stages, each with Stage 1's share, come before Stage 2."""
        return int(self.has_first_stage)

    @property
    def tunes_head_first(self) -> bool:
        """Whether a stage trains head or adapter without the backbone, so that Stage 1's learning rate is used."""
        return self.has_first_stage or not self.tunes_backbone

    @property
    def stage_kinds(self) -> frozenset[str]:
        """The kinds of its stages that have updates."""
        kinds = {"finetune"} if self.tunes_backbone else set[str]()
        if self.tunes_head_first:
            kinds.add("adapter" if self.takes_adapter else "probe")
        return frozenset(kinds)

    @abstractmethod
    def plan(self, budget: Budget, optimizers: StageOptimizers, adapter: Spec | None = None) -> tuple[Stage, ...]:
        """Return the stages in order; their steps are the budget's, but where a strategy matches another's compute."""
