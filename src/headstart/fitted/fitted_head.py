"""A fitted head as a value: one linear map, and how it was found.

Letters: n rows, d numbers of a vector, k logits of a row.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, softmax

from headstart.kinds.kind import Kind


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FittedHead:
    """A linear map of raw vectors: standardisation is folded into it.

    Attributes:
        kind: what its logits mean.
        method: that found it: "logistic", "ridge" or "lda".
        weight: [k, d], one row per class, or one in all where answers are numbers.
        bias: [k].
        strength: of the penalty, as the method's module says.
        scale: what the logits of classes were multiplied by, so that their probabilities are right on held-out rows; 1
            for numbers, and with a given strength.
        loss: mean over held-out rows at this strength and scale: log loss in nats, or the squared error of numbers.
            None where the rows are too few to hold any out.
        held_out: [n, k], logits of each row by a head that was fitted without it, at this strength and scale; None
            where the rows are too few. The strength was chosen on them. Rows that are in every fit have none.
    """

    kind: Kind
    method: str
    weight: NDArray[np.float64]
    bias: NDArray[np.float64]
    strength: float
    scale: float
    loss: float | None
    held_out: NDArray[np.float64] | None

    def logits(self, vectors: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return logits [n, k] of vectors [n, d]; for numbers these are the answers."""
        logits: NDArray[np.float64] = vectors.astype(float) @ self.weight.T + self.bias
        return logits


def answers(head: FittedHead, vectors: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return what a head says of vectors [n, d]: probabilities [n, k] of classes, or numbers [n, 1]."""
    return answers_of(head.kind, head.logits(vectors))


def answers_of(kind: Kind, logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return answers from logits [n, k]: one probability distribution a row, one probability a class, or numbers."""
    if kind.takes_several:
        probabilities: NDArray[np.float64] = expit(logits)
        return probabilities
    if kind.has_classes:
        distribution: NDArray[np.float64] = softmax(logits, axis=1)
        return distribution
    return logits
