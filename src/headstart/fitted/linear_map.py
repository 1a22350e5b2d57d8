"""Rows to fit on, linear maps, and the units that they are fitted in. Letters: n rows, d numbers, k outputs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64] | NDArray[np.float32]
LEAST_SPREAD = 1e-12
"""Of a number's standard deviation beside the largest of all: below it the number is constant but for rounding."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """Vectors [n, d] with their targets [n] or [n, c], and a weight for each row [n]; None for equal weights."""

    vectors: NDArray[np.float64]
    targets: NDArray[np.int64] | NDArray[np.float64]
    weights: Floats | None = None

    def __len__(self) -> int:
        return len(self.vectors)

    def take(self, numbers: NDArray[np.int64]) -> Rows:
        """Return some of the rows."""
        weights = None if self.weights is None else self.weights[numbers]
        return Rows(vectors=self.vectors[numbers], targets=self.targets[numbers], weights=weights)

    def with_targets(self, targets: NDArray[np.int64] | NDArray[np.float64]) -> Rows:
        """Return the rows with other targets."""
        return replace(self, targets=targets)


@dataclass(frozen=True, slots=True, kw_only=True)
class LinearMap:
    """`vectors @ weight.T + bias`, with the weight [k, d] and the bias [k]."""

    weight: NDArray[np.float64]
    bias: NDArray[np.float64]

    def __call__(self, vectors: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return [n, k] from [n, d]."""
        outputs: NDArray[np.float64] = vectors @ self.weight.T + self.bias
        return outputs

    def scaled(self, factor: float) -> LinearMap:
        """Return the map times a number."""
        return LinearMap(weight=factor * self.weight, bias=factor * self.bias)


def standardised(rows: Rows) -> tuple[Rows, Callable[[LinearMap], LinearMap]]:
    """Return rows whose numbers have mean 0 and standard deviation 1, and what brings a map back to their own units.

    Numbers that are constant become 0. Weights of rows do not change the units.
    """
    mean, spread = rows.vectors.mean(axis=0), rows.vectors.std(axis=0)
    is_constant = spread <= LEAST_SPREAD * max(float(spread.max(initial=0.0)), np.finfo(np.float64).tiny)
    scale = np.where(is_constant, 0.0, 1.0 / np.where(is_constant, 1.0, spread))

    def unfold(found: LinearMap) -> LinearMap:
        weight = found.weight * scale
        return LinearMap(weight=weight, bias=found.bias - weight @ mean)

    return replace(rows, vectors=(rows.vectors - mean) * scale), unfold
