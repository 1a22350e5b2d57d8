"""R-Drop: two forward passes with different dropout are to say the same."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, final

import torch

from headstart.training.regularisers.dropout_rates import has_dropout
from headstart.training.regularisers.regulariser import (
    BatchLoss,
    ForwardPass,
    RegularisedStage,
    Regulariser,
    StageView,
)


@final
@dataclass(frozen=True, slots=True)
class RDrop(Regulariser):
    """The mean loss of two passes, plus `alpha` times how far their answers are apart.

    The distance is the mean over the batch of the symmetric Kullback-Leibler divergence (half the sum of both
    directions), and for numbers of the squared difference. Every update costs twice as much.

    Source: Wu et al. (NeurIPS 2021), equations 2 to 4. Differs: the paper adds the two losses up where this takes their
    mean, so that the learning rate need not change; its alpha is twice this one.
    """

    alpha: float = 1.0

    num_passes: ClassVar[int] = 2

    def refusal(self, model: torch.nn.Module) -> str | None:
        """Refuse a model without dropout: both passes would be the same."""
        return None if has_dropout(model) else "it compares two passes with different dropout, and this model has none"

    def start(self, view: StageView) -> RegularisedStage:
        """Return the two passes."""
        return _Twice(self.alpha)


class _Twice(RegularisedStage):
    def __init__(self, alpha: float) -> None:
        self._alpha = alpha

    def loss(self, first: ForwardPass, again: Callable[[], ForwardPass]) -> BatchLoss:
        second = again()
        distances = first.kind.divergence(first.logits, second.logits)
        if first.weights is not None:
            distances = distances * first.weights
        return BatchLoss(task=(first.loss + second.loss) / 2, penalty=self._alpha * distances.mean())
