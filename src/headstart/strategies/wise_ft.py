"""WiSE-FT: the fine-tuned backbone is interpolated with the pretrained one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, ClassVar, final

from headstart.registry import FROM_ZERO_TO_ONE, Spec
from headstart.strategies.strategy import Stage
from headstart.strategies.variant import FinetuneVariant


@final
@dataclass(frozen=True, slots=True)
class WiseFt(FinetuneVariant):
    """Fine-tuning, after which the backbone goes part of the way back to its start; the head stays as trained.

    Attributes:
        interpolation: 1 is plain fine-tuning, 0 the pretrained backbone under the trained head.

    Source: Wortsman et al. (CVPR 2022), "Robust fine-tuning of zero-shot models", section 3; 0.5 as they recommend
    where nothing is known.

    Differs from the paper: its head starts from the classes' names and is interpolated as well.
    """

    interpolation: Annotated[float, FROM_ZERO_TO_ONE] = 0.5

    name: ClassVar[str] = "wise_ft"

    def changed(self, stage: Stage) -> Stage:
        """Return the stage with an interpolated end."""
        if self.interpolation == 1:
            return stage
        return replace(stage, regulariser=Spec("interpolation", (("fraction", self.interpolation),)))
