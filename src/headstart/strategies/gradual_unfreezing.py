"""Gradual unfreezing: the head first, then one more layer at a time from the top."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, ClassVar, final

from headstart.registry import FROM_ABOVE_ZERO_TO_ONE, Spec
from headstart.strategies.strategy import Stage
from headstart.strategies.variant import FinetuneVariant


@final
@dataclass(frozen=True, slots=True)
class GradualUnfreezing(FinetuneVariant):
    """Fine-tuning in which layers join one after another, the embeddings last.

    Attributes:
        unfreezing_fraction: share of the updates after which everything trains, from above 0 to 1; the layers before
            join at equal distances.

    Source: Howard and Ruder (ACL 2018), "Universal Language Model Fine-tuning for Text Classification", section 3.3.

    Differs from the paper: a layer joins after a share of the updates, not after an epoch.
    """

    unfreezing_fraction: Annotated[float, FROM_ABOVE_ZERO_TO_ONE] = 0.5

    name: ClassVar[str] = "gradual_unfreezing"

    def changed(self, stage: Stage) -> Stage:
        """Return the stage with its schedule of unfreezing."""
        return replace(stage, regulariser=Spec("gradual_unfreezing", (("fraction", self.unfreezing_fraction),)))
