"""EH-FT: the head is trained together with an adapter, then fine-tuned on the restored backbone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, final

from headstart.errors import UsageError
from headstart.registry import FROM_ZERO_TO_ONE, Spec
from headstart.strategies.adapter import adapter_stage
from headstart.strategies.finetune import head_start_plan
from headstart.strategies.head_origins import PreviousHead
from headstart.strategies.starts import Merged, Pretrained
from headstart.strategies.strategy import Budget, Stage, StageOptimizers, Strategy


@final
@dataclass(frozen=True, slots=True)
class EhFt(Strategy):
    """Efficient-head fine-tuning.

    Attributes:
        reserve: keep all that the adapter learned by merging it into the weights that Stage 2 starts from (the paper's
            ablation). The default restores the pretrained backbone.
        adapter_kept_fraction: keep this share of it, from 0 (the paper's reset) to 1 (reserve). Ours, unproven.
        head_calibration: before Stage 2, refit one scale and the biases of the head on the restored backbone. Ours,
            unproven.

    Source: Yang et al. (EMNLP 2022), "Parameter-Efficient Tuning Makes a Good Classification Head", section 3.

    Differs from the paper: nothing in the method; the official code's BitFit transfer loses the head's biases, this
    does not.
    """

    reserve: bool = False
    adapter_kept_fraction: Annotated[float, FROM_ZERO_TO_ONE] = 0.0
    head_calibration: bool = False

    name: ClassVar[str] = "eh_ft"
    takes_adapter: ClassVar[bool] = True
    has_first_stage: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if self.reserve and self.adapter_kept_fraction:
            raise UsageError(
                "strategy 'eh_ft' was given both reserve and adapter_kept_fraction",
                remedy="  reserve is adapter_kept_fraction=1: give one of them.",
            )

    @property
    def merges_adapter(self) -> bool:
        """Whether a stage starts on weights that an adapter was merged into."""
        return self.kept_fraction > 0

    @property
    def kept_fraction(self) -> float:
        """How much of the adapter's effect Stage 2 starts with."""
        return 1.0 if self.reserve else self.adapter_kept_fraction

    def plan(self, budget: Budget, optimizers: StageOptimizers, adapter: Spec | None = None) -> tuple[Stage, ...]:
        """Return adapter stage and fine-tuning; with a Stage-1 share of 0 this is plain fine-tuning."""
        return head_start_plan(
            budget,
            optimizers,
            lambda num_steps: adapter_stage(optimizers.adapter, num_steps, adapter),
            start=Merged(self.kept_fraction) if self.merges_adapter else Pretrained(),
            head_from=PreviousHead(calibrated=self.head_calibration),
        )
