"""What a model gets right and wrong, class by class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy
from numpy.typing import NDArray

from headstart.kinds.kind import Kind
from headstart.reports.figures.confusion import most_frequent_confusions
from headstart.reports.fit.facts import AnsweredRows
from headstart.stats.class_scores import class_scores as against_all_others


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassScore:
    """How well one class is found.

    Attributes:
        num_rows: that have it; `num_answered`: that are answered with it.
        precision: share of right ones among the rows that are answered with it; None where there are none.
        recall: share of its rows that are answered with it; None where there are none.
        f1: their harmonic mean; None where the class is neither there nor answered.
        mistaken_for: the other class that its rows are most often answered with, and for how many; "" for none.
    """

    name: str
    num_rows: int
    num_answered: int
    precision: float | None
    recall: float | None
    f1: float | None
    mistaken_for: str


def class_scores(rows: AnsweredRows, kind: Kind, names: Sequence[str]) -> tuple[ClassScore, ...]:
    """Return the scores of every class, the one with the lowest F1 first; classes without any rows come last."""
    mistaken = {} if kind.takes_several else _most_mistaken(confusions(rows, kind, len(names)), names)
    found = [
        ClassScore(
            name=each.name,
            num_rows=each.num_rows,
            num_answered=each.num_answered,
            precision=each.precision if each.num_answered else None,
            recall=each.recall if each.num_rows else None,
            f1=each.f1 if each.num_rows + each.num_answered else None,
            mistaken_for=mistaken.get(number, ""),
        )
        for number, each in enumerate(against_all_others(names, rows.labels, rows.decisions(kind)))
    ]
    return tuple(sorted(found, key=lambda each: (each.f1 is None, each.f1)))


def confusions(rows: AnsweredRows, kind: Kind, num_classes: int) -> NDArray[numpy.int64]:
    """Return how many rows with the label i are answered as class j, [c, c]."""
    counts = numpy.zeros((num_classes, num_classes), dtype=numpy.int64)
    numpy.add.at(counts, (rows.classes, rows.decisions(kind).astype(numpy.int64)), 1)
    return counts


def _most_mistaken(counts: NDArray[numpy.int64], names: Sequence[str]) -> dict[int, str]:
    found: dict[int, str] = {}
    for i, j in most_frequent_confusions(counts):
        found.setdefault(i, f"{names[j]} ({counts[i, j]:,})")
    return found
