"""Rows whose label looks wrong, ranked, with their texts."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy
from numpy.typing import NDArray

from headstart.atomic_files import output_path
from headstart.kinds.kind import Kind
from headstart.reports.fit.facts import AnsweredRows, FitFacts
from headstart.reports.fit.words import written_label
from headstart.spreadsheet_cells import written_rows
from headstart.stats.label_errors import LabelErrors, wrong_classes, wrong_numbers, wrong_sets

LEAST_ROWS = 10
"""With fewer training rows no label is called wrong."""
LEAST_OF_A_CLASS = 5
"""Nor is one of a class with fewer: hardly any of its rows are left to learn from where one is held out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspect:
    """A row whose label looks wrong.

    Attributes:
        number: which of the table's rows it is, from 0.
        texts: of the row.
        label: as the table has it: names of classes, or a number.
        suggested: what models that were not trained on this row say instead.
        quality: how well the label fits their answers, from 0 (not at all) to 1.
        image: the path of the row's image; "" where it is something else.
    """

    number: int
    texts: tuple[str, ...]
    label: str
    suggested: str
    quality: float
    image: str = ""


def suspects(facts: FitFacts) -> list[Suspect]:
    """Return the training rows whose label looks wrong, the most suspicious first.

    There are none without out-of-fold answers, among fewer than ten rows, and in a class of fewer than five.
    """
    rows, is_judged = facts.out_of_fold, judged(facts)
    if rows is None or not is_judged.any():
        return []
    found, names = _label_errors(facts.kind, rows), facts.answer_names
    return [
        Suspect(
            number=rows.numbers[row],
            texts=tuple(rows.texts[row]),
            label=written_label(rows.labels[row], facts.kind, names),
            suggested=written_label(found.suggested[row], facts.kind, names),
            quality=float(found.quality[row]),
            image=rows.image(row),
        )
        for row in found.ranking.tolist()
        if is_judged[row]
    ]


def judged(facts: FitFacts) -> NDArray[numpy.bool_]:
    """Return which of the n rows of `out_of_fold` are judged [n]: where rows have one class, those of frequent ones."""
    rows, kind = facts.out_of_fold, facts.kind
    if rows is None:
        return numpy.zeros(0, dtype=numpy.bool_)
    if len(rows) < LEAST_ROWS or not kind.has_one_class:
        return numpy.full(len(rows), len(rows) >= LEAST_ROWS)
    return numpy.bincount(rows.classes)[rows.classes] >= LEAST_OF_A_CLASS


def why_unjudged(facts: FitFacts) -> str:
    """Return why no label can be called wrong, as a clause; "" where labels were judged."""
    if judged(facts).any():
        return ""
    return (
        f"there are fewer than {LEAST_ROWS} training rows (those of one group, or of one text, count as one), each "
        f"class has fewer than {LEAST_OF_A_CLASS}, or no head can be fitted to a part of them"
    )


def write_suspects(facts: FitFacts, path: Path, *, spreadsheet_safe: bool = False) -> int:
    """Write the suspects as a CSV table, whole or not at all, and return how many there are.

    Columns: `row` (its number in the table, from 1), the texts by their names, and for multiple choice the choices;
    `label`, `suggested_label` and `quality`. With `spreadsheet_safe` no cell is one that a spreadsheet would take for a
    formula.
    """
    found, columns = suspects(facts), (*facts.text_columns, *(facts.answer_names if facts.kind.has_choices else ()))
    with output_path(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        headings: list[object] = ["row", *columns, "label", "suggested_label", "quality"]
        rows = [headings, *(_row(each, len(columns)) for each in found)]
        csv.writer(file, lineterminator="\n").writerows(written_rows(rows, spreadsheet_safe=spreadsheet_safe))
    return len(found)


def _row(suspect: Suspect, num_columns: int) -> list[object]:
    missing = [""] * (num_columns - len(suspect.texts))  # rows may have fewer choices than others
    values = [suspect.label, suspect.suggested, f"{suspect.quality:.4f}"]
    return [suspect.number + 1, *suspect.texts, *missing, *values]


def _label_errors(kind: Kind, rows: AnsweredRows) -> LabelErrors:
    if kind.has_units:
        return wrong_numbers(rows.exact_answers[:, 0], numpy.asarray(rows.labels, dtype=numpy.float64))
    if kind.takes_several:
        return wrong_sets(rows.exact_answers, rows.classes)
    return wrong_classes(rows.exact_answers, rows.classes)
