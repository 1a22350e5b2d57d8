"""Scheduled unfreezing of adapters by Fisher information."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, final

from headstart.registry import Spec
from headstart.strategies.adapter import adapter_stage
from headstart.strategies.finetune import head_start_plan
from headstart.strategies.strategy import Budget, Stage, StageOptimizers, Strategy
from headstart.strategies.variant import require_share


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

    unfreezing_fraction: float = 0.5
    head_start: bool = False

    name: ClassVar[str] = "fisher_unfreezing"

    def __post_init__(self) -> None:
        require_share(self.name, "unfreezing_fraction", self.unfreezing_fraction, one=True)

    @property
    def takes_adapter(self) -> bool:
        """Whether a stage trains an adapter."""
        return True

    @property
    def has_first_stage(self) -> bool:
        """Whether `stage1_fraction` means something."""
        return self.head_start

    @property
    def tunes_head_first(self) -> bool:
        """Whether Stage 1's learning rate is used: by either form."""
        return True

    def plan(self, budget: Budget, optimizers: StageOptimizers, adapter: Spec | None = None) -> tuple[Stage, ...]:
        """Return the adapter stage, and fine-tuning after it where it is a head start.

        Raises:
            ValueError: if no adapter or no rate for it is given.
        """
        if adapter is None or optimizers.adapter is None or optimizers.adapter_alone is None:
            raise ValueError("the strategy 'fisher_unfreezing' needs an adapter and its optimizers")
        if not self.head_start:
            return (self._scheduled(adapter_stage(optimizers.adapter_alone, budget.num_steps, adapter)),)
        adapter_steps, finetune_steps = budget.split()
        first = self._scheduled(adapter_stage(optimizers.adapter, adapter_steps, adapter)) if adapter_steps else None
        return head_start_plan(first, optimizers.finetune, finetune_steps)

    def _scheduled(self, stage: Stage) -> Stage:
        return replace(stage, regulariser=Spec("fisher_unfreezing", (("fraction", self.unfreezing_fraction),)))
