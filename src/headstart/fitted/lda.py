"""Linear discriminant analysis with a shrunken covariance."""

from __future__ import annotations

from typing import ClassVar, final

import numpy as np
from scipy.linalg import solve

from headstart.fitted.method import Fit, LinearMap, Method, Rows
from headstart.fitted.names import LDA


@final
class Lda(Method):
    """Classes are normal with means of their own and one covariance.

    The strength is the shrinkage of the covariance towards a multiple of the identity, from 0 to 1: scikit-learn's
    `shrinkage` with its solver "lsqr". At 1 the nearest class mean decides. scikit-learn's own takes no weights of
    rows, and goes through all rows again for each shrinkage.
    """

    name: ClassVar[str] = LDA
    strengths: ClassVar[tuple[float, ...]] = (1.0, 0.9, 0.7, 0.5, 0.3, 0.1, 0.03, 0.01)

    def prepared(self, rows: Rows, *, is_rough: bool) -> Fit:
        """Return what fits at a strength."""
        members = np.eye(rows.num_classes)[rows.targets] * rows.weights[:, None]
        totals = members.sum(axis=0)
        means = (members.T @ rows.vectors) / totals[:, None]
        centred = rows.vectors - means[rows.targets]
        covariance = (centred * rows.weights[:, None]).T @ centred / totals.sum()
        # Classes of one row each have no spread: then every multiple of the identity decides alike.
        identity = np.eye(len(covariance)) * (np.trace(covariance) / len(covariance) or 1.0)
        log_shares = np.log(totals / totals.sum())

        def fit(strength: float) -> LinearMap:
            shrunken = (1 - strength) * covariance + strength * identity
            weight = solve(shrunken, means.T, assume_a="pos").T
            return LinearMap(weight, log_shares - 0.5 * (weight * means).sum(axis=1))

        return fit
