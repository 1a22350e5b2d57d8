"""What stands between the cells of a delimited table, and whether quotation marks enclose them."""

from __future__ import annotations

import csv
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Literal

from headstart.errors import UsageError
from headstart.tables.file_options import FileOptions
from headstart.tables.text_lines import TextLines, text_lines

Quoting = Literal[0, 1, 2, 3]
"""The csv module's constants."""
SAMPLE_LINES = 200
BLOCK_LINES = 10_000
LARGEST_CELL = min(sys.maxsize, 2**31 - 1)
"""In characters; the csv module's own limit of 131072 refuses long documents."""
NAMES = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
"""The signs that are looked for, the usual ones first."""
SPELT = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "bar": "|", "pipe": "|", "space": " "}
SEPARATOR_LINE = re.compile(r'"?sep=(.)"?\s*', re.IGNORECASE)
"""What Excel writes above a table to name the sign."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """How the cells of a delimited table are told apart.

    Attributes:
        delimiter: one character.
        quoting: `csv.QUOTE_MINIMAL`, or `csv.QUOTE_NONE` where quotation marks are characters like others.
        num_lines_above: lines before the table.
        notes: sentences that say what was recognised.
    """

    delimiter: str
    quoting: Quoting = csv.QUOTE_MINIMAL
    num_lines_above: int = 0
    notes: tuple[str, ...] = ()


@contextmanager
def large_cells() -> Iterator[None]:
    """Let the csv module read cells of any length, and leave its limit as it was."""
    before = csv.field_size_limit(LARGEST_CELL)
    try:
        yield
    finally:
        csv.field_size_limit(before)


def dialect_of(lines: TextLines, options: FileOptions, usual: str | None) -> Dialect:
    """Return how a table is written; the lines are looked at and not taken.

    The usual sign is kept where it cuts the first lines into rows of one width. Otherwise it is the one of comma,
    semicolon, tab and bar that does so; no sign but these is guessed, as a letter may stand in every row as often.

    Args:
        lines: of the file, none of them taken.
        options: may name the sign and the quoting.
        usual: the sign that the suffix stands for; None where it stands for none.
    """
    sample = lines.peek(SAMPLE_LINES)
    separator = SEPARATOR_LINE.fullmatch(sample[0]) if sample else None
    above = 0 if separator is None else 1
    body = sample[above:]
    if options.delimiter is not None:
        sign, notes = delimiter_named(options.delimiter), list[str]()
    elif separator is not None:
        sign = separator.group(1)
        notes = [f"the first line says that {_named(sign)} stand between the cells"]
    else:
        sign = _found(body, usual)
        notes = [] if sign == usual else [f"{_named(sign)} stand between the cells"]
    quoting: Quoting = csv.QUOTE_NONE if options.quoting == "none" else csv.QUOTE_MINIMAL
    if options.quoting is None and sign == "\t" and _are_literal(lines.path, options, above):
        quoting = csv.QUOTE_NONE
        notes.append("quotation marks are part of the text: they do not enclose cells")
    return Dialect(delimiter=sign, quoting=quoting, num_lines_above=above, notes=tuple(notes))


def is_delimited(first_lines: Sequence[str]) -> bool:
    """Whether the first lines of a file, of which nothing else is known, are rows of as many cells, two or more."""
    found = [_widths(first_lines, sign) for sign in NAMES]
    return any(len(widths) > 1 and len(set(widths)) == 1 and widths[0] > 1 for widths in found)


def delimiter_named(given: str) -> str:
    """Return the sign between cells that is spelt so, such as "tab".

    Raises:
        UsageError: if it is no single character.
    """
    sign = SPELT.get(given.casefold(), given)
    if len(sign) != 1 or sign in '"\r\n':
        raise UsageError(
            f"`delimiter` was given as {given!r}", allowed="  One character, or tab, comma, semicolon, bar or space."
        )
    return sign


def _named(sign: str) -> str:
    return NAMES.get(sign, repr(sign))


def _found(lines: Sequence[str], usual: str | None) -> str:
    widths = {sign: _widths(lines, sign) for sign in NAMES}
    even = [sign for sign, found in widths.items() if len(set(found)) == 1 and found[0] > 1]
    if usual in even:
        return str(usual)
    if even:
        return max(even, key=lambda sign: widths[sign][0])
    if usual is not None and max(widths[usual], default=0) > 1:
        return usual
    cutting = [sign for sign, found in widths.items() if found and found[0] > 1]
    return cutting[0] if cutting else usual or ","


def _widths(lines: Sequence[str], sign: str) -> list[int]:
    """Return the number of cells of each row, but the last, which the sample may cut."""
    try:
        with large_cells():
            rows = [len(row) for row in csv.reader(lines, delimiter=sign) if row]
    except csv.Error:
        rows = [line.count(sign) + 1 for line in lines if line.strip()]
    return rows[:-1] if len(lines) == SAMPLE_LINES else rows


def _are_literal(path: Path, options: FileOptions, num_lines_above: int) -> bool:
    """Whether the quotation marks of a table with tabs do not enclose cells.

    They do not where the whole file's rows are even only if the marks are characters like others. A header in marks,
    or a doubled mark in an enclosed cell, shows that they do.
    """
    with text_lines(path, options) as lines:
        blocks = iter(lambda: lines.take(BLOCK_LINES), [])
        if not any('"' in line for block in blocks for line in block):
            return False
    with text_lines(path, options) as lines:
        marks = _Marks(islice(lines, num_lines_above, None))
        return marks.fail_to_enclose()


class _Marks:
    """Counts what speaks for and against enclosing quotation marks while lines pass by."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines = lines
        self.widths = set[int]()
        self.num_lines = 0
        self.do_enclose = False

    def fail_to_enclose(self) -> bool:
        """Read all lines; whether rows come out even without the marks, and not with them."""
        num_rows, is_broken = 0, False
        reader = csv.reader(self._counted(), delimiter="\t", strict=True)
        with large_cells():
            while True:
                try:
                    num_rows += sum(any(map(str.strip, row)) for row in reader)
                    break
                except csv.Error:
                    is_broken = True
        fails = is_broken or num_rows < self.num_lines
        return fails and len(self.widths) == 1 and self.widths != {0} and not self.do_enclose

    def _counted(self) -> Iterator[str]:
        for line in self._lines:
            if line.strip():
                self.widths.add(line.count("\t"))
                self.num_lines += 1
                if '"' in line and (self.num_lines == 1 or '""' in line):
                    self.do_enclose |= _has_enclosed(line.rstrip("\r\n").split("\t"), is_header=self.num_lines == 1)
            yield line


def _has_enclosed(cells: Sequence[str], *, is_header: bool) -> bool:
    inner = [cell[1:-1] for cell in cells if len(cell) > 1 and cell[0] == cell[-1] == '"']
    return any(is_header or ('""' in text and '"' not in text.replace('""', "")) for text in inner)
