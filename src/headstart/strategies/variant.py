"""Ways to fine-tune the whole network that change one thing about it, with a fresh or a pretrained head."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Annotated

from headstart.registry import Spec, one_of
from headstart.strategies.adapter import adapter_stage
from headstart.strategies.finetune import ROLE, finetune_stage, head_start_plan
from headstart.strategies.fitting import fitted_start_plan
from headstart.strategies.linear_probe import probe_stage
from headstart.strategies.strategy import Budget, Stage, StageOptimizers, Strategy

FRESH, PROBE, FITTED, ADAPTER = "fresh", "probe", "fitted", "adapter"
HEADS = (FRESH, PROBE, FITTED, ADAPTER)


@dataclass(frozen=True, slots=True)
class FinetuneVariant(Strategy):
    """Fine-tuning with one change. Subclasses are final.

    Attributes:
        head: where the head comes from: "fresh"; "probe", trained first on the frozen backbone (LP-FT's); "fitted",
            fitted to it (`lp_ft:fit`'s); "adapter", trained first together with an adapter (EH-FT's). The backbone is
            the pretrained one in any case.
    """

    head: Annotated[str, one_of(HEADS)] = FRESH

    @property
    def takes_adapter(self) -> bool:
        """Whether a stage trains an adapter."""
        return self.head == ADAPTER

    @property
    def has_first_stage(self) -> bool:
        """Whether `stage1_fraction` means something."""
        return self.head in (PROBE, ADAPTER)

    @property
    def has_head_start(self) -> bool:
        """Whether a head is trained or fitted before the rest."""
        return self.head != FRESH

    @abstractmethod
    def changed(self, stage: Stage) -> Stage:
        """Return plain fine-tuning's stage with this strategy's change."""

    def plan(self, budget: Budget, optimizers: StageOptimizers, adapter: Spec | None = None) -> tuple[Stage, ...]:
        """Return the changed fine-tuning, after a stage for the head where one is wanted."""
        stages: tuple[Stage, ...] = (finetune_stage(optimizers.finetune, budget.num_steps),)
        if self.head == PROBE:
            stages = head_start_plan(budget, optimizers, lambda steps: probe_stage(optimizers.probe, steps))
        elif self.head == FITTED:
            stages = fitted_start_plan(budget, optimizers)
        elif self.head == ADAPTER:
            stages = head_start_plan(
                budget, optimizers, lambda steps: adapter_stage(optimizers.adapter, steps, adapter)
            )
        return tuple(self.changed(stage) if stage.role == ROLE else stage for stage in stages)
