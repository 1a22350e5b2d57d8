"""Tables in delimited text: CSV, TSV and other signs between the cells, plain or gzipped, read piece by piece."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain, islice
from pathlib import Path

from headstart.tables.dialects import (
    DELIMITERS,
    Dialect,
    OrdinaryLines,
    called,
    dialect_of,
    has_literal_marks,
    large_cells,
    rows_of,
)
from headstart.tables.file_options import FileOptions
from headstart.tables.header_rows import Header, header_of
from headstart.tables.table import Table, unreadable
from headstart.tables.text_lines import TextLines, open_lines

NUM_FIRST_LINES = 200
"""How many lines are looked at before the first row is read."""
UNIT_SEPARATOR = "\x1f"
"""A sign that stands in no text."""
LITERAL_MARKS = "quotation marks enclose no cells and are read as they stand (`quoting` double says otherwise)"
NO_DELIMITER = (
    "no sign between the cells is recognised; name it with `delimiter`, or, for a text a line, put the labels, one a "
    "line, into a file beside it, such as reviews.labels"
)
SWALLOWED = (
    "one cell holds several lines that look like rows; give `quoting` none if quotation marks are signs like any "
    "other, or `quoting` double if these lines are one cell"
)
ALL_EMPTY = "all its cells are empty"

NumberedRow = tuple[int, list[str]]


def scan_csv(path: Path, options: FileOptions, chunk_rows: int) -> Iterator[Table]:
    """Yield a CSV file piece by piece; blank lines are rows only where there is one column."""
    yield from _scan(path, options, chunk_rows, ",")


def scan_tsv(path: Path, options: FileOptions, chunk_rows: int) -> Iterator[Table]:
    """Yield a table with tabs between its cells piece by piece."""
    yield from _scan(path, options, chunk_rows, "\t")


def scan_txt(path: Path, options: FileOptions, chunk_rows: int) -> Iterator[Table]:
    """Yield delimited text whose suffix names no delimiter piece by piece."""
    yield from _scan(path, options, chunk_rows, None)


def first_lines_of(path: Path, options: FileOptions) -> list[str]:
    """Return a file's first lines with their ends; none if it is no text."""
    with open_lines(path, options) as lines:
        first = list(islice(lines, NUM_FIRST_LINES))
        return [] if lines.faults else first


def _scan(path: Path, options: FileOptions, chunk_rows: int, usual: str | None) -> Iterator[Table]:
    with open_lines(path, options) as lines:
        first_lines = list(islice(lines, NUM_FIRST_LINES))
        dialect = _dialect(first_lines, options, usual)
        if dialect is None:
            faults = lines.pop_faults()
            is_empty = not any(map(str.strip, first_lines))
            yield Table(path=path, columns={}, faults=faults) if faults or is_empty else unreadable(path, NO_DELIMITER)
            return
        num_skipped = int(dialect.has_separator_line)
        first_lines = first_lines[num_skipped:]
        # A mark that is never closed leaves no whole row.
        first_rows = rows_of(first_lines, dialect) or rows_of(first_lines, replace(dialect, quoted=False))
        if not first_rows:
            yield Table(path=path, columns={}, faults=lines.pop_faults())
            return
        width = header_of(first_rows, options).width
        ordinary = OrdinaryLines.of(first_lines, dialect.delimiter, width)
        if options.quoting is None and dialect.delimiter == "\t" and _has_literal_marks(path, options, ordinary):
            dialect = replace(dialect, quoted=False, notes=(*dialect.notes, LITERAL_MARKS))
            first_rows = rows_of(first_lines, dialect)
        reader = _Reader(lines, dialect, header_of(first_rows, options), ordinary if options.quoting is None else None)
        yield from reader.pieces(_numbered(chain(first_lines, lines), reader, num_skipped), chunk_rows)


def _dialect(first_lines: Sequence[str], options: FileOptions, usual: str | None) -> Dialect | None:
    dialect = dialect_of(first_lines, options, usual)
    if dialect is None and len(options.columns) == 1:
        return Dialect(delimiter=UNIT_SEPARATOR, quoted=False)
    return dialect


def _has_literal_marks(path: Path, options: FileOptions, ordinary: OrdinaryLines) -> bool:
    with open_lines(path, options) as lines:
        return has_literal_marks(lines, ordinary.delimiter, ordinary)


class _Reader:
    """Makes tables of the rows of one file, and keeps what is wrong with the others."""

    def __init__(self, lines: TextLines, dialect: Dialect, header: Header, ordinary: OrdinaryLines | None) -> None:
        self.lines, self.dialect, self.header, self.ordinary = lines, dialect, header, ordinary
        self.dropped = Counter(header.dropped)
        self.notes = (*dialect.notes, *header.notes)

    def pieces(self, rows: Iterator[NumberedRow], chunk_rows: int) -> Iterator[Table]:
        """Yield the rows below the header as tables; the first piece comes even if it is empty."""
        header_line = self._skip_header(rows)
        for problem in (*self.header.problems, *self._wrong_delimiter()):
            self.lines.add(problem, header_line)
        is_first = True
        while True:
            with large_cells():
                piece = list(islice(rows, chunk_rows))
            is_last = len(piece) < chunk_rows
            table = self._table(piece)
            if is_first or table.num_rows or table.faults or table.dropped:
                yield table
            is_first = False
            if is_last:
                return

    def _skip_header(self, rows: Iterator[NumberedRow]) -> int:
        """Read the rows that stand above the table's own; return the first one's line."""
        first = 1
        with large_cells():
            for number in range(self.header.num_rows):
                line = next((line for line, row in rows if any(row)), 1)
                first = line if number == 0 else first
        return first

    def _table(self, piece: Sequence[NumberedRow]) -> Table:
        good = self._good(piece)
        faulty = bool(self.header.problems)
        columns = list(zip(*(row for _, row in good), strict=True)) if good else [()] * self.header.width
        dropped, self.dropped = dict(+self.dropped), Counter[str]()
        notes, self.notes = self.notes, ()
        return Table(
            path=self.lines.path,
            columns={} if faulty else {name: columns[place] for name, place in self.header.places.items()},
            lines=() if faulty else tuple(line for line, _ in good),
            faults=self.lines.pop_faults(),
            notes=notes,
            dropped=dropped,
            header_doubt=self.header.doubt,
        )

    def _good(self, piece: Sequence[NumberedRow]) -> list[NumberedRow]:
        """Return the rows that have as many cells as the header; the others are left out, or go to the faults."""
        if self._is_plain(piece):
            return list(piece)
        return [(line, cells) for line, row in piece if (cells := self._cells(line, row)) is not None]

    def _is_plain(self, piece: Sequence[NumberedRow]) -> bool:
        """Whether nothing is odd in any row, which is quickly seen."""
        width, names, row_numbers = self.header.width, list(self.header.cells), self.header.row_numbers
        return (
            all(len(row) == width and any(row) and row != names for _, row in piece)
            and all(not any(row[place] for _, row in piece) for place in self.header.unnamed)
            and (row_numbers is None or all(row[row_numbers].isdecimal() for _, row in piece))
        )

    def _cells(self, line: int, row: list[str]) -> list[str] | None:
        """Return a row's cells, as many as the header has; None where it is no row."""
        header = self.header
        if header.width == 1 and not row:
            return [""]
        if not any(row) and (not row or header.width > 1):
            self.dropped[ALL_EMPTY] += len(row) > 1
            return None
        if header.width > 1 and len(row) == 1 and not row[0].strip():
            return None
        cells = row
        if len(row) > header.width and not any(row[header.width :]):
            cells = row[: header.width]
        elif header.least_width <= len(row) < header.width:
            cells = [*row, *[""] * (header.width - len(row))]
        if len(cells) != header.width:
            self.lines.add(self._wrong_number(len(row)), line)
        elif header.cells and tuple(row) == header.cells:
            self.lines.add("the header stands here once more; delete this line", line)
        elif header.row_numbers is not None and not cells[header.row_numbers].isdecimal():
            self.lines.add("the first column has no name and holds row numbers, but none here; give it a name", line)
        elif filled := [place for place in header.unnamed if cells[place].strip()]:
            place = filled[0]
            self.lines.add(f"column {place + 1} of the header has no name, and holds a value here", line)
        else:
            return cells
        return None

    def _wrong_number(self, found: int) -> str:
        named_by = "header" if self.header.num_rows else "list of `columns`"
        said = f"has {_counted(found, 'cell')}, the {named_by} has {self.header.width}"
        if found > self.header.width:
            said += f"; {called(self.dialect.delimiter)} inside a cell need quotation marks around it"
        return said

    def _wrong_delimiter(self) -> list[str]:
        """Return what is said of a header of one cell that holds a sign which stands between cells elsewhere."""
        expected = self.dialect.delimiter
        if len(self.header.cells) != 1 or expected not in DELIMITERS:
            return []
        used = next((sign for sign in DELIMITERS if sign != expected and sign in self.header.cells[0]), None)
        if used is None:
            return []
        found = f"the header is one cell and holds {DELIMITERS[used]}, expected are {DELIMITERS[expected]}"
        return [f"wrong delimiter: {found}; name the sign with `delimiter`"]


def _numbered(lines: Iterable[str], reader: _Reader, num_skipped: int) -> Iterator[NumberedRow]:
    """Yield rows, blank ones too, each with the line on which it starts; what is no row goes to the faults."""
    rows = csv.reader(lines, **reader.dialect.format)
    ordinary = reader.ordinary if reader.dialect.quoted else None
    line = num_skipped + 1
    while True:
        try:
            for row in rows:
                following = num_skipped + rows.line_num + 1
                if following > line + 1 and ordinary is not None and ordinary.num_swallowed(row):
                    reader.lines.add(SWALLOWED, line, f"lines {line} to {following - 1}")
                else:
                    yield line, row
                line = following
            return
        except csv.Error as error:
            reader.lines.add(_csv_message(str(error)), line)
            line = num_skipped + rows.line_num + 1


def _csv_message(error: str) -> str:
    remedy = "give `quoting` none if quotation marks are signs like any other"
    if "unexpected end of data" in error:
        return f"a quotation mark is opened in this row and never closed; {remedy}"
    return f"is not well-formed CSV: {error}; {remedy}"


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
