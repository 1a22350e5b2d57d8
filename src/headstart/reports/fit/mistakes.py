"""The rows that a model is most wrong about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy
from numpy.typing import NDArray

from headstart.kinds.kind import Kind, Values
from headstart.reports.fit.facts import AnsweredRows
from headstart.reports.fit.words import written_label


@dataclass(frozen=True, slots=True, kw_only=True)
class Mistake:
    """A row that is answered wrong.

    Attributes:
        number: which of the table's rows it is, from 0.
        label: as the table has it; `answer`: the model's.
        size: as text: the probability of the answer, or a number's error. Where a row has several classes, it is the
            probability of the surest wrong yes or no.
        image: the path of the row's image; "" where it is something else.
    """

    number: int
    texts: tuple[str, ...]
    label: str
    answer: str
    size: str
    image: str = ""


def mistakes(rows: AnsweredRows, kind: Kind, names: Sequence[str], most: int = 20) -> tuple[Mistake, ...]:
    """Return the wrong answers that the model was surest of, or its largest errors; the worst first."""
    decisions = rows.decisions(kind)
    sizes = _sizes(rows, kind, decisions)
    worst = numpy.argsort(-sizes, kind="stable")[:most]
    return tuple(
        Mistake(
            number=rows.numbers[row],
            texts=tuple(rows.texts[row]),
            label=written_label(rows.labels[row], kind, names),
            answer=written_label(decisions[row], kind, names),
            size=f"{sizes[row]:.4g}" if kind.has_units else f"{100 * sizes[row]:.1f} %",
            image=rows.image(row),
        )
        for row in worst.tolist()
        if sizes[row] > 0.0
    )


def _sizes(rows: AnsweredRows, kind: Kind, decisions: Values) -> NDArray[numpy.float64]:
    """Return how wrong each answer is [n], 0 where it is right."""
    answers = rows.exact_answers
    if kind.has_units:
        return numpy.abs(answers[:, 0] - rows.labels)
    is_wrong = decisions != rows.labels
    if kind.takes_several:
        certainty = numpy.where(decisions == 1, answers, 1.0 - answers)
        return numpy.asarray((certainty * is_wrong).max(axis=1))
    return numpy.asarray(answers.max(axis=1) * is_wrong)
