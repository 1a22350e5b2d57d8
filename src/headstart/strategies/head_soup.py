"""Head soup: the heads of several Stage 1s, averaged, are the head start."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, final

from headstart.errors import UsageError
from headstart.registry import Spec, at_least
from headstart.strategies.adapter import adapter_stage
from headstart.strategies.finetune import finetune_stage
from headstart.strategies.head_origins import MeanHead
from headstart.strategies.strategy import Budget, Stage, StageOptimizers, Strategy


@final
@dataclass(frozen=True, slots=True)
class HeadSoup(Strategy):
    """EH-FT from the mean of several heads.

    All of them start from one fresh head and differ in the adapter's initial values, in data order and in dropout:
    heads from unrelated initial values have no meaningful mean. Together the stages take the budget's steps, so each
    Stage 1 has Stage 1's share and Stage 2 has less than in EH-FT.

    Attributes:
        heads: how many, at least 2.

    Source: the idea of Wortsman et al. (ICML 2022), "Model soups", on the head of Yang et al. (EMNLP 2022). Unproven.
    """

    heads: Annotated[int, at_least(2)] = 3

    name: ClassVar[str] = "head_soup"
    takes_adapter: ClassVar[bool] = True
    has_first_stage: ClassVar[bool] = True

    @property
    def num_first_stages(self) -> int:
        """How many stages, each with Stage 1's share, come before Stage 2."""
        return self.heads

    def plan(self, budget: Budget, optimizers: StageOptimizers, adapter: Spec | None = None) -> tuple[Stage, ...]:
        """Return the adapter stages and fine-tuning from their mean head.

        Raises:
            UsageError: if the Stage 1s leave no step for Stage 2.
        """
        adapter_steps, _ = budget.split()
        if adapter_steps == 0:
            return (finetune_stage(optimizers.finetune, budget.num_steps),)
        finetune_steps = budget.num_steps - self.heads * adapter_steps
        if finetune_steps <= 0:
            raise UsageError(
                f"{self.heads} first stages of {adapter_steps} updates leave none of {budget.num_steps} for Stage 2",
                remedy="  Give a smaller `stage1_fraction`, fewer heads, or more steps.",
            )
        first = adapter_stage(optimizers.adapter, adapter_steps, adapter)
        return (
            *(first.copy(number) for number in range(1, self.heads + 1)),
            finetune_stage(optimizers.finetune, finetune_steps, head_from=MeanHead()),
        )
