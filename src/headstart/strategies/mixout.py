"""Mixout: in every forward pass some weights are their pretrained selves."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, ClassVar, final

from headstart.registry import FROM_ZERO_TO_UNDER_ONE, Spec
from headstart.strategies.strategy import Stage
from headstart.strategies.variant import FinetuneVariant


@final
@dataclass(frozen=True, slots=True)
class Mixout(FinetuneVariant):
    """Fine-tuning with Mixout on the backbone's linear maps.

    Attributes:
        probability: that a weight is the pretrained one in a forward pass, from 0 to under 1.

    Source: Lee, Cho and Kang (ICLR 2020), "Mixout: Effective Regularization to Finetune Large-scale Pretrained
    Language Models", section 3; 0.7 and dropout of 0 in the backbone as Yang et al. (EMNLP 2022) ran it.

    Differs from the paper: nothing on the backbone; the new head is left alone.
    """

    probability: Annotated[float, FROM_ZERO_TO_UNDER_ONE] = 0.7

    name: ClassVar[str] = "mixout"

    def changed(self, stage: Stage) -> Stage:
        """Return the stage with Mixout."""
        return replace(stage, regulariser=Spec("mixout", (("probability", self.probability),)))
