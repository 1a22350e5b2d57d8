"""Head soup: the heads of several Stage 1s, averaged, are the head start."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, final

from headstart.errors import UsageError
from headstart.registry import Spec
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

    heads: int = 3

    name: ClassVar[str] = "head_soup"

    def __post_init__(self) -> None:
        if self.heads < 2:
            raise UsageError(
                f"option 'heads' of strategy 'head_soup' was given as {self.heads}", allowed="  It is at least 2."
            )

    @property
    def takes_adapter(self) -> bool:
        """Whether a stage trains an adapter."""
        return True

    @property
    def has_first_stage(self) -> bool:
        """Whether `stage1_fraction` means something."""
        return True

    def plan(self, budget: Budget, optimizers: StageOptimizers, adapter: Spec | None = None) -> tuple[Stage, ...]:
        """Return the adapter stages and fine-tuning from their mean head.

        Raises:
            ValueError: if no adapter or no rate for it is given.
            UsageError: if the Stage 1s leave no step for Stage 2.
        """
        if adapter is None or optimizers.adapter is None:
            raise ValueError("the strategy 'head_soup' needs an adapter and its optimizer")
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
            *(copy_of(first, number) for number in range(1, self.heads + 1)),
            finetune_stage(optimizers.finetune, finetune_steps, head_from=MeanHead()),
        )


def copy_of(stage: Stage, number: int) -> Stage:
    """Return the stage under a name of its own; from the second on it has random streams of its own."""
    role = stage.role if number == 1 else f"{stage.role}/{number}"
    return replace(stage, name=f"{stage.name}-{number}", role=role)
