"""Re-initialisation: the highest layers forget what they were pretrained to do."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, ClassVar, final

from headstart.registry import at_least
from headstart.strategies.starts import Reinitialised
from headstart.strategies.strategy import Stage
from headstart.strategies.variant import FinetuneVariant


@final
@dataclass(frozen=True, slots=True)
class Reinit(FinetuneVariant):
    """Fine-tuning with the last L layers, and a pooler above them, drawn anew.

    They come from the random stream `layer_init`, as the architecture initialises them. A pretrained head was trained
    on the features of the layers that are then drawn anew: that combination is there to be measured.

    Attributes:
        layers: L, from 1 to the model's layers.

    Source: Zhang et al. (ICLR 2021), "Revisiting Few-sample BERT Fine-tuning", section 4.
    """

    layers: Annotated[int, at_least(1)] = 2

    name: ClassVar[str] = "reinit"

    def changed(self, stage: Stage) -> Stage:
        """Return the stage that starts with new layers."""
        return replace(stage, start=Reinitialised(self.layers))
