"""Tables whose cells have a sign between them, such as CSV and TSV: read piece by piece."""

from __future__ import annotations

import csv
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

from headstart.tables.dialect import Dialect, dialect_of
from headstart.tables.file_options import FileOptions
from headstart.tables.header import Header, header_of
from headstart.tables.swallowed_rows import swallowed
from headstart.tables.table import Table
from headstart.tables.text_lines import TextLines, text_lines

LARGEST_CELL = min(sys.maxsize, 2**31 - 1)
"""In characters; the csv module's own limit of 131072 refuses long documents."""
EMPTY = "all cells are empty"

NumberedRow = tuple[int, list[str]]


def scan_csv(path: Path, options: FileOptions, chunk_rows: int) -> Iterator[Table]:
    """Yield a table with commas, or the sign that stands in their place, between its cells."""
    yield from _scan(path, options, chunk_rows, ",")


def scan_tsv(path: Path, options: FileOptions, chunk_rows: int) -> Iterator[Table]:
    """Yield a table with tabs between its cells."""
    yield from _scan(path, options, chunk_rows, "\t")


def scan_delimited(path: Path, options: FileOptions, chunk_rows: int) -> Iterator[Table]:
    """Yield a table whose suffix does not say what stands between its cells."""
    yield from _scan(path, options, chunk_rows, None)


def _scan(path: Path, options: FileOptions, chunk_rows: int, usual: str | None) -> Iterator[Table]:
    with text_lines(path, options) as lines:
        dialect = dialect_of(lines, options, usual)
        rows = _rows(lines, dialect)
        header = header_of(rows, options, dialect)
        if header is None:
            yield Table(path=path, columns={}, faults=lines.pop_faults())
            return
        for problem in header.problems:
            lines.add(problem, header.line)
        yield from _pieces(lines, header, dialect, chunk_rows)


def _rows(lines: TextLines, dialect: Dialect) -> Iterator[NumberedRow]:
    """Yield all rows, blank lines too, each with the line on which it starts."""
    for _ in range(dialect.num_lines_above):
        next(lines)
    reader = csv.reader(lines, delimiter=dialect.delimiter, quoting=dialect.quoting, strict=True)
    while True:
        line = lines.number + 1
        try:
            with _large_cells():
                for row in reader:
                    yield line, row
                    line = lines.number + 1
            return
        except csv.Error as error:
            lines.add(_csv_message(str(error)), line)


def _pieces(lines: TextLines, header: Header, dialect: Dialect, chunk_rows: int) -> Iterator[Table]:
    blank = Counter[str]()
    good = _good_rows(lines, header, blank)
    begin = True
    while True:
        piece = list(islice(good, chunk_rows))
        numbers, cells = [number for number, _ in piece], [row for _, row in piece]
        if dialect.quoting != csv.QUOTE_NONE:
            for place, num_lines in swallowed(cells, dialect.delimiter):
                lines.add(
                    f"a cell of this row holds {num_lines} line ends and what look like rows of their own: a stray "
                    "quotation mark? Give `quoting` none if quotation marks are part of the text",
                    numbers[place],
                )
        columns, problems = header.columns(cells)
        for problem in problems:
            lines.add(problem, header.line)
        faults = lines.pop_faults()
        if piece or faults or begin:
            yield Table(
                path=lines.path,
                columns=columns,
                lines=tuple(numbers) if columns else (),
                faults=faults,
                notes=(*dialect.notes, *header.notes) if begin else (),
                dropped=dict(+blank),
            )
            blank.clear()
        begin = False
        if len(piece) < chunk_rows:
            return


def _good_rows(lines: TextLines, header: Header, blank: Counter[str]) -> Iterator[NumberedRow]:
    """Yield the rows that have as many cells as the header; what is wrong with the others goes to the faults.

    Blank lines are rows only where there is one column; rows of empty cells are none, and are counted.
    """
    names, width = header.written, header.width
    for line, row in header.rows:
        cells = row or [""]
        if width > 1 and not cells[0] and not any(map(str.strip, cells)):
            blank[EMPTY] += len(row) > 0
        elif len(cells) != width:
            lines.add(f"has {_counted(len(cells), 'cell')}, the {header.named_by} has {width}", line)
        elif cells == names:
            lines.add("the header stands here once more", line)
        else:
            yield line, cells


def _csv_message(error: str) -> str:
    literal = "; give `quoting` none if quotation marks are part of the text"
    if "unexpected end of data" in error:
        return f"a quotation mark is opened in this row and never closed{literal}"
    if "expected after" in error:
        return f"a quotation mark closes a cell, and text follows it{literal}"
    return f"is not well-formed CSV: {error}"


@contextmanager
def _large_cells() -> Iterator[None]:
    before = csv.field_size_limit(LARGEST_CELL)
    try:
        yield
    finally:
        csv.field_size_limit(before)


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
