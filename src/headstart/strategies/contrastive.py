"""Contrastive training of the features, then a head that is fitted to them."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Annotated, ClassVar, final

from headstart.errors import UsageError
from headstart.fitted.names import AUTO, METHODS
from headstart.registry import ABOVE_ZERO, Spec, at_least, one_of
from headstart.strategies.adapter import adapter_stage
from headstart.strategies.finetune import finetune_stage
from headstart.strategies.fitting import fit_stage
from headstart.strategies.head_origins import FreshHead, PreviousHead
from headstart.strategies.selections import All
from headstart.strategies.starts import Merged, Pretrained, Previous
from headstart.strategies.strategy import Budget, Stage, StageOptimizers, Strategy

BACKBONE, ADAPTER = "backbone", "adapter"


@final
@dataclass(frozen=True, slots=True)
class Contrastive(Strategy):
    """Draw the vectors of each class together, then fit a head to them; fine-tuning may follow.

    The run's updates are a number of rows to see. An update of the contrastive stage sees `rows` of them, so it takes
    the place of several updates.

    Attributes:
        on: what the contrastive loss trains: the "backbone", or an "adapter" on it.
        steps: updates of the contrastive stage at most. It takes fewer where the run sees fewer rows, or where half of
            them are left to fine-tuning; more do harm, so it does not take more where the run is longer.
        rows: of each of its batches, at least 8: four or more of a class.
        temperature: of the loss, above 0.
        fit: how the head is fitted: "logistic" (which "auto" is for classes), "ridge" or "lda".
        finetune: fine-tune everything from there, with the updates that are left.
        restore: fine-tune from the pretrained backbone, as EH-FT does: of an adapter only the head remains.
        refit: fit the head again after fine-tuning, to the vectors as they are then.

    Source: Khosla et al. (NeurIPS 2020), "Supervised Contrastive Learning", equation 2 and section 3 (features, then a
    classifier on them); on text encoders Gunel et al. (ICLR 2021).

    Differs from the papers: one view of each row, without a projection; batches hold as many rows of each class; the
    head is fitted, not trained by steps; Gunel et al. minimise the loss together with cross-entropy.
    """

    on: Annotated[str, one_of((BACKBONE, ADAPTER))] = BACKBONE
    steps: Annotated[int, at_least(1)] = 50
    rows: Annotated[int, at_least(8)] = 64
    temperature: Annotated[float, ABOVE_ZERO] = 0.1
    fit: Annotated[str, one_of((AUTO, *METHODS))] = AUTO
    finetune: bool = False
    restore: bool = False
    refit: bool = False

    name: ClassVar[str] = "contrastive"

    def __post_init__(self) -> None:
        if self.restore and not (self.finetune and self.on == ADAPTER):
            raise UsageError(
                "restore of the strategy 'contrastive' puts the pretrained backbone back after an adapter, for "
                "fine-tuning",
                remedy="  Write contrastive:on=adapter:finetune:restore, or leave restore out.",
            )
        if self.refit and not self.finetune:
            raise UsageError(
                "refit of the strategy 'contrastive' fits the head again after fine-tuning",
                remedy="  Write contrastive:finetune:refit, or leave refit out: without fine-tuning one fit is all.",
            )

    @property
    def tunes_backbone(self) -> bool:
        """Whether a stage trains the backbone itself."""
        return self.on == BACKBONE or self.finetune

    @property
    def takes_loss(self) -> bool:
        """Whether a stage minimises the run's loss: fine-tuning does."""
        return self.finetune

    @property
    def takes_adapter(self) -> bool:
        """Whether a stage trains an adapter."""
        return self.on == ADAPTER

    @property
    def merges_adapter(self) -> bool:
        """Whether a stage starts on weights that an adapter was merged into: the head is fitted there."""
        return self.on == ADAPTER

    @property
    def tunes_head_first(self) -> bool:
        """Whether Stage 1's learning rate is used: an adapter takes it."""
        return self.on == ADAPTER

    @property
    def stage_kinds(self) -> frozenset[str]:
        """The kinds of its stages that have updates."""
        return frozenset({self.on if self.on == ADAPTER else self.name} | ({"finetune"} if self.finetune else set()))

    def plan(self, budget: Budget, optimizers: StageOptimizers, adapter: Spec | None = None) -> tuple[Stage, ...]:
        """Return the contrastive stage and the fit, and fine-tuning where it is wanted.

        Raises:
            UsageError: if a fit leaves no update to train with, or the contrastive stage none for fine-tuning.
        """
        budget = budget.after_fits(1 + self.refit)
        num_rows = budget.num_steps * budget.batch_size
        num_steps = min(self.steps, max(1, (num_rows // 2 if self.finetune else num_rows) // self.rows))
        merged = Merged(1.0) if self.on == ADAPTER else Previous()
        stages = (self._contrastive(optimizers, num_steps, adapter), fit_stage(self.fit, start=merged))
        if not self.finetune:
            return stages
        left = budget.num_steps - math.ceil(num_steps * self.rows / budget.batch_size)
        if left < 1:
            raise UsageError(
                f"a fit and one contrastive update of {self.rows} rows leave none of the updates of "
                f"{budget.batch_size} rows for fine-tuning",
                remedy="  Give more `steps`, or smaller batches, as contrastive:finetune:rows=16.",
            )
        start = Pretrained() if self.restore else Previous()
        tuned = finetune_stage(optimizers.finetune, left, start=start, head_from=PreviousHead())
        return (*stages, tuned, *([fit_stage(self.fit, start=Previous()).copy(2)] if self.refit else []))

    def _contrastive(self, optimizers: StageOptimizers, num_steps: int, adapter: Spec | None) -> Stage:
        loss = Spec("contrastive", (("rows", self.rows), ("temperature", self.temperature)))
        if self.on == ADAPTER:
            return replace(adapter_stage(optimizers.adapter_alone, num_steps, adapter), loss=loss)
        return Stage(
            name="contrastive",
            role="contrastive",
            start=Pretrained(),
            head_from=FreshHead(),
            trainable=All(),
            optimizer=optimizers.contrastive or optimizers.finetune,
            num_steps=num_steps,
            loss=loss,
        )
