"""Dropout: fine-tuning with dropout at another rate, by default without any."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, ClassVar, final

from headstart.registry import FROM_ZERO_TO_UNDER_ONE, Spec
from headstart.strategies.strategy import Stage
from headstart.strategies.variant import FinetuneVariant


@final
@dataclass(frozen=True, slots=True)
class Dropout(FinetuneVariant):
    """Fine-tuning with one rate of dropout everywhere: a baseline for methods that switch dropout off.

    Attributes:
        probability: of every dropout in backbone and head, that of attention included, from 0 to under 1.

    Source: Srivastava et al. (JMLR 2014). Methods such as HyPe (Yuan et al., ACL 2023) and Mixout set dropout to 0 and
    are usually compared with fine-tuning at 0.1: this tells how much of their gain that is.
    """

    probability: Annotated[float, FROM_ZERO_TO_UNDER_ONE] = 0.0

    name: ClassVar[str] = "dropout"

    def changed(self, stage: Stage) -> Stage:
        """Return the stage with this rate."""
        return replace(stage, regulariser=Spec("dropout", (("probability", self.probability),)))
