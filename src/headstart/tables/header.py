"""The header of a delimited table: one row, several, one cell short, or none; and which columns stand below it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice

from headstart.errors import shortened
from headstart.tables.dialect import NAMES, Dialect
from headstart.tables.file_options import FileOptions

NumberedRow = tuple[int, list[str]]
SAMPLE_ROWS = 50
ORANGE_TYPES = re.compile(r"(continuous|discrete|string|time|text|[cdst])?", re.IGNORECASE)
ORANGE_ROLES = re.compile(r"(class|meta|ignore|weight|multiclass|[mciw]|)", re.IGNORECASE)
QUALTRICS = '{"ImportId"'


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What the columns of a table are called.

    Attributes:
        names: of the columns, "" for one without a name.
        written: the row of cells that would be the header once more.
        line: of the header.
        rows: below the header.
        named_by: what the names come from, in words.
        notes: sentences that say what was recognised.
        problems: why the header cannot be one.
        doubt: why it looks like a row, for a table whose columns are not found; "" if it does not.
    """

    names: tuple[str, ...]
    written: list[str]
    line: int
    rows: Iterator[NumberedRow]
    named_by: str = "header"
    notes: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    doubt: str = ""

    @property
    def width(self) -> int:
        """The number of cells of a row."""
        return len(self.names)

    def columns(self, cells: Sequence[Sequence[str]]) -> tuple[dict[str, Sequence[str]], list[str]]:
        """Return the columns of a piece of the table by their names, and what is wrong with those without one."""
        if all(self.names) and len(set(self.names)) == len(self.names):
            values = zip(*cells, strict=True) if cells else (() for _ in self.names)
            return dict(zip(self.names, values, strict=True)), []
        kept, problems, _ = columns_to_keep(self.names, cells)
        if problems:
            return {}, [problem for problem in problems if problem not in self.problems]
        return {self.names[place]: [row[place] for row in cells] for place in kept}, []


def header_of(rows: Iterator[NumberedRow], options: FileOptions, dialect: Dialect | None = None) -> Header | None:
    """Return the header of a table and the rows below it; None where there is no row.

    Args:
        rows: with the number of each, blank ones too.
        options: may name the columns where there is no header.
        dialect: of a delimited table.
    """
    if options.columns:
        return Header(names=options.columns, written=[], line=1, rows=rows, named_by="list of `columns`")
    first = next((row for row in rows if _is_written(row[1])), None)
    if first is None:
        return None
    sample = [first, *islice(rows, SAMPLE_ROWS)]
    line, written = sample[0]
    written_rows = [place for place, (_, cells) in enumerate(sample) if _is_written(cells)]
    names, num_rows, notes = _names([sample[place][1] for place in written_rows])
    body = sample[written_rows[num_rows - 1] + 1 :]
    problems = _wrong_sign(names, dialect)
    if not problems and body:
        _, problems, left_out = columns_to_keep(names, [cells for _, cells in body if len(cells) == len(names)])
        notes += left_out
    return Header(
        names=tuple(names),
        written=written,
        line=line,
        rows=chain(body, rows),
        notes=tuple(notes),
        problems=tuple(problems),
        doubt=_doubt(names, [cells for _, cells in body if cells != written]),
    )


def _is_written(cells: Sequence[str]) -> bool:
    """Whether a row is neither a blank line nor one of empty cells; an empty cell in marks may stand alone."""
    return len(cells) == 1 or any(cells)


def columns_to_keep(header: Sequence[str], body: Sequence[Sequence[str]]) -> tuple[list[int], list[str], list[str]]:
    """Return the places of the columns to keep, what is wrong with the header, and what is left out.

    Columns without a name and a value go, and so does a first one without a name that holds row numbers.
    """
    kept, problems, left_out = [], [], []
    for place, name in enumerate(header):
        values = [cells[place] for cells in body]
        if name:
            kept.append(place)
        elif any(map(str.strip, values)):
            if not kept and _number_rows(values):
                left_out.append("the first column holds row numbers (no name): left out")
            else:
                problems.append(f"column {place + 1} has no name in the header, and values below")
    names = [header[place] for place in kept]
    problems += [
        f"two columns are called {name!r}: give one of them another name"
        for name in sorted({name for name in names if names.count(name) > 1})
    ]
    return kept, problems, left_out


def _number_rows(values: Sequence[str]) -> bool:
    """Whether values are distinct whole numbers, as an index of pandas is, also of rows that were picked."""
    return all(value.isdecimal() for value in values) and len(set(values)) == len(values)


def _names(rows: Sequence[Sequence[str]]) -> tuple[list[str], int, list[str]]:
    """Return the names of the columns, how many rows they are taken from, and what there is to say."""
    names = [cell.strip() for cell in rows[0]]
    if len(rows) > 3 and _is_orange(rows):
        return names, 3, ["the header has three rows, as Orange writes it: names, types and roles"]
    if len(rows) > 3 and all(cell.startswith(QUALTRICS) for cell in rows[2]):
        return names, 3, ["the header has three rows, as Qualtrics writes it"]
    if len(rows) > 3 and _is_merged(rows):
        return [cell.strip() for cell in rows[1]], 2, ["the header has two rows: the second one names the columns"]
    if _is_short(names, rows[1:]):
        return ["", *names], 1, ["the header is one cell short, as R writes it: the first column has no name there"]
    return names, 1, []


def _is_short(names: Sequence[str], body: Sequence[Sequence[str]]) -> bool:
    """Whether each row begins with its number, for which the header has no cell.

    Numbers only: a header that lacks its last name looks the same where rows begin with texts.
    """
    numbers = [cells[0] for cells in body]
    return (
        bool(body)
        and all(names)
        and all(len(cells) == len(names) + 1 for cells in body)
        and any(cells[-1].strip() for cells in body)
        and all(number.isdecimal() for number in numbers)
        and len(set(numbers)) == len(numbers)
    )


def _is_orange(rows: Sequence[Sequence[str]]) -> bool:
    """Whether types and roles stand below the names; letters could be texts, so that one word is asked for."""
    names, *below = rows[:3]
    if any(len(cells) != len(names) for cells in below):
        return False
    whole = [cells for cells in rows[3:] if len(cells) == len(names)]
    types, roles = ([cell.strip().casefold() for cell in cells] for cells in below)
    are_types = any(map(ORANGE_TYPES.fullmatch, filter(None, types))) and all(
        ORANGE_TYPES.fullmatch(cell) or _lists_values(rows[1][place], [cells[place] for cells in whole])
        for place, cell in enumerate(types)
    )
    are_roles = any(roles) and all(ORANGE_ROLES.fullmatch(cell) for cell in roles)
    has_word = any(len(cell) > 1 and " " not in cell for cell in (*types, *roles))
    return are_types and are_roles and has_word


def _lists_values(cell: str, values: Sequence[str]) -> bool:
    """Whether a cell names all values of its column, as may stand in place of "discrete": "bad good"."""
    return bool(values) and {value.strip() for value in values} - {""} <= set(cell.split())


def _is_merged(rows: Sequence[Sequence[str]]) -> bool:
    """Whether cells of the first row stand for several columns, which the second row names."""
    first, second, body = rows[0], rows[1], rows[2:]
    has_blanks = any(not cell.strip() for cell in first[1:])
    are_names = all(cell.strip() for cell in second) and len(set(second)) == len(second) == len(first)
    if not (has_blanks and are_names):
        return False
    columns = [[cells[place] for cells in body if len(cells) == len(first)] for place in range(len(first))]
    recur = [len(set(column)) < len(column) for column in columns]
    is_filled = all(any(map(str.strip, column)) for column in columns)
    return is_filled and any(recur) and not any(name in column for name, column in zip(second, columns, strict=True))


def _doubt(names: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    """Return what speaks against a header: a name stands as a value below it."""
    whole = [cells for cells in body if len(cells) == len(names)]
    for place, name in enumerate(names):
        if name and any(cells[place].strip() == name for cells in whole):
            return (
                f"the first row looks like data: {shortened(name)} stands below it too; give `no_header` and `columns`"
            )
    return ""


def _wrong_sign(names: Sequence[str], dialect: Dialect | None) -> list[str]:
    if dialect is None or len(names) > 1:
        return []
    used = next((sign for sign in NAMES if sign != dialect.delimiter and sign in names[0]), None)
    if used is None:
        return []
    return [
        f"the header is one cell and holds {NAMES[used]}: give `delimiter` {used!r} if they stand between the cells"
    ]
