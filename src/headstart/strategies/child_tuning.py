"""Child-Tuning: only a part of the backbone's gradient is followed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, final

from headstart.errors import UsageError
from headstart.registry import Spec
from headstart.strategies.strategy import Stage
from headstart.strategies.variant import FinetuneVariant, require_share

TASK_FREE, TASK_DRIVEN = "f", "d"


@final
@dataclass(frozen=True, slots=True)
class ChildTuning(FinetuneVariant):
    """Fine-tuning of a child network in the backbone's layers.

    Attributes:
        variant: "d", the parameters with the largest Fisher information, chosen once before training; or "f", drawn
            anew for every update.
        fraction: share of the layers' parameters in the child, from above 0 to 1.

    Source: Xu et al. (EMNLP 2021), "Raise a Child in Large Language Model", section 2.

    Differs from the paper: the gradient is masked before its norm is clipped. As in the official code, weight decay
    also reaches parameters outside of the child.
    """

    variant: str = TASK_DRIVEN
    fraction: float = 0.3

    name: ClassVar[str] = "child_tuning"

    def __post_init__(self) -> None:
        FinetuneVariant.__post_init__(self)
        if self.variant not in (TASK_FREE, TASK_DRIVEN):
            raise UsageError(
                f"option 'variant' of strategy 'child_tuning' was given as {self.variant!r}",
                allowed="  Known: d (task-driven), f (task-free).",
            )
        require_share(self.name, "fraction", self.fraction, one=True)

    def changed(self, stage: Stage) -> Stage:
        """Return the stage with its gradient masked."""
        name = "child_tuning_d" if self.variant == TASK_DRIVEN else "child_tuning_f"
        return replace(stage, regulariser=Spec(name, (("fraction", self.fraction),)))
