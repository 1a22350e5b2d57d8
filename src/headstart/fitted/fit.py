"""Fit a head: vectors and targets in, one linear map out. The same rows and seed give the same map.

Letters: n rows, d numbers of a vector, k logits.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from headstart.fitted.fitted_head import FittedHead
from headstart.fitted.held_out import choose
from headstart.fitted.inner_folds import InnerFolds, deal_inner_folds
from headstart.fitted.lda import Lda
from headstart.fitted.logistic import Logistic
from headstart.fitted.method import Method, Rows
from headstart.fitted.names import AUTO, method_for
from headstart.fitted.present_classes import prepared
from headstart.fitted.ridge import Ridge
from headstart.kinds.kind import Kind, Values

LEAST_SPREAD = 1e-6
"""Of a number's standard deviation beside the largest of all: below it there is nothing but fp32's rounding."""
WAYS: dict[str, Method] = {way.name: way for way in (Logistic(), Ridge(), Lda())}


def fit_head(
    vectors: NDArray[np.floating],
    targets: Values,
    kind: Kind,
    method: str = AUTO,
    *,
    num_labels: int | None = None,
    weights: Sequence[float] | NDArray[np.floating] | None = None,
    inner: InnerFolds | None = None,
    strength: float | None = None,
) -> FittedHead:
    """Return the head that a method fits to vectors, in float64.

    Each number of the vectors is standardised over the rows, and the vectors are divided by the square root of d, so
    that their mean squared norm is 1 and a strength means the same for vectors of any length; all of it is folded into
    the head, which reads raw vectors.

    Args:
        vectors: [n, d].
        targets: as `Kind.label_array` makes them: classes [n], 0 and 1 [n, k], or numbers [n].
        kind: what the targets are.
        method: one of `methods_for(kind)`, or "auto".
        num_labels: how many classes there are; None takes those up to the highest target.
        weights: [n], above 0; a row of weight 2 counts as two rows. None weighs all rows alike.
        inner: the inner folds of the first rows; the last ones, if there are more, are in every fit, such as names of
            classes. None deals all rows, each for itself.
        strength: of the penalty; None chooses it by the log loss of three inner folds, and with it the scale of the
            logits of classes. With a given strength the scale is 1.

    Raises:
        UsageError: if the method does not suit the kind.
    """
    from threadpoolctl import threadpool_limits

    way = WAYS[method_for(kind, method)]
    # For products of this size threads wait longer than they work, on a busy machine many times as long; and the last
    # digits would depend on how many there are.
    with threadpool_limits(limits=1, user_api="blas"):
        return _fitted(
            vectors,
            targets,
            kind,
            way,
            num_labels=num_labels,
            weights=weights,
            inner=inner or deal_inner_folds(kind, targets),
            strength=strength,
        )


def _fitted(
    vectors: NDArray[np.floating],
    targets: Values,
    kind: Kind,
    way: Method,
    *,
    num_labels: int | None,
    weights: Sequence[float] | NDArray[np.floating] | None,
    inner: InnerFolds,
    strength: float | None,
) -> FittedHead:
    exact = np.asarray(vectors, dtype=np.float64)
    each = np.ones(len(exact)) if weights is None else np.asarray(weights, dtype=np.float64)
    mean, size = _mean_and_size(exact, each)
    num_classes = (num_labels or int(np.max(targets)) + 1) if kind.has_one_class else 0
    rows = Rows((exact - mean) / size, targets, each, num_classes)

    tried = way.strengths if strength is None else (strength,)
    choice = choose(kind, way, rows, tried, inner, scaled=strength is None)
    chosen = choice.strength if choice else tried[len(tried) // 2]
    scale = choice.scale if choice else 1.0
    found = prepared(way, rows)(chosen)
    weight = scale * found.weight / size
    return FittedHead(
        kind=kind,
        method=way.name,
        weight=weight,
        bias=scale * found.bias - weight @ mean,
        strength=chosen,
        scale=scale,
        loss=choice.loss if choice else None,
        held_out=choice.held_out if choice else None,
    )


def _mean_and_size(
    vectors: NDArray[np.float64], weights: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return what to subtract [d] from vectors [n, d], and what to divide them by [d]."""
    mean = np.average(vectors, axis=0, weights=weights)
    spread = np.sqrt(np.average((vectors - mean) ** 2, axis=0, weights=weights))
    largest = spread.max() or 1.0
    # Some encoders have numbers that are constant but for rounding, which must not be blown up.
    return mean, np.where(spread < LEAST_SPREAD * largest, largest, spread) * math.sqrt(len(mean))
