"""Logistic regression, ridge and linear discriminants by scikit-learn, each as linear maps for several strengths."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar, final

import numpy as np
from numpy.typing import NDArray

from headstart.errors import UsageError
from headstart.fitted.linear_map import LinearMap, Rows

MAX_ITERATIONS = 5_000


class Method(ABC):
    """A way to fit a linear map.

    Attributes:
        strengths: that inner folds choose from; the strongest penalty first.
        gives_logits: whether outputs are log-odds as they are; others need a scale.
    """

    name: ClassVar[str]
    strengths: ClassVar[tuple[float, ...]]
    gives_logits: ClassVar[bool] = False

    @abstractmethod
    def fit(self, rows: Rows, strengths: Sequence[float]) -> list[LinearMap]:
        """Return a map for each strength, from rows that are standardised.

        Targets are classes from 0 on, each with rows, or numbers. A map has one output per class, or one.
        """


@final
class Logistic(Method):
    """Multinomial logistic regression with an L2 penalty; the strength is scikit-learn's C."""

    name: ClassVar[str] = "logistic"
    strengths: ClassVar[tuple[float, ...]] = tuple(np.geomspace(1e-4, 10.0, 11).tolist())
    gives_logits: ClassVar[bool] = True

    def fit(self, rows: Rows, strengths: Sequence[float]) -> list[LinearMap]:
        """Return a map for each strength; each one starts from that of the strength before."""
        from sklearn.linear_model import LogisticRegression

        model = LogisticRegression(max_iter=MAX_ITERATIONS, warm_start=True)
        maps = []
        for strength in strengths:
            model.set_params(C=strength).fit(rows.vectors, rows.targets, sample_weight=rows.weights)
            maps.append(_per_class(model.coef_.copy(), model.intercept_.copy()))
        return maps


@final
class Ridge(Method):
    """Ridge regression of numbers, or of +1 and -1 for each class; the strength is scikit-learn's alpha."""

    name: ClassVar[str] = "ridge"
    strengths: ClassVar[tuple[float, ...]] = tuple(np.geomspace(1e5, 1e-2, 15).tolist())

    def fit(self, rows: Rows, strengths: Sequence[float]) -> list[LinearMap]:
        """Return a map for each strength."""
        from sklearn.linear_model import Ridge as RidgeRegression

        targets = rows.targets
        if np.issubdtype(targets.dtype, np.integer):
            targets = np.where(targets[:, None] == np.unique(targets), 1.0, -1.0)
        found = (
            RidgeRegression(alpha=strength).fit(rows.vectors, targets, sample_weight=rows.weights)
            for strength in strengths
        )
        return [LinearMap(weight=np.atleast_2d(each.coef_), bias=np.atleast_1d(each.intercept_)) for each in found]


@final
class Discriminants(Method):
    """Linear discriminant analysis; the shrinkage of the covariance follows from the rows, so there is no strength."""

    name: ClassVar[str] = "lda"
    strengths: ClassVar[tuple[float, ...]] = (0.0,)

    def fit(self, rows: Rows, strengths: Sequence[float]) -> list[LinearMap]:
        """Return the map.

        Raises:
            UsageError: if rows have weights.
        """
        from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

        if rows.weights is not None:
            raise UsageError(
                "lda takes no weights of rows", remedy="  Fit by logistic or ridge, or leave `weight` out."
            )
        model = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto").fit(rows.vectors, rows.targets)
        return [_per_class(model.coef_, model.intercept_)]


LOGISTIC, RIDGE, LDA = Logistic(), Ridge(), Discriminants()


def _per_class(weight: NDArray[np.float64], bias: NDArray[np.float64]) -> LinearMap:
    """Return one output for each class; of two classes scikit-learn gives the log-odds of the second."""
    weight, bias = np.atleast_2d(weight), np.atleast_1d(bias)
    if len(weight) > 1:
        return LinearMap(weight=weight, bias=bias)
    return LinearMap(weight=np.concatenate([-weight, weight]) / 2, bias=np.concatenate([-bias, bias]) / 2)
