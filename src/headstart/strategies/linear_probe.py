"""Linear probing: the head alone is trained, on the features of the untouched backbone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, final

from headstart.registry import Spec
from headstart.strategies.fitting import FIT, fit_stage
from headstart.strategies.head_origins import FreshHead
from headstart.strategies.selections import Head
from headstart.strategies.starts import Pretrained
from headstart.strategies.strategy import Budget, Optimizer, Stage, StageOptimizers, Strategy


def probe_stage(optimizer: Optimizer, num_steps: int) -> Stage:
    """Return the stage that trains a fresh head on the frozen pretrained backbone."""
    return Stage(
        name="probe",
        role="probe",
        start=Pretrained(),
        head_from=FreshHead(),
        trainable=Head(),
        optimizer=optimizer,
        num_steps=num_steps,
    )


@final
@dataclass(frozen=True, slots=True)
class LinearProbe(Strategy):
    """Train the head alone, or fit it.

    The backbone runs in eval mode, so its features are computed once; the head's own dropout stays on.

    Attributes:
        fit: find the head by a convex problem in place of updates: "logistic", "ridge", "lda", or by its name alone
            "auto" (logistic; ridge for numbers). "" trains it by updates.
    """

    fit: Annotated[str, FIT] = ""

    name: ClassVar[str] = "linear_probe"
    tunes_backbone: ClassVar[bool] = False

    @property
    def takes_updates(self) -> bool:
        """Whether the head is trained."""
        return not self.fit

    @property
    def tunes_head_first(self) -> bool:
        """Whether Stage 1's learning rate is used."""
        return not self.fit

    def plan(self, budget: Budget, optimizers: StageOptimizers, adapter: Spec | None = None) -> tuple[Stage, ...]:
        """Return the one stage."""
        if self.fit:
            return (fit_stage(self.fit),)
        return (probe_stage(optimizers.probe, budget.num_steps),)
