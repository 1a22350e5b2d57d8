"""Layer-wise learning rates: the lower a layer, the slower it moves."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, ClassVar, final

from headstart.registry import FROM_ABOVE_ZERO_TO_ONE
from headstart.strategies.strategy import Stage
from headstart.strategies.variant import FinetuneVariant


@final
@dataclass(frozen=True, slots=True)
class LayerwiseDecay(FinetuneVariant):
    """Fine-tuning with a learning rate for each layer.

    Attributes:
        decay: the head has the full rate, the highest layer this times it, the next this squared, and so on down to
            the embeddings; from above 0 to 1.

    Source: Howard and Ruder (ACL 2018), section 3.2 (discriminative fine-tuning); one factor for all layers as in
    Clark et al. (ICLR 2020) and Zhang et al. (ICLR 2021), section 5.
    """

    decay: Annotated[float, FROM_ABOVE_ZERO_TO_ONE] = 0.9

    name: ClassVar[str] = "layerwise_decay"

    def changed(self, stage: Stage) -> Stage:
        """Return the stage with a rate for each layer."""
        return replace(stage, optimizer=replace(stage.optimizer, layer_decay=self.decay))
