"""Layer-wise learning rates: the lower a layer, the slower it moves."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, final

from headstart.strategies.strategy import Stage
from headstart.strategies.variant import FinetuneVariant, require_share


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

    decay: float = 0.9

    name: ClassVar[str] = "layerwise_decay"

    def __post_init__(self) -> None:
        FinetuneVariant.__post_init__(self)
        require_share(self.name, "decay", self.decay, one=True)

    def changed(self, stage: Stage) -> Stage:
        """Return the stage with a rate for each layer."""
        return replace(stage, optimizer=replace(stage.optimizer, layer_decay=self.decay))
