"""Labels as users write them: what kind of answer they are, and what is wrong with them."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from headstart.data.examples import Label
from headstart.data.file_options import FileOptions
from headstart.data.table import Table
from headstart.errors import DataFault
from headstart.kinds import TaskKind
from headstart.tasks.files import Columns

NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[+-]?(nan|inf|infinity)", re.IGNORECASE)
INTEGER = re.compile(r"[+-]?\d+")
Names = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenLabels:
    """The labels of a table by row, before they become indices.

    Attributes:
        kind: of answer.
        names: row -> the names of its classes: one, or any number where a row may have several.
        numbers: row -> its number, for regression; or the right choice's, for multiple choice.
        first_rows: name -> the first row that has it.
    """

    kind: TaskKind
    names: dict[int, Names]
    numbers: dict[int, float]
    first_rows: dict[str, int]

    @property
    def rows(self) -> set[int]:
        """The rows whose labels can be read."""
        return set(self.names) | set(self.numbers)

    def label(self, row: int, index: dict[str, int]) -> Label:
        """Return a row's label as a `Split` has it, given the place of each class."""
        if self.kind is TaskKind.REGRESSION:
            return self.numbers[row]
        if self.kind is TaskKind.MULTIPLE_CHOICE:
            return int(self.numbers[row])
        if self.kind is TaskKind.MULTI_LABEL:
            return tuple(sorted({index[name] for name in self.names[row]}))
        (name,) = self.names[row]
        return index[name]


def infer_kind(table: Table, columns: Columns, options: FileOptions) -> tuple[TaskKind, str]:
    """Return the kind of answer that a label column holds, and the reason in words; "" where it is a plain class."""
    if options.kind is not None:
        return options.kind, ""
    if columns.choices:
        return TaskKind.MULTIPLE_CHOICE, "since --choices were given"
    values = [value for value in table.columns[columns.label] if not _is_missing(value)]
    if options.separator is not None:
        return TaskKind.MULTI_LABEL, "since a --separator was given"
    if any(isinstance(value, list | tuple) for value in values):
        return TaskKind.MULTI_LABEL, f"since {columns.label!r} holds lists; --kind is another way to say it"
    if _are_measurements(values):
        reason = f"since {columns.label!r} holds numbers that are not all whole; --kind classification forces classes"
        return TaskKind.REGRESSION, reason
    return TaskKind.CLASSIFICATION, ""


def read_labels(
    table: Table, columns: Columns, kind: TaskKind, separator: str | None, faults: list[DataFault]
) -> WrittenLabels:
    """Return the labels of all rows that have one; what is wrong with the others goes to `faults`."""
    names: dict[int, Names] = {}
    numbers: dict[int, float] = {}
    for row, value in enumerate(table.columns[columns.label]):
        try:
            if kind is TaskKind.REGRESSION:
                numbers[row] = _number(value)
            elif kind is TaskKind.MULTIPLE_CHOICE:
                numbers[row] = _choice(value, columns.choices)
            elif kind is TaskKind.MULTI_LABEL:
                names[row] = _several(value, separator)
            else:
                names[row] = (_name(value),)
        except ValueError as error:
            faults.append(table.fault(f"the label ({columns.label!r}) {error}", row))
    first_rows = {name: row for row, each in reversed(names.items()) for name in each}
    if kind.has_classes:
        faults += _mixed(table, columns.label)
        faults += _namesakes(table, first_rows)
    return WrittenLabels(kind=kind, names=names, numbers=numbers, first_rows=first_rows)


def class_faults(table: Table, written: WrittenLabels) -> list[DataFault]:
    """Return what is wrong with the training rows' classes as a whole."""
    if written.kind is TaskKind.REGRESSION:
        distinct = set(written.numbers.values())
        if len(distinct) == 1 < len(written.numbers):
            return [table.fault(f"all rows have the number {distinct.pop():g}: there is nothing to learn")]
    elif written.kind is TaskKind.MULTI_LABEL:
        if written.names and not written.first_rows:
            return [table.fault("no row has any label")]
    elif written.kind is TaskKind.CLASSIFICATION:
        if len(written.first_rows) == 1:
            (only,) = written.first_rows
            return [table.fault(f"all rows have the label {only!r}; two classes are needed")]
        if 1 < len(written.first_rows) == len(written.names):
            return [table.fault("every row has a label of its own; is this the label's column?")]
    return []


def unknown_classes(table: Table, written: WrittenLabels, known: set[str]) -> list[DataFault]:
    """Return a fault for each class of further rows that the training rows do not have."""
    return [
        table.fault(f"the label {name!r} is none of the training file's", row)
        for name, row in written.first_rows.items()
        if name not in known
    ]


def _is_missing(value: object) -> bool:
    return value is None or value != value or (isinstance(value, str) and not value.strip())


def _are_measurements(values: Sequence[object]) -> bool:
    """Whether all values are numbers and some are not whole; text with a point in it counts as it reads."""
    if not values or any(isinstance(value, bool) for value in values):
        return False
    texts = [value for value in values if isinstance(value, str)]
    if texts and not all(NUMBER.fullmatch(text.strip()) for text in texts):
        return False
    if not all(isinstance(value, str | int | float) for value in values):
        return False
    return any(not float(value).is_integer() for value in values if math.isfinite(float(value)))  # type: ignore[arg-type]


def _name(value: object) -> str:
    """Return how a class is called.

    Raises:
        ValueError: if the value is no name.
    """
    if _is_missing(value):
        raise ValueError("is missing")
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int) or (isinstance(value, float) and not value.is_integer() and math.isfinite(value)):
        return str(value)
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    raise ValueError(f"is neither text nor a number but {value!r}")


def _several(value: object, separator: str | None) -> Names:
    if isinstance(value, list | tuple):
        return tuple(dict.fromkeys(_name(part) for part in value))
    if _is_missing(value):
        return ()
    parts = str(value).split(separator) if separator is not None and isinstance(value, str) else [value]
    return tuple(dict.fromkeys(_name(part) for part in parts if not _is_missing(part)))


def _number(value: object) -> float:
    if value is None or (isinstance(value, str) and not value.strip()):
        raise ValueError("is missing")
    text = value.strip() if isinstance(value, str) else value
    if isinstance(text, str) and not NUMBER.fullmatch(text):
        raise ValueError(f"is no number but {text!r}")
    if isinstance(text, bool) or not isinstance(text, str | int | float):
        raise ValueError(f"is no number but {value!r}")
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"is {value!r}, and no finite number")
    return number


def _choice(value: object, choices: Sequence[str]) -> float:
    """Return the number of the right choice, from 0: given as such, or by its column's name."""
    if _is_missing(value):
        raise ValueError("is missing")
    name = str(value).strip()
    if name in choices:
        return float(choices.index(name))
    if INTEGER.fullmatch(name) and 0 <= int(name) < len(choices):
        return float(name)
    raise ValueError(f"is {value!r}, and names no choice: 0 to {len(choices) - 1}, or {', '.join(choices)}")


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
    if _is_missing(value) or isinstance(value, bool):
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
