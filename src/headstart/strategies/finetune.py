"""Plain fine-tuning: a fresh head on the pretrained backbone, everything trained at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, final

from headstart.costs import STEP_COST, cost
from headstart.registry import Spec
from headstart.strategies.head_origins import AnyHead, FreshHead, PreviousHead
from headstart.strategies.selections import All
from headstart.strategies.starts import AnyStart, Pretrained
from headstart.strategies.strategy import Budget, Optimizer, Stage, StageOptimizers, Strategy

ROLE = "finetune"
PRETRAINED = Pretrained()
FRESH_HEAD, PREVIOUS_HEAD = FreshHead(), PreviousHead()


def finetune_stage(
    optimizer: Optimizer, num_steps: int, *, head_from: AnyHead = FRESH_HEAD, start: AnyStart = PRETRAINED
) -> Stage:
    """Return the stage that trains backbone and head; every strategy that has one shares its role and so its order."""
    return Stage(
        name="finetune",
        role=ROLE,
        start=start,
        head_from=head_from,
        trainable=All(),
        optimizer=optimizer,
        num_steps=num_steps,
    )


def head_start_plan(
    budget: Budget,
    optimizers: StageOptimizers,
    first: Callable[[int], Stage],
    *,
    start: AnyStart = PRETRAINED,
    head_from: AnyHead = PREVIOUS_HEAD,
) -> tuple[Stage, ...]:
    """Return a first stage of as many steps as it is given, and fine-tuning that begins with its head.

    A stage without steps is left out; without a first stage this is plain fine-tuning.
    """
    first_steps, num_steps = budget.split()
    if first_steps == 0:
        return (finetune_stage(optimizers.finetune, num_steps),)
    if num_steps == 0:
        return (first(first_steps),)
    return (first(first_steps), finetune_stage(optimizers.finetune, num_steps, head_from=head_from, start=start))


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
        return (finetune_stage(optimizers.finetune, num_steps),)
