"""Logistic regression with an L2 penalty, through scikit-learn.

Letters: n rows, d numbers of a vector, k classes.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, ClassVar, final

from headstart.fitted.method import Fit, LinearMap, Method

if TYPE_CHECKING:
    from numpy import float64
    from numpy.typing import NDArray
    from sklearn.linear_model import LogisticRegression

    from headstart.fitted.method import Rows

TOLERANCE, ROUGH_TOLERANCE = 1e-7, 1e-4
"""Of the largest entry of the mean loss's gradient: of the head itself, and of those that a strength is judged by."""
MAX_ITERATIONS = 5000


@final
class Logistic(Method):
    """Softmax regression; for two classes and for each class of several, the usual one-row regression.

    The strength is the weight of half the squared weights beside the summed loss: scikit-learn's 1 / C.

    Source: Tomihari and Sato (NeurIPS 2024), arXiv 2405.16747, section 5, who fit LP-FT's head so. As in their code,
    the one row w of two classes becomes -w/2 and w/2. They choose C by accuracy, which leaves the norm arbitrary;
    here the held-out log loss chooses.
    """

    name: ClassVar[str] = "logistic"
    strengths: ClassVar[tuple[float, ...]] = (10, 3, 1, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001)

    def prepared(self, rows: Rows, *, is_rough: bool) -> Fit:
        """Return what fits at a strength."""
        import numpy as np

        def fit(strength: float) -> LinearMap:
            if rows.targets.ndim == 2:
                maps = [self._binary(rows, column, strength, is_rough=is_rough) for column in rows.targets.T]
                weights, biases = zip(*maps, strict=True)
                return LinearMap(np.stack(weights), np.stack(biases))
            model = _model(strength, is_rough=is_rough)
            _quietly(model, rows.vectors, rows.targets, rows.weights)
            if len(model.coef_) > 1:
                return LinearMap(model.coef_, model.intercept_)
            half = np.array([[-0.5], [0.5]])
            return LinearMap(half * model.coef_, (half * model.intercept_)[:, 0])

        return fit

    def _binary(
        self, rows: Rows, column: NDArray[float64], strength: float, *, is_rough: bool
    ) -> tuple[NDArray[float64], float64]:
        """Return weights [d] and bias of one class of several."""
        import numpy as np

        if len(np.unique(column)) == 1:
            # No row, or every row, has the class: its odds are those that half a row of the other kind would give.
            odds = np.log((column @ rows.weights + 0.5) / ((1 - column) @ rows.weights + 0.5))
            return np.zeros(rows.vectors.shape[1]), odds
        model = _model(strength, is_rough=is_rough)
        _quietly(model, rows.vectors, column, rows.weights)
        return model.coef_[0], model.intercept_[0]


def _model(strength: float, *, is_rough: bool) -> LogisticRegression:
    from sklearn.linear_model import LogisticRegression

    tolerance = ROUGH_TOLERANCE if is_rough else TOLERANCE
    return LogisticRegression(C=1 / strength, tol=tolerance, max_iter=MAX_ITERATIONS)


def _quietly(
    model: LogisticRegression, vectors: NDArray[float64], targets: NDArray[float64], weights: NDArray[float64]
) -> None:
    """Fit; where rounding ends the search a little before the tolerance, nobody can do anything about it."""
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(vectors, targets, sample_weight=weights)
