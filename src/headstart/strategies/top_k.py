"""Top-K: only the highest layers and the head are trained."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, ClassVar, final

from headstart.registry import at_least
from headstart.strategies.selections import TopLayers
from headstart.strategies.strategy import Stage
from headstart.strategies.variant import FinetuneVariant


@final
@dataclass(frozen=True, slots=True)
class TopK(FinetuneVariant):
    """Fine-tuning of the last K layers, what stands above them, and the head.

    Attributes:
        layers: K, from 1 to the model's layers.

    Source: Houlsby et al. (ICML 2019), section 3; K in {3, 6, 12} of 24 layers in Yang et al. (EMNLP 2022).
    """

    layers: Annotated[int, at_least(1)] = 3

    name: ClassVar[str] = "top_k"

    def changed(self, stage: Stage) -> Stage:
        """Return the stage that trains the top alone."""
        return replace(stage, trainable=TopLayers(self.layers))
