"""Classes that no row has: methods see the others alone, and these get the probability that half a row would give.

Letters: n rows, d numbers of a vector, k classes.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from headstart.fitted.method import Fit, LinearMap, Method, Rows


def prepared(method: Method, rows: Rows, *, is_rough: bool = False) -> Fit:
    """Return what fits rows at a strength, whichever of the classes they have."""
    if not rows.num_classes:
        return method.prepared(rows, is_rough=is_rough)
    present, targets = np.unique(rows.targets.astype(np.int64), return_inverse=True)
    if len(present) == 1:
        alone = LinearMap(np.zeros((1, rows.vectors.shape[1])), np.zeros(1))
        return lambda strength: _among_all(alone, present, rows)
    fit = method.prepared(replace(rows, targets=targets, num_classes=len(present)), is_rough=is_rough)
    return lambda strength: _among_all(fit(strength), present, rows)


def _among_all(found: LinearMap, present: NDArray[np.int64], rows: Rows) -> LinearMap:
    """Return the map with a constant logit for each class that is not present, and `found` in the others' places."""
    if len(present) == rows.num_classes:
        return found
    weight = np.zeros((rows.num_classes, found.weight.shape[1]))
    bias = np.full(rows.num_classes, logsumexp(found.bias) + np.log(0.5 / rows.weights.sum()))
    weight[present], bias[present] = found.weight, found.bias
    return LinearMap(weight, bias)
