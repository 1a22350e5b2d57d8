"""Choose the strength of a penalty, and the scale of scores, on inner folds by log loss."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from headstart.fitted.linear_map import Rows, standardised
from headstart.fitted.methods import Method

NUM_FOLDS = 3
MANY_ROWS = 2_000
"""From so many rows on one fold of `FOLDS_OF_MANY` is held out, and not each in turn."""
FOLDS_OF_MANY = 5
WORSE_IN_A_ROW = 2
"""So many weaker penalties that are each worse than the best one end the search."""
Folds = Sequence[tuple[NDArray[np.int64], NDArray[np.int64]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """A strength, the number that makes scores logits, and the loss of both on the rows of the inner folds."""

    strength: float
    scale: float
    loss: float


def inner_folds(rows: Rows, num_classes: int, seed: int) -> Folds:
    """Return the rows inside and outside of folds, by number; each class is dealt to the folds in turn.

    A row of a class that the rows inside lack tells nothing, and is left out.
    """
    many = len(rows) >= MANY_ROWS
    num_folds = FOLDS_OF_MANY if many else NUM_FOLDS
    order = np.random.default_rng(seed).permutation(len(rows))
    if num_classes:
        order = order[np.argsort(rows.targets[order], kind="stable")]
    place = np.empty(len(rows), dtype=np.int64)
    place[order] = np.arange(len(rows)) % num_folds
    found = []
    for fold in range(1 if many else num_folds):
        inside, outside = np.flatnonzero(place != fold), np.flatnonzero(place == fold)
        if num_classes:
            outside = outside[np.isin(rows.targets[outside], rows.targets[inside])]
        if len(outside) and len(inside):
            found.append((inside, outside))
    return found


def choose_strength(rows: Rows, folds: Folds, method: Method, num_classes: int) -> Chosen:
    """Return the strength with the lowest mean loss over all rows outside; the strongest where none can be tried."""
    fitters = [_Fold(rows, inside, outside, method, num_classes) for inside, outside in folds]
    if not fitters:
        return Chosen(strength=method.strengths[len(method.strengths) // 2], scale=1.0, loss=0.0)
    best: Chosen | None = None
    num_worse = 0
    for strength in method.strengths:
        found = _at_strength(fitters, strength, method.gives_logits or not num_classes, num_classes)
        if best is None or found.loss < best.loss:
            best, num_worse = found, 0
        else:
            num_worse += 1
        if num_worse == WORSE_IN_A_ROW:
            break
    assert best is not None
    return best


class _Fold:
    """The scores of rows outside a fold, from a map of those inside; classes that are not inside have score -inf."""

    def __init__(
        self, rows: Rows, inside: NDArray[np.int64], outside: NDArray[np.int64], method: Method, num_classes: int
    ) -> None:
        own = rows.take(inside)
        self._present = np.arange(0)
        if num_classes:
            self._present, codes = np.unique(own.targets, return_inverse=True)
            own = own.with_targets(codes)
        self._rows, self._unfold = standardised(own)
        self._method, self._outside = method, rows.vectors[outside]
        self._shape = (len(outside), max(1, num_classes))
        self.targets = rows.targets[outside]
        self.weights = np.ones(len(outside)) if rows.weights is None else rows.weights[outside]

    def scores(self, strength: float) -> NDArray[np.float64]:
        if len(self._present) == 1:
            found = np.zeros((len(self._outside), 1))
        else:
            found = self._unfold(self._method.fit(self._rows, [strength])[0])(self._outside)
        if not len(self._present):
            return found
        scores = np.full(self._shape, -np.inf)
        scores[:, self._present] = found
        return scores


def _at_strength(folds: Sequence[_Fold], strength: float, gives_logits: bool, num_classes: int) -> Chosen:
    scores = np.concatenate([fold.scores(strength) for fold in folds])
    targets = np.concatenate([fold.targets for fold in folds])
    weights = np.concatenate([fold.weights for fold in folds])
    if not num_classes:
        loss = float(np.average(np.square(scores[:, 0] - targets), weights=weights))
        return Chosen(strength=strength, scale=1.0, loss=loss)
    if gives_logits:
        return Chosen(strength=strength, scale=1.0, loss=_log_loss(scores, targets, weights))
    return _best_scale(scores, targets, weights, strength)


def _best_scale(
    scores: NDArray[np.float64], targets: NDArray[np.int64], weights: NDArray[np.float64], strength: float
) -> Chosen:
    from scipy.optimize import minimize_scalar

    found = minimize_scalar(
        lambda log_scale: _log_loss(np.exp(log_scale) * scores, targets, weights), bounds=(-8.0, 8.0), method="bounded"
    )
    return Chosen(strength=strength, scale=float(np.exp(found.x)), loss=float(found.fun))


def _log_loss(logits: NDArray[np.float64], targets: NDArray[np.int64], weights: NDArray[np.float64]) -> float:
    from scipy.special import logsumexp

    right = logits[np.arange(len(targets)), targets]
    return float(np.average(logsumexp(logits, axis=1) - right, weights=weights))
