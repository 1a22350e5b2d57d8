"""Labels as users write them: what kind of answer they are, what they are called, and what is wrong with them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from headstart.data.label_notation import Notation, likely_separator, notation_of
from headstart.data.plausibility import doubt, hint_of_numbers
from headstart.errors import DataError, DataFault, shortened
from headstart.kinds.catalogue import guess_kind
from headstart.kinds.cells import DIGIT_OF, NUMBER, class_name, is_missing, same_name
from headstart.kinds.kind import Cell, Kind
from headstart.kinds.spelling import difference, folded
from headstart.tables.file_options import FileOptions, require_used
from headstart.tables.table import Table
from headstart.tasks.columns import Columns

MISSING_WORDS = ("na", "n/a", "nan", "none", "null", "nil", "-", "?")
"""What tools write for a missing value, and people as a name."""
INCOMPLETE = "is missing; `drop_incomplete` leaves such rows out"
MAX_NAMED = 5
"""Classes that a sentence names before it counts."""
LISTED = 200
"""Characters of a list of classes in a message."""


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
        names: what a class is called in place of its canonical name.
        spellings: what stands for all names that look the same; nothing unless they are merged.
        exact: cells that are the name of a class as they stand, whatever else they could mean.
        notes: sentences that say what was guessed.
    """

    kind: Kind
    notation: Notation
    names: Mapping[str, str] = field(default_factory=dict)
    spellings: Mapping[str, str] = field(default_factory=dict)
    exact: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()

    def name(self, written: str) -> str:
        """Return what a class is called that has this canonical name."""
        name = self.names.get(written, written)
        return self.spellings.get(folded(name), name) if self.spellings else name

    def cells(self, values: Sequence[object], choices: Sequence[str]) -> list[Cell | ValueError]:
        """Return what stands in each cell, or the reason why it cannot be read; equal texts are read once."""
        texts = {value: self._cell(value, choices) for value in dict.fromkeys(filter(_is_text, values))}
        return [texts[value] if isinstance(value, str) else self._cell(value, choices) for value in values]

    def _cell(self, value: object, choices: Sequence[str]) -> Cell | ValueError:
        if _is_one_of(self.exact, value):
            return Cell(names=(str(value).strip(),))
        try:
            cell = self.kind.read(self.notation.cell(value), self.notation.separator, choices)
        except ValueError as error:
            return error
        return Cell(names=tuple(dict.fromkeys(map(self.name, cell.names))), number=cell.number)

    def labels(self, table: Table, columns: Columns, faults: list[DataFault]) -> WrittenLabels:
        """Return the labels of all rows that have one; what is wrong with the others goes to `faults`."""
        cells: dict[int, Cell] = {}
        values = table.columns[columns.label]
        for row, found in enumerate(self.cells(values, columns.choices)):
            if isinstance(found, Cell):
                cells[row] = found
            elif self.notation.is_missing(values[row]):
                faults.append(table.fault(f"the label ({columns.label!r}) {INCOMPLETE}", row))
            else:
                faults.append(table.fault(f"the label ({columns.label!r}) {found}", row, value=values[row]))
        first_rows = {name: row for row, cell in reversed(cells.items()) for name in cell.names}
        faults += _namesakes(table, first_rows)
        return WrittenLabels(kind=self.kind, cells=cells, first_rows=first_rows)


def reading_of(
    table: Table, columns: Columns, options: FileOptions, known: frozenset[str] = frozenset()
) -> LabelReading:
    """Return how a label column is read, given the training rows.

    Args:
        table: the training rows.
        columns: of the table.
        options: may name the kind, and how cells are written.
        known: cells that are the name of a class as they stand.

    Raises:
        DataError: if the kind of answer was not given, and the column is hardly one of classes.
        UsageError: if options come that have no effect on this kind of answer.
    """
    there = table.columns[columns.label]
    values = [value for value in there if not is_missing(value) and not _is_one_of(known, value)]
    distinct = [*dict.fromkeys(filter(_is_text, values)), *(value for value in values if not isinstance(value, str))]
    notation = notation_of(distinct, options.kind, options, known)
    cells = [notation.cell(value) for value in distinct]
    kind, why = options.kind, ""
    if kind is None:
        kind, why = guess_kind(cells, notation.separator, columns.choices)
    require_used(kind, options)
    notes = [*notation.notes, *([f"kind: {kind}, {why}"] if why else [])]
    given = {class_name(written): name for written, name in options.labels}
    reading = LabelReading(kind=kind, notation=notation)
    if not kind.has_classes:
        return replace(reading, notes=tuple(notes))
    canonical = Counter(_names(values, reading, columns))
    reading = replace(reading, names={**_truths(canonical), **given})
    is_guessed = options.kind is None and not kind.takes_several and columns.label not in table.declared
    if is_guessed:
        _stop_where_in_doubt(table, columns, reading)
        notes += [*_hint_of_separator(cells), *hint_of_numbers(canonical)]
    written = Counter[str]()
    for name, count in canonical.items():
        written[reading.name(name)] += count
    notes += _notes_on_names(canonical, written, given)
    notes += _notes_on_sets(kind, canonical, table, columns, notation)
    if options.merge_labels:
        reading = replace(reading, spellings=_commonest(written))
        notes += _merged(written, reading)
    return replace(reading, notes=tuple(dict.fromkeys(notes)))


def reading_for(
    table: Table, columns: Columns, kind: Kind, classes: Sequence[str], options: FileOptions
) -> LabelReading:
    """Return how a label column is read whose classes are known: those of a model.

    A class is called by its name as it stands, or by another way to write the same value: `1.0` is `1`. What `labels`
    says goes before both.

    Raises:
        UsageError: if options come that have no effect on this kind of answer.
    """
    reading = reading_of(table, columns, replace(options, kind=kind), known=frozenset(classes))
    if not kind.has_classes:
        return reading
    given = {class_name(written): name for written, name in options.labels}
    own = {same_name(name): name for name in classes}
    same = {other: own[name] for other, name in _truths(own).items() if name in own}
    exact = frozenset(name for name in classes if same_name(name) not in given)
    spellings = {folded(name): name for name in classes} if options.merge_labels else {}
    names = {**same, **own, **{name: name for name in classes}, **given}
    return replace(reading, names=names, exact=exact, spellings=spellings)


def class_faults(table: Table, written: WrittenLabels) -> list[DataFault]:
    """Return what is wrong with the training rows' labels as a whole."""
    fault = written.kind.fault_of_all(tuple(written.cells.values()))
    return [table.fault(fault)] if fault else []


def unknown_classes(table: Table, written: WrittenLabels, known: Iterable[str], whose: str) -> list[DataFault]:
    """Return a fault for each class that is none of the `known` ones, which are those of `whose`."""
    by_fold = {folded(name): name for name in known}
    listed = shortened(", ".join(by_fold.values()), LISTED)[1:-1]
    faults = []
    for name, row in written.first_rows.items():
        like = by_fold.get(folded(name))
        if name in by_fold.values():
            continue
        if like is None:
            said = f"the label is none of {whose} classes: {listed}"
        else:
            said = f"the label and the class {like!r} {difference(name, like)}; `merge_labels` takes them for one"
        faults.append(table.fault(said, row, value=name))
    return faults


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_one_of(names: frozenset[str], value: object) -> bool:
    return isinstance(value, str) and value.strip() in names


def _truths(names: Iterable[str]) -> dict[str, str]:
    """Return what 0 and 1 are called beside true and false, where there is nothing else, or the other way round."""
    distinct = set(names)
    digits = {digit: truth for truth, digit in DIGIT_OF.items()}
    if not distinct or not distinct <= {*DIGIT_OF, *digits}:
        return {}
    return digits if distinct & {*DIGIT_OF} else dict(DIGIT_OF)


def _names(values: Sequence[object], reading: LabelReading, columns: Columns) -> list[str]:
    """Return the classes of all cells that can be read."""
    found = reading.cells(values, columns.choices)
    return [name for cell in found if isinstance(cell, Cell) for name in cell.names]


def _stop_where_in_doubt(table: Table, columns: Columns, reading: LabelReading) -> None:
    values = table.columns[columns.label]
    cells = [cell if isinstance(cell, Cell) else Cell() for cell in reading.cells(values, columns.choices)]
    found = doubt([name for cell in cells for name in cell.names])
    if found is None:
        return
    said = f"the column {columns.label!r} is hardly one of classes: {found.reason}"
    rows = [row for row, cell in enumerate(cells) if not found.names.isdisjoint(cell.names)]
    raise DataError([table.fault(said, row, value=values[row]) for row in rows], remedy=found.remedy)


def _hint_of_separator(cells: Sequence[object]) -> list[str]:
    sign = likely_separator(cells)
    return [f"if {sign!r} stands between several labels of a cell, give `separator` {sign!r}"] if sign else []


def _notes_on_names(canonical: Mapping[str, int], written: Mapping[str, int], given: Mapping[str, str]) -> list[str]:
    """Say which names are unusual: those that read like a missing label, numbers among words, two for one truth."""
    notes = []
    if found := [name for name in written if name.casefold() in MISSING_WORDS]:
        notes.append(f"taken as a class like others, not as a missing label: {_counted(found, written)}")
    numbers = [name for name in written if NUMBER.fullmatch(name)]
    if numbers and 2 * sum(written[name] for name in numbers) < sum(written.values()):
        notes.append(f"numbers among words are classes too: {_counted(numbers, written)}")
    if canonical.keys() & {*DIGIT_OF} and canonical.keys() & {*DIGIT_OF.values()} and _truths(canonical) and not given:
        notes.append("1 is read as true, and 0 as false")
    return notes


def _notes_on_sets(
    kind: Kind, canonical: Mapping[str, int], table: Table, columns: Columns, notation: Notation
) -> list[str]:
    """Say where rows have any number of classes which say nothing: those that every row has, and cells without any."""
    if not kind.takes_several:
        return []
    cells = table.columns[columns.label]
    num_rows = sum(not notation.is_missing(value) for value in cells)
    everywhere = [name for name, count in canonical.items() if count == num_rows > 1]
    notes = [f"every row has {', '.join(map(repr, everywhere[:MAX_NAMED]))}"] if everywhere else []
    num_empty = sum(is_missing(value) and not notation.is_missing(value) for value in cells)
    rows = "1 row has an empty label" if num_empty == 1 else f"{num_empty} rows have an empty label"
    return [*notes, *([f"{rows}: none of the classes"] if num_empty else [])]


def _counted(names: Sequence[str], counts: Mapping[str, int]) -> str:
    said = [f"{name!r} ({counts[name]} {'row' if counts[name] == 1 else 'rows'})" for name in names[:MAX_NAMED]]
    return ", ".join(said) + (f" and {len(names) - MAX_NAMED} more" if len(names) > MAX_NAMED else "")


def _commonest(written: Counter[str]) -> dict[str, str]:
    """Return for each folded name the spelling that most rows have, the first of equals."""
    spellings = dict[str, str]()
    for name, _ in written.most_common():
        spellings.setdefault(folded(name), name)
    return spellings


def _merged(written: Counter[str], reading: LabelReading) -> list[str]:
    others = [f"{name!r} as {reading.name(name)!r}" for name in written if reading.name(name) != name]
    more = f" and {len(others) - MAX_NAMED} more" if len(others) > MAX_NAMED else ""
    return [f"labels that look the same are one class: {', '.join(others[:MAX_NAMED])}{more}"] if others else []


def _namesakes(table: Table, first_rows: dict[str, int]) -> list[DataFault]:
    """Return a fault for names that look the same."""
    by_fold: dict[str, str] = {}
    faults = []
    for name, row in sorted(first_rows.items(), key=lambda item: item[1]):
        first = by_fold.setdefault(folded(name), name)
        if first != name:
            ways_on = "`merge_labels` makes them one class, `labels` gives one of them another name"
            faults.append(table.fault(f"the labels {first!r} and {name!r} {difference(first, name)}; {ways_on}", row))
    return faults
