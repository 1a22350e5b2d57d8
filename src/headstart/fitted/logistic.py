"""Logistic regression with an L2 penalty, through scikit-learn.

Letters: n rows, d numbers of a vector, k classes.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, ClassVar, final

import numpy as np
from numpy.typing import NDArray

from headstart.fitted.method import Fit, LinearMap, Method, Rows
from headstart.fitted.names import LOGISTIC

if TYPE_CHECKING:
    from sklearn.linear_model import LogisticRegression

TOLERANCE, ROUGH_TOLERANCE = 1e-7, 3e-5
"""Of the largest entry of the mean loss's gradient: of the head itself, and of those that a strength is judged by."""
MAX_ITERATIONS = 5000
MANY_CLASSES_WARNING = "The number of unique classes is greater than 50% of the number of samples"
"""scikit-learn takes few rows a class for numbers that were meant to be a regression's."""


@final
class Logistic(Method):
    """Softmax regression; for two classes and for each class of several, the usual one-row regression.

    The strength is the weight of half the squared weights beside the summed loss: scikit-learn's 1 / C.

    Source: Tomihari and Sato (NeurIPS 2024), arXiv 2405.16747, section 5, who fit LP-FT's head so. As in their code,
    the one row w of two classes becomes -w/2 and w/2. They choose C by accuracy, which leaves the norm arbitrary;
    here the held-out log loss chooses C and, apart from it, the scale of the logits: `held_out.choose`.
    """

    name: ClassVar[str] = LOGISTIC
    strengths: ClassVar[tuple[float, ...]] = (10, 2, 0.5, 0.1, 0.02, 0.005, 0.001, 0.0002)

    def prepared(self, rows: Rows, *, is_rough: bool) -> Fit:
        """Return what fits at a strength; a rough map is sought from where the last one was found."""
        if rows.targets.ndim == 2:
            return _each_alone(rows, is_rough=is_rough)
        regression = _regression(is_rough=is_rough)

        def fit(strength: float) -> LinearMap:
            _fit(regression, rows.vectors, rows.targets, rows.weights, strength)
            if len(regression.coef_) > 1:
                return LinearMap(regression.coef_.copy(), regression.intercept_.copy())
            half = np.array([[-0.5], [0.5]])
            return LinearMap(half * regression.coef_, (half * regression.intercept_)[:, 0])

        return fit


def _each_alone(rows: Rows, *, is_rough: bool) -> Fit:
    """Return what fits a regression for each class of several, all at one strength."""
    odds = _odds(rows)
    varied = [column for column in range(rows.targets.shape[1]) if len(np.unique(rows.targets[:, column])) > 1]
    regressions = {column: _regression(is_rough=is_rough) for column in varied}

    def fit(strength: float) -> LinearMap:
        weight, bias = np.zeros((rows.targets.shape[1], rows.vectors.shape[1])), odds.copy()
        for column, regression in regressions.items():
            _fit(regression, rows.vectors, rows.targets[:, column], rows.weights, strength)
            weight[column], bias[column] = regression.coef_[0], regression.intercept_[0]
        return LinearMap(weight, bias)

    return fit


def _odds(rows: Rows) -> NDArray[np.float64]:
    """Return the log-odds of each class [k] with half a row more of either kind: what a class has that never varies."""
    odds: NDArray[np.float64] = np.log(rows.weights @ rows.targets + 0.5) - np.log(
        rows.weights @ (1 - rows.targets) + 0.5
    )
    return odds


def _regression(*, is_rough: bool) -> LogisticRegression:
    from sklearn.linear_model import LogisticRegression

    tolerance = ROUGH_TOLERANCE if is_rough else TOLERANCE
    return LogisticRegression(tol=tolerance, max_iter=MAX_ITERATIONS, warm_start=is_rough)


def _fit(
    regression: LogisticRegression,
    vectors: NDArray[np.float64],
    targets: NDArray[np.float64] | NDArray[np.int64],
    weights: NDArray[np.float64],
    strength: float,
) -> None:
    """Fit; where rounding ends the search a little before the tolerance, nobody can do anything about it."""
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.filterwarnings("ignore", MANY_CLASSES_WARNING)
        regression.set_params(C=1 / strength).fit(vectors, targets, sample_weight=weights)
