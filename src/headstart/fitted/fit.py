"""Fit a head on the vectors of labelled rows.

Letters: n rows, d numbers of a vector, k logits, c classes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from headstart.errors import UsageError, unknown_name
from headstart.fitted.linear_map import Floats, LinearMap, Rows, standardised
from headstart.fitted.methods import LDA, LOGISTIC, RIDGE, Method
from headstart.fitted.one_vs_rest import fit_one_vs_rest
from headstart.fitted.strength import choose_strength, inner_folds

if TYPE_CHECKING:
    from headstart.kinds.kind import Kind

AUTO = "auto"
METHODS = (LOGISTIC.name, RIDGE.name, LDA.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedHead:
    """One linear map from vectors to logits.

    Attributes:
        weight: [k, d], fp64.
        bias: [k], fp64.
        method: "logistic", "ridge" or "lda".
        strength: of the penalty that inner folds chose, in the method's own unit: C, alpha, or 0 where it has none.
        loss: on rows of inner folds, the mean log loss in nats, or of numbers the mean squared error.
    """

    weight: NDArray[np.float64]
    bias: NDArray[np.float64]
    method: str
    strength: float
    loss: float

    def logits(self, vectors: Floats) -> NDArray[np.float64]:
        """Return logits [n, k] of vectors [n, d]; of numbers they are the answers."""
        return np.asarray(vectors, dtype=np.float64) @ self.weight.T + self.bias


def method_for(kind: Kind, name: str) -> str:
    """Return the method that a name means for a kind of answer; "auto" is logistic, and ridge for numbers.

    Raises:
        UsageError: if there is none of that name, or it is not for this kind.
    """
    if name not in (AUTO, *METHODS):
        raise unknown_name("way to fit a head", name, (AUTO, *METHODS))
    if kind.has_choices:
        raise UsageError(
            f"no head can be fitted to {kind}: each row brings choices of its own",
            remedy="  Train it: leave `fit` out.",
        )
    allowed = (RIDGE.name,) if kind.has_units else (LOGISTIC.name,) if kind.takes_several else METHODS
    if name == AUTO:
        return allowed[0]
    if name not in allowed:
        raise UsageError(f"{name} cannot be fitted to {kind}", allowed=f"  Known: {', '.join(allowed)}.")
    return name


def fit_head(
    vectors: Floats,
    targets: NDArray[np.int64] | NDArray[np.float64],
    kind: Kind,
    method: str = AUTO,
    *,
    num_labels: int,
    weights: Floats | None = None,
    seed: int = 0,
) -> FittedHead:
    """Fit a head; deterministic at one seed, which only deals rows to inner folds.

    Vectors are standardised number by number, and that is folded back into the weights. The strength of the penalty is
    the one whose inner folds have the lowest log loss: accuracy would leave the norm of the head arbitrary, and with it
    how far fine-tuning moves the features afterwards. The scores of ridge and LDA are multiplied by the one number that
    makes them logits of the lowest log loss on the inner folds.

    Args:
        vectors: [n, d].
        targets: as `Kind.label_array` makes them: classes or numbers [n], or 0 and 1 for each class [n, c].
        kind: of the answers.
        method: "logistic", "ridge", "lda" or "auto".
        num_labels: classes of the task, those without rows too: they get the log-odds of half a row.
        weights: [n], of the rows; None for equal ones.
        seed: deals rows to inner folds.

    Raises:
        UsageError: if the method is not for this kind, or takes no weights.

    Source: L2-penalised logistic regression as in Tomihari and Sato (NeurIPS 2024, arXiv 2405.16747), who start LP-FT
    from it; ridge after Hoerl and Kennard (1970); LDA with the shrinkage of Ledoit and Wolf (2004). All three are
    scikit-learn's.
    """
    name = method_for(kind, method)
    rows = Rows(vectors=np.asarray(vectors, dtype=np.float64), targets=targets, weights=weights)
    if kind.takes_several:
        return _as_head(name, *fit_one_vs_rest(rows, seed))
    solver = next(each for each in (LOGISTIC, RIDGE, LDA) if each.name == name)
    if kind.has_units:
        return _as_head(name, *_fit(rows, solver, seed, num_classes=0))
    present, codes = np.unique(targets, return_inverse=True)
    if len(present) == 1:
        return _as_head(name, _spread(_no_slope(rows), present, num_labels, len(rows)), 0.0, 0.0)
    found, strength, loss = _fit(rows.with_targets(codes), solver, seed, num_classes=len(present))
    return _as_head(name, _spread(found, present, num_labels, len(rows)), strength, loss)


def _fit(rows: Rows, method: Method, seed: int, *, num_classes: int) -> tuple[LinearMap, float, float]:
    """Return the map of all rows, the strength that inner folds chose, and their loss."""
    folds = inner_folds(rows, num_classes, seed)
    chosen = choose_strength(rows, folds, method, num_classes)
    with_scale, unfold = standardised(rows)
    found = method.fit(with_scale, [chosen.strength])[0]
    return unfold(found.scaled(chosen.scale)), chosen.strength, chosen.loss


def _no_slope(rows: Rows) -> LinearMap:
    return LinearMap(weight=np.zeros((1, rows.vectors.shape[1])), bias=np.zeros(1))


def _spread(found: LinearMap, present: NDArray[np.int64], num_labels: int, num_rows: int) -> LinearMap:
    """Return the map with a row for each class; a class without rows is as probable as half a row of all."""
    weight, bias = np.zeros((num_labels, found.weight.shape[1])), np.full(num_labels, -np.log(2.0 * num_rows))
    weight[present] = found.weight - found.weight.mean(axis=0)
    bias[present] = found.bias - found.bias.mean()
    return LinearMap(weight=weight, bias=bias)


def _as_head(method: str, found: LinearMap, strength: float, loss: float) -> FittedHead:
    return FittedHead(weight=found.weight, bias=found.bias, method=method, strength=strength, loss=loss)
