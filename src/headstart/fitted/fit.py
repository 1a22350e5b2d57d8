"""Fit one linear map on vectors. Letters: n rows, d numbers of a vector, k logits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from headstart.kinds.kind import Kind

METHODS = ("logistic", "ridge", "lda")
STRENGTHS = (0.001, 0.01, 0.1, 1.0, 10.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedHead:
    weight: NDArray[np.float64]
    bias: NDArray[np.float64]
    strength: float


def fit_head(vectors, targets, kind: Kind, method: str, *, weights=None, seed: int = 0) -> FittedHead:
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
    from sklearn.linear_model import LogisticRegressionCV, RidgeClassifierCV, RidgeCV

    X = np.asarray(vectors, dtype=np.float64)
    mean, std = X.mean(0), X.std().clip(1e-12)
    Z = (X - mean) / std
    if kind.has_units:
        m = RidgeCV(alphas=np.logspace(-2, 5, 8)).fit(Z, targets)
        W, b = m.coef_[None], np.array([m.intercept_])
    elif method == "logistic":
        m = LogisticRegressionCV(
            Cs=STRENGTHS, cv=3, scoring="neg_log_loss", max_iter=1000, l1_ratios=(0,), use_legacy_attributes=False
        ).fit(Z, targets)
        W, b = m.coef_, m.intercept_
    elif method == "ridge":
        m = RidgeClassifierCV(alphas=np.logspace(-2, 5, 8)).fit(Z, targets)
        W, b = m.coef_, m.intercept_
    else:
        m = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto").fit(Z, targets)
        W, b = m.coef_, m.intercept_
    W, b = np.atleast_2d(W), np.atleast_1d(b)
    if len(W) == 1 and not kind.has_units:
        W, b = np.vstack([-W / 2, W / 2]), np.concatenate([-b / 2, b / 2])
    W = W / std
    return FittedHead(weight=W, bias=b - W @ mean, strength=0.0)
