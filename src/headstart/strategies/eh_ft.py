"""EH-FT: the head is trained together with an adapter, then fine-tuned on the restored backbone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

from headstart.registry import Spec
from headstart.strategies.adapter import adapter_stage
from headstart.strategies.finetune import head_start_plan
from headstart.strategies.strategy import Budget, Stage, StageOptimizers, Start, Strategy


@final
@dataclass(frozen=True, slots=True)
class EhFt(Strategy):
    """Efficient-head fine-tuning.

    Attributes:
        reserve: keep what the adapter learned by merging it into the weights that Stage 2 starts from (the paper's
            ablation). The default restores the pretrained backbone.

    Source: Yang et al. (EMNLP 2022), "Parameter-Efficient Tuning Makes a Good Classification Head", section 3.

    Differs from the paper: nothing in the method; the official code's BitFit transfer loses the head's biases, this
    does not.
    """

    reserve: bool = False

    name: ClassVar[str] = "eh_ft"
    takes_adapter: ClassVar[bool] = True
    has_first_stage: ClassVar[bool] = True

    def plan(self, budget: Budget, optimizers: StageOptimizers, adapter: Spec | None = None) -> tuple[Stage, ...]:
        """Return adapter stage and fine-tuning; with a Stage-1 share of 0 this is plain fine-tuning.

        Raises:
            ValueError: if no adapter or no rate for it is given.
        """
        if adapter is None or optimizers.adapter is None:
            raise ValueError("the strategy 'eh_ft' needs an adapter and its optimizer")
        adapter_steps, finetune_steps = budget.split()
        first = adapter_stage(optimizers.adapter, adapter_steps, adapter) if adapter_steps else None
        start = Start.MERGED if self.reserve else Start.PRETRAINED
        return head_start_plan(first, optimizers.finetune, finetune_steps, start)
