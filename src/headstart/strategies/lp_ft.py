"""LP-FT: linear probing, then fine-tuning from the probed head."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, final

from headstart.registry import ABOVE_ZERO, Spec
from headstart.strategies.finetune import head_start_plan
from headstart.strategies.fitting import FIT, check_scale, fitted_start_plan
from headstart.strategies.linear_probe import probe_stage
from headstart.strategies.starts import Previous
from headstart.strategies.strategy import Budget, Stage, StageOptimizers, Strategy


@final
@dataclass(frozen=True, slots=True)
class LpFt(Strategy):
    """Train the head alone, or fit it; then train everything.

    Attributes:
        fit: find the head by a convex problem in place of updates, as `linear_probe:fit` does; all updates but those
            that its pass over the rows costs are then fine-tuning's. "" trains it by updates.
        head_scale: multiply the fitted head by this number, above 0.

    Source: Kumar et al. (ICLR 2022), "Fine-Tuning can Distort Pretrained Features and Underperform
    Out-of-Distribution", section 4; with `fit` as Tomihari and Sato (NeurIPS 2024, arXiv 2405.16747), "Understanding
    Linear Probing then Fine-tuning Language Models from NTK Perspective", ran it.

    Differs from the second paper: the strength of the penalty is chosen by log loss on inner folds.
    """

    fit: Annotated[str, FIT] = ""
    head_scale: Annotated[float, ABOVE_ZERO] = 1.0

    name: ClassVar[str] = "lp_ft"

    def __post_init__(self) -> None:
        check_scale(self.name, "fit", self.fit, self.head_scale)

    @property
    def has_head_start(self) -> bool:
        """Whether a head comes before the rest: always."""
        return True

    @property
    def has_first_stage(self) -> bool:
        """Whether `stage1_fraction` means something: a fitted head takes no updates."""
        return not self.fit

    def plan(self, budget: Budget, optimizers: StageOptimizers, adapter: Spec | None = None) -> tuple[Stage, ...]:
        """Return probe and fine-tuning; with a Stage-1 share of 0 this is plain fine-tuning."""
        if self.fit:
            return fitted_start_plan(budget, optimizers, self.fit, self.head_scale)
        return head_start_plan(
            budget, optimizers, lambda num_steps: probe_stage(optimizers.probe, num_steps), start=Previous()
        )
