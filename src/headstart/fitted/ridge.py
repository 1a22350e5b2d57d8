"""Ridge regression, in closed form: for numbers, and for classes as targets of -1 and 1."""

from __future__ import annotations

from typing import ClassVar, final

import numpy as np
from scipy.linalg import solve

from headstart.fitted.method import Fit, LinearMap, Method, Rows
from headstart.fitted.names import RIDGE


@final
class Ridge(Method):
    """Least squares with an L2 penalty, the biases free of it.

    The strength is the weight of the squared weights beside the sum of squared errors: scikit-learn's alpha. One
    product of all rows serves every strength, which is why this is not `sklearn.linear_model.Ridge`; it gives the same.
    """

    name: ClassVar[str] = RIDGE
    strengths: ClassVar[tuple[float, ...]] = (1000, 300, 100, 30, 10, 3, 1, 0.3, 0.1, 0.03, 0.01)

    def prepared(self, rows: Rows, *, is_rough: bool) -> Fit:
        """Return what fits at a strength."""
        targets = rows.targets[:, None] if rows.targets.ndim == 1 else 2.0 * rows.targets - 1
        if rows.num_classes:
            targets = 2.0 * np.eye(rows.num_classes)[rows.targets] - 1
        center = np.average(rows.vectors, axis=0, weights=rows.weights)
        middle = np.average(targets, axis=0, weights=rows.weights)
        vectors = rows.vectors - center
        weighted = vectors * rows.weights[:, None]
        squares, products = weighted.T @ vectors, weighted.T @ (targets - middle)

        def fit(strength: float) -> LinearMap:
            weight = solve(squares + strength * np.eye(len(squares)), products, assume_a="pos").T
            return LinearMap(weight, middle - weight @ center)

        return fit
