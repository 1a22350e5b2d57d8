"""Labels as users write them: what kind of answer they are, and what is wrong with them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from headstart.data.label_notation import Notation, likely_separator, notation_of
from headstart.data.plausibility import doubt
from headstart.errors import DataError, DataFault, shortened
from headstart.kinds.catalogue import guess_kind
from headstart.kinds.cells import NUMBER, class_name, is_missing
from headstart.kinds.kind import Cell, Kind
from headstart.kinds.spelling import difference, folded
from headstart.tables.file_options import FileOptions
from headstart.tables.table import Table
from headstart.tasks.columns import Columns

MISSING_WORDS = ("na", "n/a", "nan", "none", "null", "nil", "-", "?")
"""What tools write for a missing value, and people as a name."""
INCOMPLETE = "is missing; `drop_incomplete` leaves such rows out"


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


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelReading:
    """How all label columns of a user's data are read, as the training rows show it.

    Attributes:
        kind: of answer.
        notation: how cells are written.
        names: what a class is called in place of what is written.
        spellings: what stands for all names that look the same; nothing unless they are merged.
        notes: sentences that say what was guessed.
    """

    kind: Kind
    notation: Notation
    names: Mapping[str, str] = field(default_factory=dict)
    spellings: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def name(self, written: str) -> str:
        """Return what a class is called that is written in this way."""
        name = self.names.get(written, written)
        return self.spellings.get(folded(name), name)

    def labels(self, table: Table, columns: Columns, faults: list[DataFault]) -> WrittenLabels:
        """Return the labels of all rows that have one; what is wrong with the others goes to `faults`."""
        cells: dict[int, Cell] = {}
        for row, value in enumerate(table.columns[columns.label]):
            try:
                cell = self.kind.read(self.notation.cell(value), self.notation.separator, columns.choices)
            except ValueError as error:
                reason = INCOMPLETE if self.notation.is_missing(value) else str(error)
                shown = None if self.notation.is_missing(value) else value
                faults.append(table.fault(f"the label ({columns.label!r}) {reason}", row, value=shown))
                continue
            cells[row] = Cell(names=tuple(dict.fromkeys(map(self.name, cell.names))), number=cell.number)
        first_rows = {name: row for row, cell in reversed(cells.items()) for name in cell.names}
        if self.kind.has_classes:
            faults += _mixed(table, columns.label)
            faults += _namesakes(table, first_rows)
        return WrittenLabels(kind=self.kind, cells=cells, first_rows=first_rows)


def reading_of(table: Table, columns: Columns, options: FileOptions) -> LabelReading:
    """Return how a label column is read, given the training rows.

    Raises:
        DataError: if the kind of answer was not given, and the column is hardly one of classes.
    """
    values = [value for value in table.columns[columns.label] if not is_missing(value)]
    notation = notation_of(values, options.kind, options)
    cells = [notation.cell(value) for value in values]
    kind, why = (
        (options.kind, "") if options.kind is not None else guess_kind(cells, notation.separator, columns.choices)
    )
    notes = [*notation.notes, *([f"kind: {kind}, {why}"] if why else [])]
    names = {class_name(written): name for written, name in options.labels}
    reading = LabelReading(kind=kind, notation=notation, names=names)
    if kind.has_classes:
        written = Counter(reading.name(name) for name in _names(cells, reading, columns))
        if options.kind is None and not kind.takes_several and columns.label not in table.declared:
            _stop_where_in_doubt(table, columns, cells, reading)
            notes += _hint_of_separator(cells)
        notes += _names_like_missing(written)
        if options.merge_labels:
            reading = LabelReading(kind=kind, notation=notation, names=names, spellings=_commonest(written))
            notes += _merged(written, reading)
    return LabelReading(
        kind=kind, notation=notation, names=names, spellings=reading.spellings, notes=tuple(dict.fromkeys(notes))
    )


def class_faults(table: Table, written: WrittenLabels) -> list[DataFault]:
    """Return what is wrong with the training rows' labels as a whole."""
    fault = written.kind.fault_of_all(tuple(written.cells.values()))
    return [table.fault(fault)] if fault else []


def unknown_classes(table: Table, written: WrittenLabels, known: Iterable[str], whose: str) -> list[DataFault]:
    """Return a fault for each class that is none of the `known` ones, which are those of `whose`."""
    listed = shortened(", ".join(known), 200)[1:-1]
    return [
        table.fault(f"the label is none of {whose} classes: {listed}", row, value=name)
        for name, row in written.first_rows.items()
        if name not in known
    ]


def _names(cells: Sequence[object], reading: LabelReading, columns: Columns) -> list[str]:
    """Return the classes of all cells that can be read."""
    found = list[str]()
    for cell in cells:
        try:
            found += reading.kind.read(cell, reading.notation.separator, columns.choices).names
        except ValueError:
            continue
    return found


def _stop_where_in_doubt(table: Table, columns: Columns, cells: Sequence[object], reading: LabelReading) -> None:
    found = doubt(_names(cells, reading, columns))
    if found is not None:
        rows = enumerate(table.columns[columns.label])
        row = next((row for row, value in rows if str(value).strip() == found.example), None)
        said = f"the column {columns.label!r} is hardly one of classes: {found.reason}"
        raise DataError([table.fault(said, row, value=found.example)], remedy=found.remedy)


def _hint_of_separator(cells: Sequence[object]) -> list[str]:
    sign = likely_separator(cells)
    return [f"if {sign!r} stands between several labels of a cell, give `separator` {sign!r}"] if sign else []


def _names_like_missing(written: Mapping[str, int]) -> list[str]:
    found = [f"{name!r} ({count} rows)" for name, count in written.items() if name.casefold() in MISSING_WORDS]
    return [f"taken as a class like others, not as a missing label: {', '.join(found)}"] if found else []


def _commonest(written: Counter[str]) -> dict[str, str]:
    """Return for each folded name the spelling that most rows have, the first of equals."""
    spellings = dict[str, str]()
    for name, _ in written.most_common():
        spellings.setdefault(folded(name), name)
    return spellings


def _merged(written: Counter[str], reading: LabelReading) -> list[str]:
    others = [f"{name!r} as {reading.name(name)!r}" for name in written if reading.name(name) != name]
    return [f"labels that look the same are one class: {', '.join(others)}"] if others else []


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
    """Return what a value was written as; "" for what is neither text nor a number, and for numbers written as text."""
    if is_missing(value) or isinstance(value, bool):
        return ""
    if isinstance(value, str):
        return "" if NUMBER.fullmatch(value.strip()) else "text"
    return "a number" if isinstance(value, int | float) else ""


def _namesakes(table: Table, first_rows: dict[str, int]) -> list[DataFault]:
    """Return a fault for names that look the same."""
    by_fold: dict[str, str] = {}
    faults = []
    for name, row in sorted(first_rows.items(), key=lambda item: item[1]):
        first = by_fold.setdefault(folded(name), name)
        if first != name:
            said = f"the labels {first!r} and {name!r} {difference(first, name)}; `merge_labels` makes them one class"
            faults.append(table.fault(said, row))
    return faults
