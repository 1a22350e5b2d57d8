"""Linear probing: the head alone is trained, on the features of the untouched backbone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

from headstart.registry import Spec
from headstart.strategies.head_origins import FittedHead, FreshHead
from headstart.strategies.selections import Head, Nothing
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


def fit_stage(method: str) -> Stage:
    return Stage(
        name="fit",
        role="fit",
        start=Pretrained(),
        head_from=FittedHead(method),
        trainable=Nothing(),
        optimizer=Optimizer(learning_rate=0.0),
        num_steps=0,
    )


@final
@dataclass(frozen=True, slots=True)
class LinearProbe(Strategy):
    """Train the head alone.

    The backbone runs in eval mode, so its features are computed once; the head's own dropout stays on.
    """

    fit: str = ""

    name: ClassVar[str] = "linear_probe"
    tunes_backbone: ClassVar[bool] = False

    def plan(self, budget: Budget, optimizers: StageOptimizers, adapter: Spec | None = None) -> tuple[Stage, ...]:
        """Return the one stage."""
        if self.fit:
            return (fit_stage(self.fit),)
        return (probe_stage(optimizers.probe, budget.num_steps),)
