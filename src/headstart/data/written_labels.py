"""Labels as users write them: what kind of answer they are, and what is wrong with them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from headstart.errors import DataFault
from headstart.kinds.catalogue import guess_kind
from headstart.kinds.cells import is_missing
from headstart.kinds.kind import Cell, Kind
from headstart.tables.file_options import FileOptions
from headstart.tables.table import Table
from headstart.tasks.columns import Columns


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenLabels:
    """The labels of a table by row, before they become indices.

    Attributes:
        kind: of answer.
        cells: row -> its label, of the rows whose labels can be read.
        first_rows: name of a class -> the first row that has it.
    """

    kind: Kind
    cells: dict[int, Cell]
    first_rows: dict[str, int]


def infer_kind(table: Table, columns: Columns, options: FileOptions) -> tuple[Kind, str]:
    """Return the kind of answer that a label column holds, and the reason in words; "" where it is a plain class."""
    if options.kind is not None:
        return options.kind, ""
    cells = [value for value in table.columns[columns.label] if not is_missing(value)]
    return guess_kind(cells, options.separator, columns.choices)


def read_labels(
    table: Table, columns: Columns, kind: Kind, separator: str | None, faults: list[DataFault]
) -> WrittenLabels:
    """Return the labels of all rows that have one; what is wrong with the others goes to `faults`."""
    cells: dict[int, Cell] = {}
    for row, value in enumerate(table.columns[columns.label]):
        try:
            cells[row] = kind.read(value, separator, columns.choices)
        except ValueError as error:
            faults.append(table.fault(f"the label ({columns.label!r}) {error}", row))
    first_rows = {name: row for row, cell in reversed(cells.items()) for name in cell.names}
    if kind.has_classes:
        faults += _mixed(table, columns.label)
        faults += _namesakes(table, first_rows)
    return WrittenLabels(kind=kind, cells=cells, first_rows=first_rows)


def class_faults(table: Table, written: WrittenLabels) -> list[DataFault]:
    """Return what is wrong with the training rows' labels as a whole."""
    fault = written.kind.fault_of_all(tuple(written.cells.values()))
    return [table.fault(fault)] if fault else []


def unknown_classes(table: Table, written: WrittenLabels, known: set[str]) -> list[DataFault]:
    """Return a fault for each class of further rows that the training rows do not have."""
    return [
        table.fault(f"the label {name!r} is not one of the training file's", row)
        for name, row in written.first_rows.items()
        if name not in known
    ]


def _mixed(table: Table, column: str) -> list[DataFault]:
    """A column that holds numbers and words as different types was joined from different sources."""
    kinds = {row: kind for row, value in enumerate(table.columns[column]) if (kind := _type_of(value))}
    counts = Counter(kinds.values())
    if len(counts) < 2:
        return []
    rare = counts.most_common()[-1][0]
    first = next(row for row, kind in kinds.items() if kind == rare)
    number = "1 row is" if counts[rare] == 1 else f"{counts[rare]} rows are"
    return [table.fault(f"the column {column!r} mixes text and numbers: {number} {rare}, this the first", first)]


def _type_of(value: object) -> str:
    """Return what a value was written as; "" for what is neither text nor a number."""
    if is_missing(value) or isinstance(value, bool):
        return ""
    return "text" if isinstance(value, str) else "a number" if isinstance(value, int | float) else ""


def _namesakes(table: Table, first_rows: dict[str, int]) -> list[DataFault]:
    """Return a fault for names that differ by case or spaces only."""
    by_fold: dict[str, str] = {}
    faults = []
    for name, row in sorted(first_rows.items(), key=lambda item: item[1]):
        fold = " ".join(name.casefold().split())
        if fold in by_fold:
            message = (
                f"the labels {by_fold[fold]!r} and {name!r} differ by case or spaces only: did you mean to merge them?"
            )
            faults.append(table.fault(message, row))
        by_fold.setdefault(fold, name)
    return faults
