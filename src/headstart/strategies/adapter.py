"""Parameter-efficient tuning alone: adapter and head are trained, the backbone's own weights are not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

from headstart.registry import Spec
from headstart.strategies.head_origins import FreshHead
from headstart.strategies.selections import AdapterAndHead
from headstart.strategies.starts import Pretrained
from headstart.strategies.strategy import Budget, Optimizer, Stage, StageOptimizers, Strategy


def adapter_stage(optimizer: Optimizer | None, num_steps: int, adapter: Spec | None) -> Stage:
    """Return the stage that trains a fresh head together with an adapter on the pretrained backbone.

    Raises:
        ValueError: if there is no adapter or no optimizer for it.
    """
    if adapter is None or optimizer is None:
        raise ValueError("a stage that trains an adapter needs the adapter and its optimizer")
    return Stage(
        name="adapter",
        role="adapter",
        start=Pretrained(),
        head_from=FreshHead(),
        trainable=AdapterAndHead(adapter),
        optimizer=optimizer,
        num_steps=num_steps,
    )


@final
@dataclass(frozen=True, slots=True)
class AdapterTuning(Strategy):
    """Train adapter and head, and stop there.

    What merges into the backbone is merged before the final evaluation, so that what is evaluated is what is saved.
    """

    name: ClassVar[str] = "adapter"
    tunes_backbone: ClassVar[bool] = False
    takes_adapter: ClassVar[bool] = True

    def plan(self, budget: Budget, optimizers: StageOptimizers, adapter: Spec | None = None) -> tuple[Stage, ...]:
        """Return the one stage."""
        return (adapter_stage(optimizers.adapter_alone, budget.num_steps, adapter),)
