"""Multi-label heads: a logistic regression for each class, all with one strength."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from headstart.fitted.linear_map import LinearMap, Rows, standardised
from headstart.fitted.methods import LOGISTIC
from headstart.fitted.strength import WORSE_IN_A_ROW, Folds, inner_folds


def fit_one_vs_rest(rows: Rows, seed: int) -> tuple[LinearMap, float, float]:
    """Return the map of all rows, the strength that inner folds chose for all classes, and their mean log loss.

    Targets are 0 and 1 for each class [n, c]. A class that all rows have, or none, gets its log-odds with half a row
    more of either kind, whatever the vector.
    """
    folds = inner_folds(rows, 0, seed)
    best = (LOGISTIC.strengths[0], np.inf)
    num_worse = 0
    for strength in LOGISTIC.strengths:
        loss = _loss(rows, folds, strength)
        num_worse = 0 if loss < best[1] else num_worse + 1
        best = min(best, (strength, loss), key=lambda pair: pair[1])
        if num_worse == WORSE_IN_A_ROW:
            break
    return _fit(rows, best[0]), best[0], float(best[1])


def _fit(rows: Rows, strength: float) -> LinearMap:
    with_scale, unfold = standardised(rows)
    maps = [_one(with_scale.with_targets(column), strength) for column in rows.targets.T]
    return unfold(LinearMap(weight=np.stack([one[0] for one in maps]), bias=np.array([one[1] for one in maps])))


def _one(rows: Rows, strength: float) -> tuple[NDArray[np.float64], float]:
    num_ones = int(rows.targets.sum())
    if num_ones in (0, len(rows)):
        return np.zeros(rows.vectors.shape[1]), float(np.log((num_ones + 0.5) / (len(rows) - num_ones + 0.5)))
    found = LOGISTIC.fit(rows, [strength])[0]
    return found.weight[1] - found.weight[0], float(found.bias[1] - found.bias[0])


def _loss(rows: Rows, folds: Folds, strength: float) -> float:
    losses, weights = [], []
    for inside, outside in folds:
        logits = _fit(rows.take(inside), strength)(rows.vectors[outside])
        targets = rows.targets[outside]
        losses.append((np.logaddexp(0.0, logits) - targets * logits).mean(axis=1))
        weights.append(np.ones(len(outside)) if rows.weights is None else rows.weights[outside])
    return float(np.average(np.concatenate(losses), weights=np.concatenate(weights)))
