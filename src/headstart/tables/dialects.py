"""Which sign stands between the cells of delimited text, and whether quotation marks enclose cells in it."""

from __future__ import annotations

import csv
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from headstart.tables.file_options import FileOptions

DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
"""The signs that are recognised -> what they are called."""
SEPARATOR_LINE = re.compile(r"\"?sep=(.)\"?[,;\t|]*[\r\n]*", re.IGNORECASE)
"""The first line by which Excel is told the delimiter."""
LEAST_FIT = 0.9
"""Share of the first rows that must have as many cells as the header, for a delimiter that nobody named."""
LARGEST_CELL = min(sys.maxsize, 2**31 - 1)
"""In characters; the csv module's own limit of 131072 refuses long documents."""
LINE_END = re.compile(r"\r\n|\r|\n")


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """How rows are written.

    Attributes:
        delimiter: one sign.
        quoted: whether quotation marks enclose cells; otherwise they are signs like any other.
        notes: what was recognised, in sentences.
        has_separator_line: whether the first line names the delimiter.
    """

    delimiter: str
    quoted: bool = True
    notes: tuple[str, ...] = ()
    has_separator_line: bool = False

    @property
    def format(self) -> dict[str, Any]:
        """The csv module's arguments."""
        quoting = csv.QUOTE_MINIMAL if self.quoted else csv.QUOTE_NONE
        return {"delimiter": self.delimiter, "quoting": quoting, "strict": True}


@contextmanager
def large_cells() -> Iterator[None]:
    """Let the csv module read cells of any length, and leave its limit as it was."""
    before = csv.field_size_limit(LARGEST_CELL)
    try:
        yield
    finally:
        csv.field_size_limit(before)


def called(delimiter: str) -> str:
    """Return what stands between cells, in words."""
    return DELIMITERS.get(delimiter, repr(delimiter))


def dialect_of(first_lines: Sequence[str], options: FileOptions, usual: str | None) -> Dialect | None:
    """Return the dialect as far as the first lines show it; None if there is no telling.

    What `options` name is taken. Otherwise the format's usual delimiter holds wherever all first rows fit it, so that
    no file that it reads well is read otherwise.

    Args:
        first_lines: of the file, with their ends.
        options: may name the delimiter, the quoting, and the columns.
        usual: the format's delimiter; None if it has none.
    """
    separator_line = SEPARATOR_LINE.fullmatch(first_lines[0]) if first_lines and not options.columns else None
    quoted = options.quoting != "none"
    if options.delimiter is not None:
        return Dialect(delimiter=options.delimiter, quoted=quoted, has_separator_line=separator_line is not None)
    if separator_line is not None:
        said = f"the first line says that {called(separator_line[1])} stand between the cells"
        return Dialect(delimiter=separator_line[1], quoted=quoted, notes=(said,), has_separator_line=True)
    delimiter = _recognised(first_lines, options, usual)
    if delimiter is None:
        return None
    said = f"{called(delimiter)} stand between the cells (`delimiter` names another sign)"
    return Dialect(delimiter=delimiter, quoted=quoted, notes=() if delimiter == usual else (said,))


def is_delimited(first_lines: Sequence[str]) -> bool:
    """Whether the first lines of a file, of which nothing else is known, are rows of two cells or more."""
    return len(first_lines) > 1 and _recognised(first_lines, FileOptions(), None) is not None


def rows_of(first_lines: Iterable[str], dialect: Dialect) -> list[list[str]]:
    """Return the rows of a file's first lines, without blank ones and those that cannot be read."""
    lines = list(first_lines)
    rows, reader = [], csv.reader(lines, **dialect.format)
    while True:
        try:
            with large_cells():
                for row in reader:
                    if any(row):
                        rows.append(row)
            return rows
        except csv.Error:
            # The reader begins anew on the line after; at the end there is none.
            if reader.line_num >= len(lines):
                return rows


def _recognised(first_lines: Sequence[str], options: FileOptions, usual: str | None) -> str | None:
    fits = {delimiter: _fit(first_lines, delimiter, options) for delimiter in (*DELIMITERS, usual) if delimiter}
    of_usual = fits.pop(usual, (0.0, 0)) if usual is not None else (0.0, 0)
    if of_usual[0] == 1.0 or not fits:
        return usual
    best = max(fits.values())
    found = [delimiter for delimiter, fit in fits.items() if fit == best]
    if best[0] >= LEAST_FIT and best > of_usual and of_usual[0] < 0.5 and len(found) == 1:
        return found[0]
    return usual


def _fit(first_lines: Sequence[str], delimiter: str, options: FileOptions) -> tuple[float, int]:
    """Return the share of the rows with as many cells as the header, two or more, and this number."""
    return max(
        _fit_as(rows_of(first_lines, Dialect(delimiter=delimiter, quoted=quoted)), options) for quoted in (True, False)
    )


def _fit_as(rows: Sequence[Sequence[str]], options: FileOptions) -> tuple[float, int]:
    if not rows:
        return 0.0, 0
    if options.columns:
        width, body = len(options.columns), rows
    else:
        (width, body) = (len(rows[0]), rows[1:])
        # R writes no name for the names of the rows.
        if body and all(len(row) == width + 1 for row in body):
            width += 1
    if width < 2:
        return 0.0, width
    return (sum(_num_cells(row, width) == width for row in body) / len(body) if body else 1.0), width


def _num_cells(row: Sequence[str], width: int) -> int:
    """Return the number of cells without empty ones after the last column."""
    return width if len(row) > width and not any(row[width:]) else len(row)


@dataclass(frozen=True, slots=True)
class OrdinaryLines:
    """What single lines of a table look like, to tell rows that a quotation mark swallowed from a text's own lines.

    Attributes:
        width: cells of a row.
        known: column -> the values that stand there again and again; None for numbers.
    """

    delimiter: str
    width: int
    known: dict[int, frozenset[str] | None]

    @classmethod
    def of(cls, first_lines: Iterable[str], delimiter: str, width: int) -> OrdinaryLines:
        """Return what the first lines without quotation marks look like."""
        split = [line.rstrip("\r\n").split(delimiter) for line in first_lines if '"' not in line]
        rows = [row for row in split if len(row) == width][1:]
        known = dict[int, frozenset[str] | None]()
        for place, values in enumerate(zip(*rows, strict=True) if len(rows) > 3 else ()):
            if all(value.strip().isdecimal() for value in values):
                known[place] = None
            elif len(set(values)) <= len(values) / 2:
                known[place] = frozenset(values)
        return cls(delimiter, width, known)

    def num_swallowed(self, cells: Sequence[str]) -> int:
        """Return how many lines stand in one row that look like rows of their own; 0 for a text of several lines."""
        lines = [line for line in LINE_END.split(self.delimiter.join(cells)) if line.strip()]
        if self.width < 2 or len(lines) < 2:
            return 0
        alike = sum(map(self._is_row, lines))
        is_plain = alike == len(lines) and len(lines) > 2
        # The first or last line of a text holds the row's own other cells.
        return alike if (alike > max(1, len(lines) / 2) if self.known else is_plain) else 0

    def _is_row(self, line: str) -> bool:
        cells = [cell.strip('"') for cell in line.split(self.delimiter)]
        return len(cells) == self.width and all(
            cells[place].strip().isdecimal() if values is None else cells[place] in values
            for place, values in self.known.items()
        )


def has_literal_marks(lines: Iterable[str], delimiter: str, ordinary: OrdinaryLines) -> bool:
    """Whether the quotation marks of a whole file are signs like any other.

    They are where reading them as enclosing cells fails, no cell is plainly enclosed, and without them every line is a
    row.

    Args:
        lines: of the whole file.
        delimiter: between the cells.
        ordinary: what its lines look like.
    """
    widths, is_enclosing = Counter[int](), False

    def counted() -> Iterator[str]:
        nonlocal is_enclosing
        for number, line in enumerate(lines):
            if written := line.rstrip("\r\n"):
                widths[written.count(delimiter) + 1] += 1
                if '"' in written and (number == 0 or '""' in written):
                    is_enclosing |= _has_enclosed(written.split(delimiter), is_header=number == 0)
            yield line

    with large_cells():
        fails = _fails(csv.reader(counted(), delimiter=delimiter, strict=True), ordinary)
    return fails and not is_enclosing and set(widths) == {ordinary.width}


def _has_enclosed(cells: Sequence[str], *, is_header: bool) -> bool:
    """Whether a cell is enclosed in marks, and in the rows below the header holds a doubled one."""
    inner = [cell[1:-1] for cell in cells if len(cell) > 1 and cell[0] == cell[-1] == '"']
    return any(is_header or ('""' in text and '"' not in text.replace('""', "")) for text in inner)


def _fails(rows: Any, ordinary: OrdinaryLines) -> bool:
    fails = False
    line = 0
    while True:
        try:
            for row in rows:
                fails = fails or (rows.line_num > line + 1 and ordinary.num_swallowed(row) > 0)
                line = rows.line_num
            return fails
        except csv.Error:
            fails, line = True, rows.line_num
