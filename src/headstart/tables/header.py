"""The header of a delimited table: one row, several, one cell short, or none; and which columns stand below it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice

from headstart.tables.dialect import NAMES, Dialect
from headstart.tables.file_options import FileOptions

NumberedRow = tuple[int, list[str]]
SAMPLE_ROWS = 50
ORANGE_TYPES = re.compile(r"(continuous|discrete|string|time|text|[cdst])?", re.IGNORECASE)
ORANGE_ROLES = re.compile(r"(class|meta|ignore|weight|multiclass|[mciw]|)", re.IGNORECASE)
QUALTRICS = '{"ImportId"'
ROW_NAMES = "row names"
"""What R's column of row names is called where it does not hold numbers."""


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
    """

    names: tuple[str, ...]
    written: list[str]
    line: int
    rows: Iterator[NumberedRow]
    named_by: str = "header"
    notes: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()

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
    first = next((row for row in rows if row[1]), None)
    if first is None:
        return None
    sample = [first, *islice(rows, SAMPLE_ROWS)]
    line, written = sample[0]
    names, num_rows, notes = _names([cells for _, cells in sample if cells])
    body = sample[num_rows:]
    problems = [*_no_header(names, [cells for _, cells in body], options), *_wrong_sign(names, dialect)]
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
    )


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
        f"two columns are called {name!r}" for name in sorted({name for name in names if names.count(name) > 1})
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
    if len(rows) > 1 and all(len(cells) == len(names) + 1 for cells in rows[1:]):
        first = "" if all(cells[0].strip().isdecimal() for cells in rows[1:]) else ROW_NAMES
        return [first, *names], 1, ["the header is one cell short, as R writes it: the first column has no name there"]
    return names, 1, []


def _is_orange(rows: Sequence[Sequence[str]]) -> bool:
    names, types, roles = rows[:3]
    are_roles = len(roles) == len(names) and any(roles) and all(ORANGE_ROLES.fullmatch(cell.strip()) for cell in roles)
    has_type = any(cell.strip() and ORANGE_TYPES.fullmatch(cell.strip()) for cell in types)
    return are_roles and len(types) == len(names) and has_type


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


def _no_header(names: Sequence[str], body: Sequence[Sequence[str]], options: FileOptions) -> list[str]:
    """Return what speaks against a header: a name stands as a value below it, and none of the names was given."""
    given = {options.text, options.text_pair, options.label, options.split_column, options.group, *options.choices}
    if given & set(names):
        return []
    whole = [cells for cells in body if len(cells) == len(names) and cells != names]
    for place, name in enumerate(names):
        if name and sum(cells[place].strip() == name for cells in whole) > 1:
            return [f"the first row looks like data: {name!r} stands below it too; give `no_header` and `columns`"]
    return []


def _wrong_sign(names: Sequence[str], dialect: Dialect | None) -> list[str]:
    if dialect is None or len(names) > 1:
        return []
    used = next((sign for sign in NAMES if sign != dialect.delimiter and sign in names[0]), None)
    if used is None:
        return []
    return [
        f"the header is one cell and holds {NAMES[used]}: give `delimiter` {used!r} if they stand between the cells"
    ]
