"""Ways to fine-tune the whole network that change one thing about it, with a fresh or a pretrained head."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass

from headstart.errors import UsageError
from headstart.registry import Spec
from headstart.strategies.adapter import adapter_stage
from headstart.strategies.finetune import head_start_plan
from headstart.strategies.linear_probe import probe_stage
from headstart.strategies.strategy import Budget, Stage, StageOptimizers, Strategy

FRESH, PROBE, ADAPTER = "fresh", "probe", "adapter"
HEADS = (FRESH, PROBE, ADAPTER)


@dataclass(frozen=True, slots=True)
class FinetuneVariant(Strategy):
    """Fine-tuning with one change. Subclasses are final.

    Attributes:
        head: where the head comes from: "fresh"; "probe", trained first on the frozen backbone (LP-FT's); "adapter",
            trained first together with an adapter (EH-FT's). The backbone is the pretrained one in any case.
    """

    head: str = FRESH

    def __post_init__(self) -> None:
        if self.head not in HEADS:
            raise UsageError(
                f"option 'head' of strategy {self.name!r} was given as {self.head!r}",
                allowed=f"  Known: {', '.join(HEADS)}.",
            )

    @property
    def takes_adapter(self) -> bool:
        """Whether a stage trains an adapter."""
        return self.head == ADAPTER

    @property
    def has_first_stage(self) -> bool:
        """Whether `stage1_fraction` means something."""
        return self.head != FRESH

    @abstractmethod
    def changed(self, stage: Stage) -> Stage:
        """Return plain fine-tuning's stage with this strategy's change."""

    def plan(self, budget: Budget, optimizers: StageOptimizers, adapter: Spec | None = None) -> tuple[Stage, ...]:
        """Return the changed fine-tuning, after a stage for the head where one is wanted.

        Raises:
            ValueError: if an adapter is needed and not given.
        """
        if self.head == FRESH:
            stages = head_start_plan(None, optimizers.finetune, budget.num_steps)
        else:
            first_steps, finetune_steps = budget.split()
            first = self._first(optimizers, first_steps, adapter) if first_steps else None
            stages = head_start_plan(first, optimizers.finetune, finetune_steps)
        return tuple(self.changed(stage) if stage.role == "finetune" else stage for stage in stages)

    def _first(self, optimizers: StageOptimizers, num_steps: int, adapter: Spec | None) -> Stage:
        if self.head == PROBE:
            return probe_stage(optimizers.probe, num_steps)
        if adapter is None or optimizers.adapter is None:
            raise ValueError(f"the strategy {self.name!r} with head 'adapter' needs an adapter and its optimizer")
        return adapter_stage(optimizers.adapter, num_steps, adapter)


def require_share(strategy: str, option: str, value: float, *, zero: bool = False, one: bool = False) -> None:
    """Hold an option to be a share.

    Args:
        strategy: whose option it is.
        option: its name.
        value: as the user gave it.
        zero: whether 0 is allowed.
        one: whether 1 is.

    Raises:
        UsageError: if it is not between 0 and 1.
    """
    if 0 < value < 1 or (zero and value == 0) or (one and value == 1):
        return
    low, high = "0" if zero else "above 0", "1" if one else "under 1"
    raise UsageError(
        f"option {option!r} of strategy {strategy!r} was given as {value}", allowed=f"  It is from {low} to {high}."
    )


def require_count(strategy: str, option: str, value: int) -> None:
    """Hold an option to be a number of layers, at least 1.

    Raises:
        UsageError: if it is less.
    """
    if value < 1:
        raise UsageError(
            f"option {option!r} of strategy {strategy!r} was given as {value}", allowed="  It is at least 1."
        )
