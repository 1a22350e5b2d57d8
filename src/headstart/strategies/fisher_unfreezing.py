"""Scheduled unfreezing of adapters by Fisher information."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, ClassVar, final

from headstart.registry import FROM_ABOVE_ZERO_TO_ONE, Spec
from headstart.strategies.adapter import adapter_stage
from headstart.strategies.finetune import head_start_plan
from headstart.strategies.strategy import Budget, Optimizer, Stage, StageOptimizers, Strategy


@final
@dataclass(frozen=True, slots=True)
class FisherUnfreezing(Strategy):
    """Train adapter and head, the layers' adapters joining one after another, the most informative first.

    Attributes:
        unfreezing_fraction: share of the updates after which all layers' adapters train, from above 0 to 1.
        head_start: make this Stage 1 of EH-FT: its head goes onto the restored backbone and everything is fine-tuned.

    Source: Liu, Pfeiffer, Korhonen, Vulić and Gurevych (2023), "FUN with Fisher", arXiv 2301.05487, section 3.

    Differs from the paper: the trace of the Fisher information is estimated on the batch of the update at which a
    layer joins.
    """

    unfreezing_fraction: Annotated[float, FROM_ABOVE_ZERO_TO_ONE] = 0.5
    head_start: bool = False

    name: ClassVar[str] = "fisher_unfreezing"
    takes_adapter: ClassVar[bool] = True

    @property
    def tunes_backbone(self) -> bool:
        """Whether fine-tuning follows."""
        return self.head_start

    @property
    def has_first_stage(self) -> bool:
        """Whether `stage1_fraction` means something."""
        return self.head_start

    def plan(self, budget: Budget, optimizers: StageOptimizers, adapter: Spec | None = None) -> tuple[Stage, ...]:
        """Return the adapter stage, and fine-tuning after it where it is a head start."""
        if not self.head_start:
            return (self._first(optimizers.adapter_alone, budget.num_steps, adapter),)
        return head_start_plan(
            budget, optimizers, lambda num_steps: self._first(optimizers.adapter, num_steps, adapter)
        )

    def _first(self, optimizer: Optimizer | None, num_steps: int, adapter: Spec | None) -> Stage:
        schedule = Spec("fisher_unfreezing", (("fraction", self.unfreezing_fraction),))
        return replace(adapter_stage(optimizer, num_steps, adapter), regulariser=schedule)
