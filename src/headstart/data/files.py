"""A user's own rows, checked before any model is loaded: all faults at once, each with its file and line."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from headstart.data.examples import Split, TaskData
from headstart.data.holdout import hold_out
from headstart.data.loading import fingerprint
from headstart.data.tables import Table, read_table
from headstart.errors import DataError, DataFault
from headstart.tasks.files import ColumnChoice, Columns, choose_columns, column_problems, file_task, sorted_labels
from headstart.tasks.task import Task

if TYPE_CHECKING:
    import pyarrow

VALIDATION_FRACTION = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """Rows with the labels as they are written.

    Attributes:
        texts: of the rows that are not at fault.
        labels: of the same rows.
        numbers: which of the table's rows these are, from 0.
        classes: label -> the first row that has it, in whatever state its text is.
    """

    table: Table
    texts: tuple[tuple[str, ...], ...] = ()
    labels: tuple[str, ...] = ()
    numbers: tuple[int, ...] = ()
    classes: dict[str, int] = field(default_factory=dict)

    def split(self, classes: Sequence[str]) -> Split:
        """Return the rows with each label as an index into `classes`."""
        index = {name: number for number, name in enumerate(classes)}
        return Split(texts=self.texts, labels=tuple(index[label] for label in self.labels))


def load_file(
    path: Path,
    *,
    text: str | None = None,
    text_pair: str | None = None,
    label: str | None = None,
    validation: Path | None = None,
    validation_fraction: float = VALIDATION_FRACTION,
    seed: int = 0,
) -> TaskData:
    """Return a task from a user's table, with a training and a validation split.

    Labels are classes, numbers too; they are called as they are written, without surrounding spaces, and sorted as a
    person would. Columns that are not named are guessed where they are obvious, and `notes` says so.

    Args:
        path: CSV, TSV, JSON lines or Parquet, by its suffix.
        text: column of the text.
        text_pair: column of a second text.
        label: column of the label.
        validation: a second file with the same columns; None cuts a stratified part off the first.
        validation_fraction: share of the rows to cut off, above 0 and under 1.
        seed: root of the stream `subsample`, from which the cut is drawn.

    Raises:
        DataError: with all faults of both files.
    """
    tables = [read_table(path)] if validation is None else [read_table(path), read_table(validation)]
    faults = [fault for table in tables for fault in table.faults]
    choice = _choose(tables[0], text, text_pair, label)
    faults += [tables[0].fault(problem) for problem in choice.problems]
    rows = [_labelled(table, choice.columns, faults) for table in tables] if choice.columns else []
    if rows:
        faults += _class_faults(*rows)
    if faults or choice.columns is None:
        raise _data_error(faults)
    classes = sorted_labels(rows[0].labels)
    splits = [each.split(classes) for each in rows]
    notes = list(choice.notes)
    if validation is None:
        splits = list(hold_out(splits[0], validation_fraction, seed))
        notes.append(f"{len(splits[1])} of {len(rows[0].labels)} rows are held out, stratified, as validation")
    training, evaluation = splits
    task = file_task(path.name, choice.columns, labels=classes, num_train=len(training), num_validation=len(evaluation))
    return TaskData(
        task=task,
        splits={task.train_split: training, task.evaluation_split: evaluation},
        fingerprint=fingerprint(task, {task.train_split: training, task.evaluation_split: evaluation}),
        notes=(*notes, *_overlap(training, evaluation)),
    )


def load_unlabelled(path: Path, text: str, text_pair: str | None = None) -> tuple[pyarrow.Table, Split]:
    """Return a file's rows with all their columns, and its texts in the same order.

    Args:
        path: CSV, TSV, JSON lines or Parquet, by its suffix.
        text: column of the text.
        text_pair: column of a second text.

    Raises:
        DataError: with all faults of the file.
    """
    table = read_table(path)
    columns = (text,) if text_pair is None else (text, text_pair)
    faults = [*table.faults, *_missing_columns(table, columns)]
    if faults and not table.columns.keys() >= set(columns):
        raise _data_error(faults)
    texts, _ = _texts(table, columns, faults)
    if faults:
        raise _data_error(faults)
    return table.to_arrow(), Split(texts=tuple(texts))


def read_labelled(path: Path, task: Task) -> Split:
    """Return a labelled file's rows for a known task, its classes and columns.

    A class is called by its name or, where no class is called by a number, by its index, as the hub's files do.

    Args:
        path: CSV, TSV, JSON lines or Parquet, by its suffix.
        task: says columns and classes.

    Raises:
        DataError: with all faults of the file; a label that is none of the task's is one.
    """
    table = read_table(path)
    faults = [*table.faults, *_missing_columns(table, task.text_columns, task.label_column)]
    if not table.columns.keys() >= {*task.text_columns, task.label_column}:
        raise _data_error(faults)
    rows = _labelled(table, Columns(text=task.text_columns, label=task.label_column), faults)
    index = {name: number for number, name in enumerate(task.labels)}
    if not any(re.fullmatch(r"[+-]?\d+", name) for name in task.labels):
        index |= {str(number): number for number in range(task.num_labels)}
    known = ", ".join(repr(name) for name in task.labels)
    faults += [
        table.fault(f"the label {label!r} is none of the classes {known}", row)
        for label, row in zip(rows.labels, rows.numbers, strict=True)
        if label not in index
    ]
    if faults:
        raise _data_error(faults)
    return Split(texts=rows.texts, labels=tuple(index[label] for label in rows.labels))


def _data_error(faults: Sequence[DataFault]) -> DataError:
    """Return the error with the faults of each file together, in the order of its lines."""
    files = list(dict.fromkeys(fault.file for fault in faults))
    return DataError(sorted(faults, key=lambda fault: (files.index(fault.file), fault.line or 0)))


def _choose(table: Table, text: str | None, text_pair: str | None, label: str | None) -> ColumnChoice:
    if not table.columns:
        return ColumnChoice(columns=None)
    return choose_columns(tuple(table.columns), text=text, text_pair=text_pair, label=label)


def _missing_columns(table: Table, texts: tuple[str, ...], label: str | None = None) -> list[DataFault]:
    if not table.columns:
        return []
    wanted = {**dict(zip(("--text", "--text-pair"), texts, strict=False)), "--label": label}
    return [table.fault(problem) for problem in column_problems(tuple(table.columns), wanted)]


def _labelled(table: Table, columns: Columns, faults: list[DataFault]) -> Rows:
    """Return the rows that are whole; what is wrong with the others goes to `faults`."""
    missing = _missing_columns(table, columns.text, columns.label)
    faults += [fault for fault in missing if fault not in faults]
    if missing or not table.columns:
        return Rows(table=table)
    texts, good = _texts(table, columns.text, faults)
    labels: dict[int, str] = {}
    for row, value in enumerate(table.columns[columns.label]):
        name, problem = _label_name(value)
        if problem:
            faults.append(table.fault(f"the label ({columns.label!r}) {problem}", row))
        else:
            labels[row] = name
    numbers = tuple(row for row in good if row in labels)
    return Rows(
        table=table,
        texts=tuple(texts[row] for row in numbers),
        labels=tuple(labels[row] for row in numbers),
        numbers=numbers,
        classes={label: row for row, label in reversed(labels.items())},
    )


def _texts(table: Table, columns: Sequence[str], faults: list[DataFault]) -> tuple[list[tuple[str, ...]], list[int]]:
    """Return the texts of all rows, and the numbers of those that are whole."""
    rows = [tuple(value if isinstance(value, str) else "" for value in row) for row in _transposed(table, columns)]
    faulty: set[int] = set()
    for name in columns:
        for row, value in enumerate(table.columns[name]):
            if problem := _text_problem(value):
                faulty.add(row)
                faults.append(table.fault(f"the text ({name!r}) {problem}", row))
    return rows, [row for row in range(len(rows)) if row not in faulty]


def _transposed(table: Table, columns: Sequence[str]) -> zip[tuple[object, ...]]:
    return zip(*(table.columns[name] for name in columns), strict=True)


def _text_problem(value: object) -> str:
    if value is None or (isinstance(value, str) and not value.strip()):
        return "is empty"
    if not isinstance(value, str):
        return f"is not text but {value!r}"
    return ""


def _label_name(value: object) -> tuple[str, str]:
    """Return how a class is called, or what is wrong with the value."""
    if value is None or value != value or (isinstance(value, str) and not value.strip()):
        return "", "is missing"
    if isinstance(value, str):
        return value.strip(), ""
    if isinstance(value, bool):
        return str(value).lower(), ""
    if isinstance(value, int):
        return str(value), ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value)), ""
    return "", f"is neither text nor an integer but {value!r}"


def _class_faults(training: Rows, evaluation: Rows | None = None) -> list[DataFault]:
    """Return what is wrong with the classes as a whole."""
    faults = []
    if len(training.classes) == 1:
        (only,) = training.classes
        faults.append(training.table.fault(f"all rows have the label {only!r}; two classes are needed"))
    if evaluation is None and 1 < len(training.classes) == len(training.labels):
        faults.append(training.table.fault("every row has a label of its own; is this the label's column?"))
    if evaluation is not None and training.classes:
        faults += [
            evaluation.table.fault(f"the label {label!r} is none of the training file's", row)
            for label, row in evaluation.classes.items()
            if label not in training.classes
        ]
    return faults


def _overlap(training: Split, evaluation: Split) -> list[str]:
    seen = set(training.texts)
    count = sum(texts in seen for texts in evaluation.texts)
    return [f"{count} of {len(evaluation)} validation rows have texts that stand in training too"] if count else []
