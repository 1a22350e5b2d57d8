"""Scores by name, through scikit-learn. Every degenerate case has a defined value, never NaN."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from headstart.errors import unknown_name

if TYPE_CHECKING:
    import numpy
    from numpy.typing import NDArray

    Labels = NDArray[numpy.int64]


def accuracy(labels: Labels, predictions: Labels) -> float:
    """Return the share of right answers, 0 to 1."""
    from sklearn.metrics import accuracy_score

    return float(accuracy_score(labels, predictions))


def f1(labels: Labels, predictions: Labels) -> float:
    """Return F1 of class 1, 0 to 1; 0 when it is neither there nor answered."""
    from sklearn.metrics import f1_score

    return float(f1_score(labels, predictions, pos_label=1, average="binary", zero_division=0.0))


def macro_f1(labels: Labels, predictions: Labels) -> float:
    """Return the mean F1 over the classes that are there or answered, 0 to 1; a class never hit counts 0."""
    from sklearn.metrics import f1_score

    return float(f1_score(labels, predictions, average="macro", zero_division=0.0))


def matthews(labels: Labels, predictions: Labels) -> float:
    """Return Matthews' correlation, -1 to 1; 0 when labels or answers are constant."""
    from sklearn.metrics import matthews_corrcoef

    return float(matthews_corrcoef(labels, predictions))


METRICS: dict[str, Callable[[Labels, Labels], float]] = {
    "accuracy": accuracy,
    "f1": f1,
    "macro_f1": macro_f1,
    "matthews": matthews,
}


def compute(names: Sequence[str], labels: Labels, predictions: Labels) -> dict[str, float]:
    """Return the named metrics.

    Args:
        names: keys of `METRICS`.
        labels: right classes [n], n above 0.
        predictions: answered classes [n].

    Raises:
        UsageError: if a name is unknown.
        ValueError: if there is nothing to score.
    """
    if len(labels) == 0 or len(labels) != len(predictions):
        raise ValueError(f"cannot score {len(predictions)} answers to {len(labels)} questions")
    unknown = [name for name in names if name not in METRICS]
    if unknown:
        raise unknown_name("metric", unknown[0], METRICS)
    return {name: METRICS[name](labels, predictions) for name in names}
