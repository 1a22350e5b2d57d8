"""EH-FT: the head is trained together with an adapter, then fine-tuned on the restored backbone."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, ClassVar, final

from headstart.errors import UsageError
from headstart.registry import ABOVE_ZERO, FROM_ZERO_TO_ONE, Spec, one_of
from headstart.strategies.adapter import adapter_stage
from headstart.strategies.finetune import finetune_stage, head_start_plan
from headstart.strategies.fitting import FIT, check_scale, fit_stage, handed_over
from headstart.strategies.head_origins import PreviousHead
from headstart.strategies.starts import Merged, Pretrained
from headstart.strategies.strategy import Budget, Stage, StageOptimizers, Strategy

ADAPTED, RESTORED = "adapted", "restored"
REFIT_ON = (ADAPTED, RESTORED)
FINETUNE, ADAPTER = "finetune", "adapter"
SECOND_STAGES = (FINETUNE, ADAPTER)


@final
@dataclass(frozen=True, slots=True)
class EhFt(Strategy):
    """Efficient-head fine-tuning.

    Attributes:
        reserve: keep all that the adapter learned by merging it into the weights that Stage 2 starts from (the paper's
            ablation). The default restores the pretrained backbone.
        adapter_kept_fraction: keep this share of it, from 0 (the paper's reset) to 1 (reserve). Ours, unproven.
        refit: after the adapter stage, fit the head anew by a convex problem, as `linear_probe:fit` does. "" hands over
            the head that was trained.
        refit_on: the features that it is fitted on: "adapted", of the backbone with the adapter; "restored", of the
            pretrained one, which makes this LP-FT after an adapter stage whose work is thrown away: a control.
        head_scale: multiply the refitted head by this number, above 0.
        head_calibration: before Stage 2, refit one scale and the biases of the head on the restored backbone. Ours,
            unproven.
        stage2: what Stage 2 trains beside the head: "finetune", the whole backbone, as in the paper; "adapter", a
            second adapter of the same kind on the restored backbone, where fine-tuning does not fit into memory. The
            paper does not cover it, and it is unproven.

    Source: Yang et al. (EMNLP 2022), "Parameter-Efficient Tuning Makes a Good Classification Head", section 3.

    Differs from the paper: nothing in the method; the official code's BitFit transfer loses the head's biases, this
    does not.
    """

    reserve: bool = False
    adapter_kept_fraction: Annotated[float, FROM_ZERO_TO_ONE] = 0.0
    head_calibration: bool = False
    refit: Annotated[str, FIT] = ""
    refit_on: Annotated[str, one_of(REFIT_ON)] = ADAPTED
    head_scale: Annotated[float, ABOVE_ZERO] = 1.0
    stage2: Annotated[str, one_of(SECOND_STAGES)] = FINETUNE

    name: ClassVar[str] = "eh_ft"
    takes_adapter: ClassVar[bool] = True
    has_first_stage: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_scale(self.name, "refit", self.refit, self.head_scale)
        if self.refit_on != ADAPTED and not self.refit:
            raise UsageError(
                "option 'refit_on' of strategy 'eh_ft' has no effect without refit",
                remedy=f"  Write eh_ft:refit:refit_on={self.refit_on}.",
            )
        if self.refit and (self.reserve or self.adapter_kept_fraction or self.head_calibration):
            raise UsageError(
                "strategy 'eh_ft' was given refit beside reserve, adapter_kept_fraction or head_calibration",
                remedy="  refit is for the restored backbone: leave the others out.",
            )
        if self.reserve and self.adapter_kept_fraction:
            raise UsageError(
                "strategy 'eh_ft' was given both reserve and adapter_kept_fraction",
                remedy="  reserve is adapter_kept_fraction=1: give one of them.",
            )
        if self.stage2 == ADAPTER and (self.kept_fraction or self.refit):
            raise UsageError(
                "strategy 'eh_ft' was given stage2=adapter beside reserve, adapter_kept_fraction or refit",
                remedy="  The second adapter stands on the restored backbone: leave the others out.",
            )

    @property
    def tunes_backbone(self) -> bool:
        """Whether Stage 2 trains the backbone's own weights."""
        return self.stage2 == FINETUNE

    @property
    def merges_adapter(self) -> bool:
        """Whether a stage starts on weights that an adapter was merged into."""
        return self.kept_fraction > 0 or (bool(self.refit) and self.refit_on == ADAPTED)

    @property
    def kept_fraction(self) -> float:
        """How much of the adapter's effect Stage 2 starts with."""
        return 1.0 if self.reserve else self.adapter_kept_fraction

    def plan(self, budget: Budget, optimizers: StageOptimizers, adapter: Spec | None = None) -> tuple[Stage, ...]:
        """Return adapter stage and fine-tuning or a second adapter stage, a refit between them where wanted."""
        if self.refit:
            return self._refitted_plan(budget, optimizers, adapter)
        if self.stage2 == ADAPTER:
            return self._adapter_plan(budget, optimizers, adapter)
        return head_start_plan(
            budget,
            optimizers,
            lambda num_steps: adapter_stage(optimizers.adapter, num_steps, adapter),
            start=Merged(self.kept_fraction) if self.kept_fraction else Pretrained(),
            head_from=PreviousHead(calibrated=self.head_calibration),
        )

    def _adapter_plan(self, budget: Budget, optimizers: StageOptimizers, adapter: Spec | None) -> tuple[Stage, ...]:
        """Both stages have the role of adapter tuning: Stage 2 sees the order and draws the adapter that it has."""
        first_steps, num_steps = budget.split()
        first = (adapter_stage(optimizers.adapter, first_steps, adapter),) if first_steps else ()
        second = (adapter_stage(optimizers.adapter_alone, num_steps, adapter),) if num_steps else ()
        if first and second:
            head_from = PreviousHead(calibrated=self.head_calibration)
            second = (replace(second[0], name="adapter-2", head_from=head_from),)
        return (*first, *second)

    def _refitted_plan(self, budget: Budget, optimizers: StageOptimizers, adapter: Spec | None) -> tuple[Stage, ...]:
        first_steps, num_steps = budget.after_fits().split()
        first = (adapter_stage(optimizers.adapter, first_steps, adapter),) if first_steps else ()
        start = Merged(1.0) if first and self.refit_on == ADAPTED else Pretrained()
        head_from = handed_over(self.head_scale)
        tuned = (finetune_stage(optimizers.finetune, num_steps, head_from=head_from),) if num_steps else ()
        return (*first, fit_stage(self.refit, start=start), *tuned)
