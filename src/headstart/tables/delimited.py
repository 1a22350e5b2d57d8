"""Tables whose cells have a sign between them, such as CSV and TSV: read piece by piece."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice, repeat
from pathlib import Path

from headstart.tables.dialect import SAMPLE_LINES, Dialect, dialect_of, large_cells
from headstart.tables.file_options import FileOptions
from headstart.tables.header import SAMPLE_ROWS, Header, header_of
from headstart.tables.swallowed_rows import OrdinaryLines
from headstart.tables.table import Table
from headstart.tables.text_lines import TextLines, text_lines

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
        first_lines = lines.peek(SAMPLE_LINES)
        dialect = dialect_of(lines, options, usual)
        rows = _Rows(lines, dialect)
        with large_cells():
            header = header_of(rows, options, dialect)
        if header is None:
            yield Table(path=path, columns={}, faults=lines.pop_faults())
            return
        for problem in header.problems:
            lines.add(problem, header.line)
        ordinary = None
        if options.quoting is None and dialect.quoting != csv.QUOTE_NONE:
            below = first_lines[header.line if header.written else 0 :]
            ordinary = OrdinaryLines.of(below, dialect.delimiter, header.width)
        yield from _pieces(lines, rows, header, dialect, ordinary, chunk_rows)


class _Rows(Iterator[NumberedRow]):
    """The rows of a file, blank lines too, each with the line on which it starts."""

    def __init__(self, lines: TextLines, dialect: Dialect) -> None:
        self._lines, self._dialect = lines, dialect
        lines.take(dialect.num_lines_above)
        self._each = self._parsed([], None)

    def __next__(self) -> NumberedRow:
        return next(self._each)

    def begun_on(self, lines: Sequence[str]) -> list[NumberedRow]:
        """Return the rows that begin on lines which were taken last."""
        return list(self._parsed(lines, len(lines)))

    def _parsed(self, taken: Sequence[str], num_lines: int | None) -> Iterator[NumberedRow]:
        """Yield the rows that begin on lines which were taken, or, where `num_lines` is None, all."""
        lines, dialect = self._lines, self._dialect
        before = lines.number - len(taken)
        reader = csv.reader(chain(taken, lines), delimiter=dialect.delimiter, quoting=dialect.quoting, strict=True)
        while num_lines is None or reader.line_num < num_lines:
            line = before + reader.line_num + 1
            try:
                row = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                lines.add(_csv_message(str(error)), line)
            else:
                yield line, row


def _pieces(
    lines: TextLines,
    rows: _Rows,
    header: Header,
    dialect: Dialect,
    ordinary: OrdinaryLines | None,
    chunk_rows: int,
) -> Iterator[Table]:
    dropped, is_first = Counter[str](), True
    while True:
        if is_first or chunk_rows <= SAMPLE_ROWS:
            # The header looked at these.
            with large_cells():
                piece = list(islice(header.rows, min(chunk_rows, SAMPLE_ROWS)))
            is_last = len(piece) < min(chunk_rows, SAMPLE_ROWS)
        else:
            begin, taken = lines.number + 1, lines.take(chunk_rows)
            is_last = len(taken) < chunk_rows
            even = _even_columns(taken, header, dialect)
            if even:
                numbers = tuple(range(begin, begin + len(taken)))
                faults = lines.pop_faults()
                yield Table(path=lines.path, columns=even, lines=numbers, faults=faults, header_doubt=header.doubt)
                if is_last:
                    return
                continue
            with large_cells():
                piece = rows.begun_on(taken)
        good = piece if _are_plain(piece, header) else list(_good_rows(piece, lines, header, dropped))
        if ordinary is not None:
            _refuse_swallowed(good, lines, ordinary)
        columns, problems = header.columns([row for _, row in good])
        for problem in problems:
            lines.add(problem, header.line)
        faults = lines.pop_faults()
        if good or faults or is_first or dropped:
            yield Table(
                path=lines.path,
                columns=columns,
                lines=tuple(number for number, _ in good) if columns else (),
                faults=faults,
                notes=(*dialect.notes, *header.notes) if is_first else (),
                dropped=dict(dropped),
                header_doubt=header.doubt,
            )
        is_first = False
        dropped.clear()
        if is_last:
            return


def _even_columns(lines: Sequence[str], header: Header, dialect: Dialect) -> dict[str, Sequence[str]]:
    """Return the columns of lines that are rows without anything odd, cut all at once; {} for others."""
    text, delimiter, width = "".join(lines), dialect.delimiter, header.width
    if "\r" in text:
        text = text.replace("\r\n", "\n")
    is_named = all(header.names) and len(set(header.names)) == width > 1
    if "\r" in text or not is_named:
        return {}
    if '"' in text and dialect.quoting != csv.QUOTE_NONE:
        cells = _marked_cells(lines, delimiter, width)
    elif set(map(str.count, lines, repeat(delimiter))) == {width - 1}:
        cells = text.removesuffix("\n").replace("\n", delimiter).split(delimiter)
    else:
        return {}
    first = cells[::width]
    may_be_blank = not cells or not all(first) or any(map(str.isspace, first))
    if may_be_blank or (header.written and header.written[0] in first):
        return {}
    return {name: cells[place::width] for place, name in enumerate(header.names)}


def _marked_cells(lines: Sequence[str], delimiter: str, width: int) -> list[str]:
    """Return the cells of lines of which each is a row of `width` cells, some of them in quotation marks; else none.

    A line without marks is cut at the delimiters, which is much quicker than reading it.
    """
    cells = list[str]()
    for line in lines:
        if '"' not in line:
            row = line.rstrip("\r\n").split(delimiter)
        else:
            try:
                (row,) = csv.reader((line,), delimiter=delimiter, strict=True)
            except csv.Error:
                return []
        if len(row) != width:
            return []
        cells += row
    return cells


def _are_plain(rows: Sequence[NumberedRow], header: Header) -> bool:
    """Whether rows have as many cells as the header, and none can be blank or the header again: quickly seen."""
    width, names = header.width, header.written
    return all(len(row) == width and row[0] and not row[0].isspace() and row != names for _, row in rows)


def _good_rows(
    rows: Iterable[NumberedRow], lines: TextLines, header: Header, dropped: Counter[str]
) -> Iterator[NumberedRow]:
    """Yield the rows that have as many cells as the header; what is wrong with the others goes to the faults.

    Blank lines are rows only where there is one column; rows of empty cells are none, and are counted. Empty cells
    after the last column are not read.
    """
    names, width = header.written, header.width
    for line, row in rows:
        cells = row or [""]
        if len(cells) > width and not any(map(str.strip, cells[width:])):
            cells = cells[:width]
        if width > 1 and not any(map(str.strip, cells)):
            dropped.update([EMPTY] if len(row) > 1 else [])
        elif len(cells) != width:
            remedy = "; enclose texts that hold the sign between cells in quotation marks" if len(cells) > width else ""
            lines.add(f"has {_counted(len(cells), 'cell')}, the {header.named_by} has {width}{remedy}", line)
        elif cells == names:
            lines.add("the header stands here once more: remove this line", line)
        else:
            yield line, cells


def _refuse_swallowed(rows: Sequence[NumberedRow], lines: TextLines, ordinary: OrdinaryLines) -> None:
    following = [*(line for line, _ in rows[1:]), lines.number + 1]
    for (line, row), after in zip(rows, following, strict=False):
        if after > line + 1 and (count := ordinary.num_swallowed(row)):
            lines.add(
                "a cell of this row holds lines that look like rows of their own: a stray quotation mark? Give "
                "`quoting` none if quotation marks are part of the text, or double if these lines are one cell",
                line,
                f"{count} lines",
            )


def _csv_message(error: str) -> str:
    literal = "; give `quoting` none if quotation marks are part of the text"
    if "unexpected end of data" in error:
        return f"a quotation mark is opened in this row and never closed{literal}"
    if "expected after" in error:
        return f"a quotation mark closes a cell, and text follows it{literal}"
    return f"is not well-formed CSV: {error}"


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
