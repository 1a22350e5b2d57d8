"""The strength of a penalty and the scale of logits, chosen on rows that the maps were fitted without.

Letters: n rows, k logits.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from headstart.dealing.folds import count_units
from headstart.fitted.inner_folds import NUM_FOLDS, InnerFolds
from headstart.fitted.losses import row_losses
from headstart.fitted.method import Method, Rows
from headstart.fitted.present_classes import prepared
from headstart.kinds.kind import Kind

IN_NO_FOLD = -1
SCALES = (1e-3, 1e3)
"""Between these a scale is sought."""


@dataclass(frozen=True, slots=True, eq=False)
class Choice:
    """A strength and a scale, and how well they do.

    Attributes:
        loss: mean over the held-out rows: log loss in nats, or the squared error of numbers.
        held_out: [n, k], each row's logits by the map that was fitted without its fold; n without rows that are in
            every fit.
    """

    strength: float
    scale: float
    loss: float
    held_out: NDArray[np.float64]


def choose(
    kind: Kind,
    method: Method,
    rows: Rows,
    strengths: tuple[float, ...],
    inner: InnerFolds,
    *,
    scaled: bool = True,
) -> Choice | None:
    """Return the strength with the lowest held-out log loss; None where rows or units are too few to hold any out.

    From the strongest penalty on, until the loss has risen twice in a row. Each strength is judged at its best scale: a
    strong penalty also makes logits small, and their loss alone would speak for a weak one.

    Args:
        kind: what the logits mean.
        method: how to fit.
        rows: all rows. The last ones, which have no fold, are in every fit.
        strengths: to try, the strongest penalty first.
        inner: the folds of the first rows.
        scaled: whether logits may be multiplied by a number; those of numbers never are.
    """
    num_dealt = len(inner.folds)
    folds = np.concatenate([inner.folds, np.full(len(rows.targets) - num_dealt, IN_NO_FOLD)])
    counted = _counted(rows, folds)
    if not counted.any():
        return None
    wrong = 0.5 / count_units(inner.units[counted[:num_dealt] > 0])
    fits = [(folds == fold, prepared(method, rows.only(folds != fold), is_rough=True)) for fold in range(NUM_FOLDS)]
    best: Choice | None = None
    num_worse = 0
    for strength in strengths:
        logits = np.zeros((len(folds), _num_logits(rows)))
        for is_out, fit in fits:
            logits[is_out] = fit(strength)(rows.vectors[is_out])
        scale = _best_scale(kind, logits, rows, counted, wrong) if scaled and kind.has_classes else 1.0
        losses = row_losses(kind, scale * logits, rows.targets)
        loss = float(np.average(losses, weights=rows.weights * counted))
        if best is None or loss < best.loss:
            best, num_worse = Choice(strength, scale, loss, scale * logits[:num_dealt]), 0
        else:
            num_worse += 1
        if num_worse == 2:
            break
    return best


def _num_logits(rows: Rows) -> int:
    """Return k."""
    return rows.num_classes or (rows.targets.shape[1] if rows.targets.ndim == 2 else 1)


def _counted(rows: Rows, folds: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return 1 for rows [n] that tell strengths apart, 0 for those whose class the other folds lack."""
    counted = np.zeros(len(folds))
    for fold in range(NUM_FOLDS):
        is_out = folds == fold
        seen = rows.targets[~is_out]
        if not rows.num_classes:
            counted[is_out] = len(seen) > 0
        elif len(np.unique(seen)) > 1:
            counted[is_out] = np.isin(rows.targets[is_out], seen)
    return counted


def _best_scale(
    kind: Kind, logits: NDArray[np.float64], rows: Rows, counted: NDArray[np.float64], wrong: float
) -> float:
    """Return what to multiply logits by.

    A share of the answers counts as `wrong`, that of half a unit, or rows without a mistake would want no end.
    """
    from scipy.optimize import minimize_scalar

    weights = rows.weights * counted

    def loss(log_scale: float) -> float:
        losses = row_losses(kind, math.exp(log_scale) * logits, rows.targets, wrong)
        return float(np.average(losses, weights=weights))

    return math.exp(minimize_scalar(loss, bounds=(math.log(SCALES[0]), math.log(SCALES[1])), method="bounded").x)
