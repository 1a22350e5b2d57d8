"""Model soup: several Stage 2s that share one head start, averaged greedily."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, final

from headstart.errors import UsageError
from headstart.registry import Spec, at_least
from headstart.strategies.adapter import adapter_stage
from headstart.strategies.finetune import finetune_stage
from headstart.strategies.head_origins import FirstHead, FreshHead, HeadOfStart
from headstart.strategies.selections import Nothing
from headstart.strategies.starts import GreedySoup
from headstart.strategies.strategy import Budget, Optimizer, Stage, StageOptimizers, Strategy, split_evenly


@final
@dataclass(frozen=True, slots=True)
class Soup(Strategy):
    """EH-FT with a greedy soup of its Stage 2.

    One Stage 1 gives the head. Several Stage 2s start from it and the restored backbone and differ in data order and
    dropout. Their weights are averaged greedily: the best first, each further one kept when the average does not get
    worse. They are scored on a held-out tenth of the training rows, which no stage trains on. Together
    the stages take the budget's steps, so each Stage 2 is short: give a soup as many times the steps.

    Attributes:
        ingredients: how many Stage 2s, at least 2.

    Source: Wortsman et al. (ICML 2022), "Model soups: averaging weights of multiple fine-tuned models improves
    accuracy without increasing inference time", section 2, recipe 1.
    """

    ingredients: Annotated[int, at_least(2)] = 3

    name: ClassVar[str] = "soup"
    selection_fraction: ClassVar[float] = 0.1
    takes_adapter: ClassVar[bool] = True
    has_first_stage: ClassVar[bool] = True

    def plan(self, budget: Budget, optimizers: StageOptimizers, adapter: Spec | None = None) -> tuple[Stage, ...]:
        """Return the adapter stage, the fine-tunings and their soup.

        Raises:
            UsageError: if there are fewer steps than ingredients.
        """
        adapter_steps, finetune_steps = budget.split()
        if finetune_steps < self.ingredients:
            raise UsageError(
                f"{finetune_steps} updates are too few for {self.ingredients} ingredients", remedy="  Give more steps."
            )
        head_from = FirstHead() if adapter_steps else FreshHead()
        first = [adapter_stage(optimizers.adapter, adapter_steps, adapter)] if adapter_steps else []
        shares = split_evenly(finetune_steps, self.ingredients)
        tuned = [
            finetune_stage(optimizers.finetune, num_steps, head_from=head_from).copy(number)
            for number, num_steps in enumerate(shares, start=1)
        ]
        average = Stage(
            name="soup",
            role="soup",
            start=GreedySoup(),
            head_from=HeadOfStart(),
            trainable=Nothing(),
            optimizer=Optimizer(learning_rate=0.0),
            num_steps=0,
        )
        return (*first, *tuned, average)
