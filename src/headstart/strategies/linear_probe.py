"""Linear probing: the head alone is trained, on the features of the untouched backbone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

from headstart.registry import Spec
from headstart.strategies.strategy import (
    Budget,
    HeadOrigin,
    Optimizer,
    Selection,
    Stage,
    StageOptimizers,
    Start,
    Strategy,
)


def probe_stage(optimizer: Optimizer, num_steps: int) -> Stage:
    """Return the stage that trains a fresh head on the frozen pretrained backbone."""
    return Stage(
        name="probe",
        role="probe",
        start=Start.PRETRAINED,
        head_from=HeadOrigin.FRESH,
        trainable=Selection.HEAD,
        optimizer=optimizer,
        num_steps=num_steps,
    )


@final
@dataclass(frozen=True, slots=True)
class LinearProbe(Strategy):
    """Train the head alone.

    The backbone runs in eval mode, so its features are computed once; the head's own dropout stays on.
    """

    name: ClassVar[str] = "linear_probe"
    tunes_backbone: ClassVar[bool] = False

    def plan(self, budget: Budget, optimizers: StageOptimizers, adapter: Spec | None = None) -> tuple[Stage, ...]:
        """Return the one stage."""
        return (probe_stage(optimizers.probe, budget.num_steps),)
