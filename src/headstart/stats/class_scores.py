"""How well a model does on each class. Letters: n rows, c classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from headstart.kinds.kind import Values


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassScores:
    """One class, against all others.

    Attributes:
        name: of the class.
        precision: share of the rows answered with it that have it, 0 to 1; 0 where none was.
        recall: share of the rows that have it that were answered with it, 0 to 1; 0 where none has it.
        f1: their harmonic mean.
        num_rows: rows that have it.
        num_answered: rows that were answered with it.
    """

    name: str
    precision: float
    recall: float
    f1: float
    num_rows: int
    num_answered: int


def class_scores(
    classes: Sequence[str], labels: Values, decisions: Values, weights: Values | None = None
) -> tuple[ClassScores, ...]:
    """Return the scores of each class, in their order, by scikit-learn.

    Args:
        classes: their names by index.
        labels: right classes [n], or 0 and 1 for each class [n, c].
        decisions: what was answered, of the same shape.
        weights: [n], of each row, in the three scores; None where each counts the same.
    """
    import numpy as np
    from sklearn.metrics import precision_recall_fscore_support

    indices = list(range(len(classes)))
    *found, _ = precision_recall_fscore_support(
        labels, decisions, labels=indices, average=None, zero_division=0.0, sample_weight=weights
    )

    def num_rows_of(values: Values) -> Values:
        return np.bincount(values, minlength=len(classes)) if values.ndim == 1 else values.sum(axis=0)

    return tuple(
        ClassScores(
            name=name,
            precision=float(precision),
            recall=float(recall),
            f1=float(f1),
            num_rows=int(num_rows),
            num_answered=int(num_answered),
        )
        for name, precision, recall, f1, num_rows, num_answered in zip(
            classes, *found, num_rows_of(labels), num_rows_of(decisions), strict=True
        )
    )
