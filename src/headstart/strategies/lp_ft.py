"""LP-FT: linear probing, then fine-tuning from the probed head."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

from headstart.registry import Spec
from headstart.strategies.finetune import PREVIOUS_HEAD, finetune_stage, head_start_plan
from headstart.strategies.linear_probe import fit_stage, probe_stage
from headstart.strategies.starts import Previous
from headstart.strategies.strategy import Budget, Stage, StageOptimizers, Strategy


@final
@dataclass(frozen=True, slots=True)
class LpFt(Strategy):
    """Train the head alone, then everything.

    Source: Kumar et al. (ICLR 2022), "Fine-Tuning can Distort Pretrained Features and Underperform
    Out-of-Distribution", section 4.
    """

    fit: str = ""

    name: ClassVar[str] = "lp_ft"
    has_first_stage: ClassVar[bool] = True

    def plan(self, budget: Budget, optimizers: StageOptimizers, adapter: Spec | None = None) -> tuple[Stage, ...]:
        """Return probe and fine-tuning; with a Stage-1 share of 0 this is plain fine-tuning."""
        if self.fit:
            tuned = finetune_stage(optimizers.finetune, budget.num_steps, head_from=PREVIOUS_HEAD)
            return (fit_stage(self.fit), tuned)
        return head_start_plan(
            budget, optimizers, lambda num_steps: probe_stage(optimizers.probe, num_steps), start=Previous()
        )
