"""What a way to fit a linear map is: it sees rows once and then gives a map for any strength of its penalty.

Letters: n rows, d numbers of a vector, k logits.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Rows to fit on.

    Attributes:
        vectors: [n, d], standardised.
        targets: classes [n], of which each has a row; 0 or 1 for each class [n, k]; or numbers [n].
        weights: [n], above 0; a row of weight 2 counts as two rows.
        num_classes: k where targets are classes; 0 otherwise.
    """

    vectors: NDArray[np.float64]
    targets: NDArray[np.float64] | NDArray[np.int64]
    weights: NDArray[np.float64]
    num_classes: int

    def only(self, chosen: NDArray[np.bool_]) -> Rows:
        """Return the rows where `chosen` [n] is true."""
        return Rows(self.vectors[chosen], self.targets[chosen], self.weights[chosen], self.num_classes)


@dataclass(frozen=True, slots=True, eq=False)
class LinearMap:
    """Weights [k, d] and biases [k]."""

    weight: NDArray[np.float64]
    bias: NDArray[np.float64]

    def __call__(self, vectors: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return logits [n, k] of vectors [n, d]."""
        return vectors @ self.weight.T + self.bias


Fit = Callable[[float], LinearMap]
"""From a strength to the map that it leads to."""


class Method(ABC):
    """A way to fit. It has no state.

    Attributes:
        name: in options and records.
        strengths: that are tried, the strongest penalty first.
    """

    name: ClassVar[str]
    strengths: ClassVar[tuple[float, ...]]

    @abstractmethod
    def prepared(self, rows: Rows, *, is_rough: bool) -> Fit:
        """Return what fits these rows at a strength.

        Args:
            rows: to fit on.
            is_rough: a map is good enough that differs a little from the best.
        """
