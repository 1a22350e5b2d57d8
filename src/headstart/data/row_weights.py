"""How much each training row counts: a column of numbers above 0, scaled so that the rows to train on have the mean 1.

A row of weight 2 counts as two rows, one of 0.5 as half a row, as scikit-learn's `sample_weight` has it. What all are
multiplied by changes nothing.
"""

from __future__ import annotations

import math

from headstart.data.examples import Split, class_counts
from headstart.data.label_notation import with_a_dot
from headstart.errors import DataFault
from headstart.kinds.cells import NUMBER, is_missing
from headstart.tables.file_options import FileOptions
from headstart.tables.table import Table
from headstart.tasks.task import Task


def read_weights(table: Table, options: FileOptions, faults: list[DataFault]) -> tuple[float, ...] | None:
    """Return the weight of each row of a table; None where no column has them, or not all can be read.

    Args:
        table: with the column that `options` name, if any.
        options: say which it is, and how decimals are written.
        faults: takes what is wrong, row by row.
    """
    name = options.weight
    if name is None or name not in table.columns:
        return None
    found, num_before = [], len(faults)
    for row, value in enumerate(table.columns[name]):
        number = _number(value, options.decimal)
        if is_missing(value):
            faults.append(table.fault(f"the weight ({name!r}) is missing", row))
        elif number is None or not 0 < number < math.inf:
            faults.append(table.fault(f"the weight ({name!r}) is not a number above 0", row, value=value))
        else:
            found.append(number)
    return tuple(found) if len(faults) == num_before else None


def weight_notes(split: Split, column: str, where: str) -> list[str]:
    """Return a sentence that says what weights do; `where` says in what they do it."""
    if split.weights is None:
        return [f"the weights ({column!r}) are all equal: every row counts the same"]
    return [f"rows are weighed by {column!r}, from {min(split.weights):g} to {max(split.weights):g}, {where}"]


def without_equal_weights(split: Split) -> Split:
    """Return rows without their weights, where these are all equal and so say nothing; others as they are."""
    return split.with_columns(weights=None) if split.weights and len(set(split.weights)) == 1 else split


def with_mean_one(split: Split) -> Split:
    """Return rows whose weights have the mean 1; rows without weights as they are."""
    if not split.weights:
        return split
    largest = max(split.weights)
    mean = math.fsum(weight / largest for weight in split.weights) / len(split)  # A sum of large ones is infinite.
    return split.with_columns(weights=tuple(weight / largest / mean for weight in split.weights))


def class_totals(task: Task, split: Split) -> tuple[float, ...]:
    """Return the weights of each class's rows, added up: `class_counts` where rows have no weights.

    Nothing where the task has no classes. A row counts for each of its own.
    """
    if split.weights is None or not task.kind.has_classes:
        return class_counts(task, split)
    parts: list[list[float]] = [[] for _ in range(task.num_labels)]
    for label, weight in zip(split.labels or (), split.weights, strict=True):
        for index in label if isinstance(label, tuple) else (int(label),):
            parts[index].append(weight)
    return tuple(math.fsum(each) for each in parts)


def _number(value: object, decimal: str) -> float | None:
    """Return a number, also where it is written as text; None where the value is neither."""
    if isinstance(value, str):
        text = value.strip() if decimal == "." else with_a_dot(value, decimal)
        return float(text) if NUMBER.fullmatch(text) else None
    if isinstance(value, bool) or is_missing(value):
        return None
    try:
        return float(value)  # type: ignore[arg-type]  # Decimal and NumPy's numbers are such too.
    except (TypeError, ValueError, OverflowError):
        return None
