"""Plain fine-tuning: a fresh head on the pretrained backbone, everything trained at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

from headstart.costs import STEP_COST, cost
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

ROLE = "finetune"


def finetune_stage(
    optimizer: Optimizer, num_steps: int, *, head_from: HeadOrigin, start: Start = Start.PRETRAINED
) -> Stage:
    """Return the stage that trains backbone and head; every strategy that has one shares its role and so its order."""
    return Stage(
        name="finetune",
        role=ROLE,
        start=start,
        head_from=head_from,
        trainable=Selection.ALL,
        optimizer=optimizer,
        num_steps=num_steps,
    )


def head_start_plan(first: Stage | None, optimizer: Optimizer, num_steps: int, start: Start) -> tuple[Stage, ...]:
    """Return an optional first stage that hands its head to fine-tuning; a stage without steps is left out."""
    stages = [] if first is None else [first]
    if num_steps > 0:
        head_from = HeadOrigin.FRESH if first is None else HeadOrigin.PREVIOUS
        stages.append(
            finetune_stage(optimizer, num_steps, head_from=head_from, start=start if first else Start.PRETRAINED)
        )
    return tuple(stages)


@final
@dataclass(frozen=True, slots=True)
class Finetune(Strategy):
    """Fine-tune backbone and head together.

    Attributes:
        match_compute: take as many updates as cost what EH-FT's two stages cost with this budget, rounded; an update
            of an adapter stage costs two thirds of one of fine-tuning, so these are a few less.

    Source: Devlin et al. (2019), section 4; recipe after Mosbach et al. (ICLR 2021): bias-corrected Adam, warm-up,
    enough steps.
    """

    match_compute: bool = False

    name: ClassVar[str] = "finetune"

    @property
    def has_first_stage(self) -> bool:
        """Whether `stage1_fraction` means something: it decides what is matched."""
        return self.match_compute

    @property
    def tunes_head_first(self) -> bool:
        """Whether Stage 1's learning rate is used."""
        return False

    def plan(self, budget: Budget, optimizers: StageOptimizers, adapter: Spec | None = None) -> tuple[Stage, ...]:
        """Return the one stage."""
        num_steps = budget.num_steps
        if self.match_compute:
            first, second = budget.split()
            num_steps = max(1, round(cost([("adapter", first), (ROLE, second)]) / STEP_COST[ROLE]))
        return head_start_plan(None, optimizers.finetune, num_steps, Start.PRETRAINED)
