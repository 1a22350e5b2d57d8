"""Child-Tuning: only a part of the backbone's gradient is followed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, ClassVar, final

from headstart.registry import FROM_ABOVE_ZERO_TO_ONE, Spec, one_of
from headstart.strategies.strategy import Stage
from headstart.strategies.variant import FinetuneVariant

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

    variant: Annotated[str, one_of((TASK_DRIVEN, TASK_FREE))] = TASK_DRIVEN
    fraction: Annotated[float, FROM_ABOVE_ZERO_TO_ONE] = 0.3

    name: ClassVar[str] = "child_tuning"

    def changed(self, stage: Stage) -> Stage:
        """Return the stage with its gradient masked."""
        return replace(stage, regulariser=Spec(f"child_tuning_{self.variant}", (("fraction", self.fraction),)))
