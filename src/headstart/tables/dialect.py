"""What stands between the cells of a delimited table, and whether quotation marks enclose them."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass

from headstart.errors import UsageError
from headstart.tables.file_options import FileOptions
from headstart.tables.text_lines import TextLines

SAMPLE_LINES = 200
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
    quoting: int = csv.QUOTE_MINIMAL
    num_lines_above: int = 0
    notes: tuple[str, ...] = ()


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
    separator = SEPARATOR_LINE.fullmatch(sample[0].strip("\ufeff\r\n")) if sample else None
    above = 0 if separator is None else 1
    body = sample[above:]
    if options.delimiter is not None:
        sign, notes = _spelt(options.delimiter), list[str]()
    elif separator is not None:
        sign = separator.group(1)
        notes = [f"the first line says that {_named(sign)} stand between the cells"]
    else:
        sign = _found(body, usual)
        notes = [] if sign == usual else [f"{_named(sign)} stand between the cells"]
    quoting = csv.QUOTE_NONE if options.quoting == "none" else csv.QUOTE_MINIMAL
    if options.quoting is None and sign == "\t" and _are_literal(body, sign):
        quoting = csv.QUOTE_NONE
        notes.append("quotation marks are part of the text: they do not enclose cells")
    return Dialect(delimiter=sign, quoting=quoting, num_lines_above=above, notes=tuple(notes))


def _spelt(given: str) -> str:
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
        rows = [len(row) for row in csv.reader(lines, delimiter=sign) if row]
    except csv.Error:
        rows = [line.count(sign) + 1 for line in lines if line.strip()]
    return rows[:-1] if len(lines) == SAMPLE_LINES else rows


def _are_literal(lines: Sequence[str], sign: str) -> bool:
    """Whether quotation marks do not enclose cells: rows are even only if the marks are characters like others."""
    if not any('"' in line for line in lines):
        return False
    literal = {line.count(sign) for line in lines if line.strip()}
    if len(literal) != 1:
        return False
    try:
        rows = [row for row in csv.reader(lines, delimiter=sign, strict=True) if row]
    except csv.Error:
        return True
    return len(rows) < sum(bool(line.strip()) for line in lines)
