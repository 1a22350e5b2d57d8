"""R-Drop: two forward passes with different dropout are to say the same."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, ClassVar, final

from headstart.registry import FROM_ZERO, Spec
from headstart.strategies.strategy import Stage
from headstart.strategies.variant import FinetuneVariant


@final
@dataclass(frozen=True, slots=True)
class RDrop(FinetuneVariant):
    """Fine-tuning with R-Drop: the mean loss of two passes plus alpha times their symmetric divergence.

    An update costs two of plain fine-tuning's.

    Attributes:
        alpha: from 0, which is plain fine-tuning, with one pass.
        match_compute: half of the fine-tuning's updates, rounded, which cost what all of them cost with one pass.

    Source: Wu et al. (NeurIPS 2021), "R-Drop: Regularized Dropout for Neural Networks", section 2.

    Differs from the paper: its loss is the sum of both passes' where this is their mean, so its alpha is twice this
    one; the official code sums the divergence over the batch, so that its alpha depends on the batch size.
    """

    alpha: Annotated[float, FROM_ZERO] = 1.0
    match_compute: bool = False

    name: ClassVar[str] = "r_drop"

    def changed(self, stage: Stage) -> Stage:
        """Return the stage with two passes an update."""
        if self.alpha == 0:
            return stage
        num_steps = max(1, round(stage.num_steps / 2)) if self.match_compute else stage.num_steps
        return replace(stage, num_steps=num_steps, regulariser=Spec("r_drop", (("alpha", self.alpha),)))
