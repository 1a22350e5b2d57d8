"""A user's own rows, checked before any model is loaded: all faults at once, each with its file and line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from headstart.data.cuts import cut, refuse_cutting
from headstart.data.examples import Split, TaskData
from headstart.data.formats import read_split, trimmed_choices
from headstart.data.label_notation import Notation
from headstart.data.loading import fingerprint
from headstart.data.media_rows import with_checked_files, with_files
from headstart.data.row_weights import read_weights, weight_notes, without_equal_weights
from headstart.data.written_labels import (
    INCOMPLETE,
    LabelReading,
    WrittenLabels,
    class_faults,
    reading_for,
    reading_of,
    unknown_classes,
)
from headstart.errors import DataError, DataFault, UsageError
from headstart.kinds.cells import DIGIT_OF, class_name, is_missing
from headstart.kinds.kind import Kind
from headstart.media.modality import Modality
from headstart.option import split_list
from headstart.tables.file_options import AS_GUESSED, FileOptions
from headstart.tables.sources import name_of, table_to_score, tables_of
from headstart.tables.splits import unused_column_of_splits, without_unlabelled_test
from headstart.tables.table import Table
from headstart.tasks.columns import ColumnChoice, Columns, choose_columns, column_problems, file_task, sorted_labels
from headstart.tasks.task import Task

if TYPE_CHECKING:
    import pyarrow

TRAIN, VALIDATION = "train", "validation"
MISSING = "(missing)"
"""The group of rows that name none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """The rows of one split that are not at fault, with their labels as they are written.

    Attributes:
        numbers: which of the table's rows these are, from 0.
        choices: by row, for multiple choice.
        weights: of all of the table's rows; None where they have none.
    """

    table: Table
    columns: Columns
    written: WrittenLabels
    numbers: tuple[int, ...] = ()
    choices: dict[int, tuple[str, ...]] = field(default_factory=dict)
    weights: tuple[float, ...] | None = None

    def split(self, index: dict[str, int], group: str | None = None) -> Split:
        """Return the rows with each label by its place in `index`, and the group of each where there is its column."""
        columns = self.table.columns
        texts = [columns[name] for name in self.columns.text]
        kind, cells = self.written.kind, self.written.cells
        return Split.of(
            texts=tuple(tuple(str(column[row]) for column in texts) for row in self.numbers),
            labels=tuple(kind.label(cells[row], index) for row in self.numbers),
            choices=tuple(self.choices[row] for row in self.numbers) if kind.has_choices else None,
            groups=self.texts_of(group) if group is not None and group in columns else None,
            numbers=tuple(self.table.number(row) for row in self.numbers),
            weights=None if self.weights is None else tuple(self.weights[row] for row in self.numbers),
        )

    def texts_of(self, column: str) -> tuple[str, ...]:
        """Return what the rows have in a column, as text."""
        values = self.table.columns[column]
        return tuple(MISSING if values[row] in (None, "") else str(values[row]) for row in self.numbers)


@dataclass(frozen=True, slots=True, kw_only=True)
class UncutRows:
    """A user's data, read and checked, before it is cut into training and validation rows.

    Attributes:
        name: of the task.
        splits: by name, as the data has them; "train" is one.
        notes: sentences that say what was guessed.
    """

    name: str
    columns: Columns
    kind: Kind
    classes: tuple[str, ...]
    splits: Mapping[str, Split]
    notes: tuple[str, ...]
    modality: Modality = Modality.TEXT

    def cut(self, options: FileOptions) -> TaskData:
        """Return the task with a training and a validation split; its rows are these, none is copied.

        Raises:
            UsageError: if options cannot go together, or there are too few rows to cut.
        """
        done = cut(self.splits, options, self.classes)
        sizes = tuple((split, len(rows)) for split, rows in done.splits.items())
        task = file_task(
            self.name, self.columns, kind=self.kind, labels=self.classes, num_rows=sizes, modality=self.modality
        )
        return TaskData(
            task=task, splits=done.splits, fingerprint=fingerprint(task, done.splits), notes=(*self.notes, *done.notes)
        )


def load_file(file: str, options: FileOptions = AS_GUESSED) -> TaskData:
    """Return a task from a user's data, with a training and a validation split: `read_file`, then `UncutRows.cut`."""
    return read_file(file, options).cut(options)


def read_file(file: str, options: FileOptions = AS_GUESSED) -> UncutRows:
    """Read and check a user's data.

    Labels are classes, whole numbers too; they are called as they are written, without surrounding spaces, and sorted
    as a person would. Columns that are not named are guessed where they are obvious, and so is the kind of answer;
    `notes` says both.

    Args:
        file: as in `tables_of`: a table by its suffix, a folder, or `hub:OWNER/NAME`.
        options: how to read it; what they say of cutting is only checked.

    Raises:
        DataError: with all faults of all files.
        UsageError: if options cannot go together, or the data cannot be fetched.
    """
    tables = tables_of(file, options)
    if VALIDATION in tables:
        refuse_cutting(options)
    training_table = tables[TRAIN]
    faults = [fault for table in tables.values() for fault in table.faults]
    choice = _choose(training_table, options)
    if choice.columns is None:
        doubts = filter(None, [training_table.header_doubt])
        problems = [training_table.fault(problem) for problem in (*doubts, *choice.problems)]
        raise _data_error(faults or problems, "" if faults or options.label else _label_sets_remedy(training_table))
    columns = choice.columns
    if faults:
        raise _data_error(faults)
    if options.modality.is_file and len(columns.text) != 1:
        raise UsageError(
            f"a row is one {options.modality.thing}, and the columns look like a pair: {', '.join(columns.text)}",
            remedy="  Name the column of the files with `text`.",
        )
    tables = {split: with_label_sets(table, columns.label, faults) for split, table in tables.items()}
    tables, of_splits = without_unlabelled_test(tables, columns.label)
    faults += [fault for table in tables.values() for fault in _missing_of(table, columns)]
    if faults:
        raise _data_error(faults)
    reading = reading_of(tables[TRAIN], columns, options)
    notes = [*choice.notes, *reading.notes, *of_splits, *(note for table in tables.values() for note in said_by(table))]
    if len(tables) == 1:
        used = (*columns.text, *columns.choices, columns.label, options.group, options.split_column, options.weight)
        notes += unused_column_of_splits(training_table, used)
    if options.drop_incomplete:
        tables, dropped = _without_incomplete(tables, columns, reading.notation)
        notes += dropped
    rows = {split: _rows(table, columns, reading, faults) for split, table in tables.items()}
    rows[TRAIN] = replace(rows[TRAIN], weights=read_weights(tables[TRAIN], options, faults))
    faults += _class_faults(rows)
    faults += [fault for table in tables.values() for fault in _group_faults(table, options.group)]
    if faults:
        raise _data_error(faults)
    _refuse_names_without_rows(rows[TRAIN].written, options)
    kind = reading.kind
    declared = tables[TRAIN].declared.get(columns.label, ())
    classes = sorted_labels(rows[TRAIN].written.first_rows, map(reading.name, declared)) if kind.has_classes else ()
    index = {name: number for number, name in enumerate(classes)}
    splits = {split: each.split(index, options.group) for split, each in rows.items()}
    if options.modality.is_file:
        splits = {split: _with_files(splits[split], each, options.modality, faults) for split, each in rows.items()}
        if faults:
            raise _data_error(faults)
    if options.weight is not None:
        splits[TRAIN] = without_equal_weights(splits[TRAIN])
        notes += weight_notes(splits[TRAIN], options.weight, "in training; in scores every row counts the same")
    return UncutRows(
        name=name_of(file),
        columns=columns,
        kind=kind,
        classes=classes,
        splits=splits,
        notes=tuple(dict.fromkeys(notes)),
        modality=options.modality,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class UnlabelledRows:
    """Rows of a table, or of a piece of one, that are to be answered.

    Attributes:
        columns: all columns of all n rows.
        split: the examples of the complete rows, in their order.
        complete: numbers of these, from 0 to n - 1; the others lack a text, or all choices.
    """

    columns: pyarrow.Table
    split: Split
    complete: tuple[int, ...]


def unlabelled_chunk(table: Table, task: Task) -> UnlabelledRows:
    """Return the rows of a table, or of a piece of one, and the examples of those that are complete.

    Raises:
        DataError: with all faults of the rows.
    """
    faults = [*table.faults, *_missing_columns(table, task.text_columns, task.choice_columns)]
    if not table.columns.keys() >= {*task.text_columns, *task.choice_columns}:
        raise _data_error(faults)
    complete = _complete_rows(table, task)
    whole = table if len(complete) == table.num_rows else table.take(complete)
    _good_texts(whole, task.text_columns, faults)
    _good_choices(whole, task.choice_columns, faults)
    if faults:
        raise _data_error(faults)
    split = read_split(task, replace(whole, faults=()), labelled=False)
    if task.modality.is_file:
        split = with_files(split, table)
    return UnlabelledRows(columns=table.to_arrow(), split=split, complete=complete)


def _complete_rows(table: Table, task: Task) -> tuple[int, ...]:
    """Return the rows that have all texts, and where there are choices some of them."""
    texts = [table.columns[name] for name in task.text_columns]
    choices = [table.columns[name] for name in task.choice_columns]
    return tuple(
        row
        for row in range(table.num_rows)
        if not any(is_missing(column[row]) for column in texts)
        and not (choices and all(is_missing(column[row]) for column in choices))
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledRows:
    """Rows of a known task, and sentences that say how they were read and how many were left out.

    Attributes:
        groups: what each row has in the column that was asked for; None where none was.
    """

    split: Split
    notes: tuple[str, ...] = ()
    groups: tuple[str, ...] | None = None


def read_labelled(
    file: str, task: Task, options: FileOptions = AS_GUESSED, *, group_by: str | None = None
) -> LabelledRows:
    """Return a whole file of labelled rows for a known task: `labelled_rows` of its table."""
    table = table_to_score(file, replace(options, kind=task.kind, modality=task.modality), task.label_column)
    return labelled_rows(table, task, options, group_by=group_by)


def labelled_rows(
    table: Table, task: Task, options: FileOptions = AS_GUESSED, *, group_by: str | None = None
) -> LabelledRows:
    """Return a table of labelled rows for a known task, its classes and columns, and a column of groups beside them.

    A class is called by its name, or by what `labels` says is called so; never by its index.

    Raises:
        DataError: with all faults of the rows; a label that is not one of the task's is a fault.
        UsageError: if options come that have no effect on the task's kind of answer.
    """
    if task.row_format != "texts":
        if group_by is not None:
            raise UsageError(
                "`group_by` would have no effect: these rows are not read as texts", remedy="  Leave it out."
            )
        split = read_split(task, table.with_codes(task.label_column))
        return LabelledRows(split=split, notes=said_by(table))
    columns = Columns(text=task.text_columns, label=task.label_column, choices=task.choice_columns)
    faults = list(table.faults)
    table = with_label_sets(table, columns.label, faults)
    missing = _missing_of(table, columns)
    missing += [
        table.fault(each)
        for each in column_problems(tuple(table.columns), {"weight": options.weight, "group_by": group_by})
    ]
    if faults or missing:
        raise _data_error([*faults, *missing])
    reading = reading_for(table, columns, task.kind, task.labels, options)
    notes = [*said_by(table), *reading.notes]
    if options.drop_incomplete:
        tables, dropped = _without_incomplete({"": table}, columns, reading.notation)
        table, notes = tables[""], [*notes, *dropped]
    rows = _rows(table, columns, reading, faults)
    rows = replace(rows, weights=read_weights(table, options, faults))
    index = {name: number for number, name in enumerate(task.labels)}
    unknown = unknown_classes(table, rows.written, index, "the model's") if index else []
    if faults or unknown:
        raise _data_error([*faults, *unknown], _labels_remedy(rows.written, index) if unknown else "")
    split = without_equal_weights(rows.split(index))
    if task.modality.is_file:
        split = _with_files(split, rows, task.modality, faults)
        if faults:
            raise _data_error(faults)
    if options.weight is not None:
        notes += weight_notes(split, options.weight, "in these scores")
    groups = None if group_by is None else rows.texts_of(group_by)
    return LabelledRows(split=split, notes=tuple(dict.fromkeys(notes)), groups=groups)


def _labels_remedy(written: WrittenLabels, known: Mapping[str, int]) -> str:
    """Return how to say which classes are meant, for the first names that are not known."""
    unknown = sorted((name for name in written.first_rows if name not in known), key=written.first_rows.__getitem__)
    return f"  Say which class is meant: `labels` {','.join(f'{name}=...' for name in unknown[:3])}"


def _refuse_names_without_rows(written: WrittenLabels, options: FileOptions) -> None:
    """Refuse `labels` that give a name to what no training row has."""
    unused = [before for before, name in options.labels if name not in written.first_rows]
    if unused:
        raise UsageError(
            f"`labels` would have no effect: no training row has {' or '.join(map(repr, unused))}",
            remedy="  Leave them out, or write them as the table does.",
        )


def with_label_sets(table: Table, label: str, faults: list[DataFault]) -> Table:
    """Return the table with one label column of lists in place of several columns of 0 and 1, where `label` names such.

    Cells that are neither go to `faults`.
    """
    names = split_list(label)
    if label in table.columns or len(names) < 2 or not all(name in table.columns for name in names):
        return table
    sets: list[list[str] | None] = [[] for _ in range(table.num_rows)]
    for name in names:
        for row, value in enumerate(table.columns[name]):
            written = _digit(value)
            labels = sets[row]
            if not written:
                sets[row] = None
            elif written not in ("0", "1"):
                faults.append(table.fault(f"the label ({name!r}) is neither 0 nor 1", row, value=value))
            elif written == "1" and labels is not None:
                labels.append(name)
    return replace(table, columns={**table.columns, label: sets}, arrow=None, declared={**table.declared, label: names})


def _digit(value: object) -> str:
    """Return "0" or "1" for a cell that says whether a class holds, "" for a missing one, and other text for others."""
    try:
        name = "" if is_missing(value) else class_name(value)
    except ValueError:
        return "neither"
    return DIGIT_OF.get(name, name)


def said_by(table: Table) -> tuple[str, ...]:
    """Return what a table's reader recognised, and what it left out, in sentences."""
    return (*table.notes, *_left_out(table.dropped))


def _data_error(faults: Sequence[DataFault], remedy: str = "") -> DataError:
    """Return the error with the faults of each file together, in the order of its lines."""
    files = list(dict.fromkeys(fault.file for fault in faults))
    in_order = sorted(dict.fromkeys(faults), key=lambda fault: (files.index(fault.file), fault.line or fault.row or 0))
    return DataError(in_order, remedy=remedy)


def _choose(table: Table, options: FileOptions) -> ColumnChoice:
    """Return the columns; the group's is text or label only where it is named so, or nothing else can be."""
    if not table.columns:
        return ColumnChoice(columns=None)
    wanted = {"group": options.group, "split_column": options.split_column, "weight": options.weight}
    problems = column_problems(tuple(table.columns), wanted)
    if problems:
        return ColumnChoice(columns=None, problems=problems)
    names = [name for name in table.columns if name not in (options.split_column, options.weight)]
    label_sets = split_list(options.label or "") if options.label not in names else ()
    if len(label_sets) > 1 and any(name in names for name in label_sets):
        if problems := column_problems(names, {f"label {number}": name for number, name in enumerate(label_sets, 1)}):
            return ColumnChoice(columns=None, problems=problems)
        names = [*(name for name in names if name not in label_sets), str(options.label)]
    named = (options.text, options.text_pair, options.label, *options.choices)
    found = ColumnChoice(columns=None)
    for left_out in ([options.group] if options.group not in named else [], []):
        found = choose_columns(
            [name for name in names if name not in left_out],
            text=options.text,
            text_pair=options.text_pair,
            label=options.label,
            choices=options.choices,
        )
        if found.columns is not None:
            break
    return found


def _missing_columns(
    table: Table, texts: Sequence[str], choices: Sequence[str], label: str | None = None
) -> list[DataFault]:
    if not table.columns:
        return []
    wanted = {**dict(zip(("text", "text_pair"), texts, strict=False)), "label": label}
    wanted |= {f"choices {number}": name for number, name in enumerate(choices, 1)}
    problems = column_problems(tuple(table.columns), wanted)
    return [table.fault(problem) for problem in (*filter(None, [table.header_doubt if problems else ""]), *problems)]


def _missing_of(table: Table, columns: Columns) -> list[DataFault]:
    return _missing_columns(table, columns.text, columns.choices, columns.label)


def _label_sets_remedy(table: Table) -> str:
    """Return how columns of 0 and 1 are named together; "" where there are not several of them."""
    names = [name for name, values in table.columns.items() if values and all(map(_is_truth, values))]
    return f"  Where each class has a column of 0 and 1: `label` {','.join(names)}" if len(names) > 1 else ""


def _is_truth(value: object) -> bool:
    return str(value).strip().casefold() in ("0", "1", "0.0", "1.0", "false", "true")


def _without_incomplete(
    tables: Mapping[str, Table], columns: Columns, notation: Notation
) -> tuple[dict[str, Table], list[str]]:
    """Return the tables without rows that lack a text or a label, and sentences that count them."""
    kept, num_dropped = dict[str, Table](), Counter[str]()
    for split, table in tables.items():
        texts = [table.columns[name] for name in columns.text]
        labels = table.columns[columns.label]
        whole = []
        for row in range(table.num_rows):
            if any(is_missing(column[row]) for column in texts):
                num_dropped["no text"] += 1
            elif notation.is_missing(labels[row]):
                num_dropped["no label"] += 1
            else:
                whole.append(row)
        kept[split] = table.take(whole)
    return kept, _left_out(num_dropped)


def _left_out(num_dropped: Mapping[str, int]) -> list[str]:
    return [
        f"{count} {'row was' if count == 1 else 'rows were'} left out: {why}"
        for why, count in num_dropped.items()
        if count
    ]


def _rows(table: Table, columns: Columns, reading: LabelReading, faults: list[DataFault]) -> Rows:
    """Return the rows that are whole; what is wrong with the others goes to `faults`."""
    good = _good_texts(table, columns.text, faults)
    choices = _good_choices(table, columns.choices, faults)
    written = reading.labels(table, columns, faults)
    readable = set(written.cells)
    if reading.kind.has_choices:
        faults += [
            table.fault(f"the label is {cell.number:g}, and the row has {len(choices[row])} choices", row)
            for row, cell in written.cells.items()
            if row in choices and cell.number >= len(choices[row])
        ]
        readable &= choices.keys()
    numbers = tuple(row for row in good if row in readable)
    return Rows(table=table, columns=columns, written=written, numbers=numbers, choices=choices)


def _with_files(split: Split, rows: Rows, modality: Modality, faults: list[DataFault]) -> Split:
    return with_checked_files(split, rows.table, modality, faults, rows.numbers)


def _class_faults(rows: Mapping[str, Rows]) -> list[DataFault]:
    training = rows[TRAIN]
    known = set(training.written.first_rows)
    has_own_validation = VALIDATION in rows and len(known) > 1
    faults = [] if has_own_validation else class_faults(training.table, training.written)
    for split, each in rows.items():
        if known and split != TRAIN:
            faults += unknown_classes(each.table, each.written, sorted_labels(known), "the training rows'")
    return faults


def _group_faults(table: Table, group: str | None) -> list[DataFault]:
    values = enumerate(table.columns.get(group or "", ()))
    return [table.fault(f"the group ({group!r}) is missing", row) for row, value in values if value in (None, "")]


def _good_texts(table: Table, columns: Sequence[str], faults: list[DataFault]) -> list[int]:
    """Return the rows whose texts are whole."""
    faulty: set[int] = set()
    for name in columns:
        for row, value in enumerate(table.columns[name]):
            if problem := _text_problem(value):
                faulty.add(row)
                faults.append(
                    table.fault(f"the text ({name!r}) {problem}", row, value=None if is_missing(value) else value)
                )
    return [row for row in range(table.num_rows) if row not in faulty]


def _good_choices(table: Table, columns: Sequence[str], faults: list[DataFault]) -> dict[int, tuple[str, ...]]:
    """Return the choices of each row that has them all."""
    choices = {}
    for row in range(table.num_rows if columns else 0):
        try:
            choices[row] = trimmed_choices({name: table.columns[name][row] for name in columns})
        except ValueError as error:
            faults.append(table.fault(str(error), row))
    return choices


def _text_problem(value: object) -> str:
    if value is None or (isinstance(value, str) and not value.strip()):
        return INCOMPLETE.replace("missing", "empty")
    if not isinstance(value, str):
        return "is not text; write it as text, or name the column of the text"
    return ""
