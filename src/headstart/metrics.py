"""Scores by name, through scikit-learn and SciPy. Every degenerate case has a defined value, never NaN."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from headstart.errors import UsageError
from headstart.registry import Registry

if TYPE_CHECKING:
    import numpy
    from numpy.typing import NDArray

    Values = NDArray[numpy.int64] | NDArray[numpy.float64]

Metric = Callable[["Values", "Values"], float]


def accuracy(labels: Values, predictions: Values) -> float:
    """Return the share of right answers, 0 to 1."""
    from sklearn.metrics import accuracy_score

    return float(accuracy_score(labels, predictions))


def f1(labels: Values, predictions: Values) -> float:
    """Return F1 of class 1, 0 to 1; 0 when it is neither there nor answered. For classes 0 and 1 only."""
    from sklearn.metrics import f1_score

    return float(f1_score(labels, predictions, pos_label=1, labels=[1], average="macro", zero_division=0.0))


def macro_f1(labels: Values, predictions: Values) -> float:
    """Return the mean F1 over the classes that are there or answered, 0 to 1; a class never hit counts 0."""
    from sklearn.metrics import f1_score

    return float(f1_score(labels, predictions, average="macro", zero_division=0.0))


def matthews(labels: Values, predictions: Values) -> float:
    """Return Matthews' correlation, -1 to 1; 0 when labels or answers are constant."""
    from sklearn.metrics import matthews_corrcoef

    if _is_constant(labels) or _is_constant(predictions):
        return 0.0
    return float(matthews_corrcoef(labels, predictions))


def pearson(labels: Values, predictions: Values) -> float:
    """Return Pearson's correlation, -1 to 1; 0 when labels or answers are constant or not finite."""
    from scipy.stats import pearsonr

    return _correlation(pearsonr, labels, predictions)


def spearman(labels: Values, predictions: Values) -> float:
    """Return Spearman's rank correlation, -1 to 1; 0 when labels or answers are constant or not finite."""
    from scipy.stats import spearmanr

    return _correlation(spearmanr, labels, predictions)


KNOWN: Registry[Metric] = Registry("metric")
for _name, _metric in (
    ("accuracy", accuracy),
    ("f1", f1),
    ("macro_f1", macro_f1),
    ("matthews", matthews),
    ("pearson", pearson),
    ("spearman", spearman),
):
    KNOWN.add(_name, _metric)


def compute(names: Sequence[str], labels: Values, predictions: Values) -> dict[str, float]:
    """Return the named metrics.

    Args:
        names: of `KNOWN`.
        labels: right classes or values [n], n above 0.
        predictions: answered classes or values [n].

    Raises:
        UsageError: if a name is unknown, or F1 of class 1 is asked of classes other than 0 and 1.
        ValueError: if there is nothing to score.
    """
    if len(labels) == 0 or len(labels) != len(predictions):
        raise ValueError(f"cannot score {len(predictions)} answers to {len(labels)} questions")
    metrics = {name: KNOWN.get(name) for name in names}
    if "f1" in metrics and not {*map(int, labels), *map(int, predictions)} <= {0, 1}:
        raise UsageError("f1 is for two classes", remedy="  Take macro_f1 for more.")
    return {name: metric(labels, predictions) for name, metric in metrics.items()}


def _is_constant(values: Values) -> bool:
    return len(set(values)) == 1


def _correlation(correlate: Callable[..., tuple[float, float]], labels: Values, predictions: Values) -> float:
    import numpy as np

    if _is_constant(labels) or _is_constant(predictions):
        return 0.0
    if not (np.isfinite(labels).all() and np.isfinite(predictions).all()):
        return 0.0
    return float(correlate(labels, predictions)[0])
