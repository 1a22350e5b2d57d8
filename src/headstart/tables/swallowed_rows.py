"""Rows that a stray quotation mark made part of a cell."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from headstart.tables.dialect import large_cells

LINE_END = re.compile(r"\r\n|\r|\n")
LEAST_LINES = 4
"""Lines from which it can be told what recurs in a column."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrdinaryLines:
    """What lines look like that are rows, to tell swallowed rows from the lines of a text.

    It is taken from the first lines of a file, whatever its pieces, so that every reading of it comes to the same.

    Attributes:
        delimiter: between the cells.
        width: cells of a row.
        known: column -> the values that recur in it; None where they are whole numbers.
    """

    delimiter: str
    width: int
    known: Mapping[int, frozenset[str] | None]

    @classmethod
    def of(cls, first_lines: Sequence[str], delimiter: str, width: int) -> OrdinaryLines:
        """Return what a file's first lines look like that are rows.

        Args:
            first_lines: below the header.
            delimiter: between the cells.
            width: cells of a row.
        """
        rows = [cells for cells in _rows_of_one_line(first_lines, delimiter) if len(cells) == width]
        if len(rows) < LEAST_LINES:
            # A mark near the top may have swallowed the others.
            cut = [line.rstrip("\r\n").split(delimiter) for line in first_lines if '"' not in line]
            rows = [cells for cells in cut if len(cells) == width]
        known: dict[int, frozenset[str] | None] = {}
        for place, values in enumerate(zip(*rows, strict=True) if len(rows) >= LEAST_LINES else ()):
            if all(value.strip().isdecimal() for value in values):
                known[place] = None
            elif len(set(values)) <= len(values) / 2:
                known[place] = frozenset(values)
        return cls(delimiter=delimiter, width=width, known=known)

    def num_swallowed(self, row: Sequence[str]) -> int:
        """Return how many lines of a row look like rows of their own; 0 for a text of several lines.

        Most lines must: the first or the last of a text stands beside the row's own other cells, and prose has
        delimiters too. Where no column tells rows from prose, all lines must have as many cells as a row.
        """
        lines = [line for line in LINE_END.split(self.delimiter.join(row)) if line.strip()]
        if self.width < 2 or len(lines) < 2:
            return 0
        alike = sum(map(self._is_row, lines))
        if self.known:
            return alike if alike > max(1, len(lines) / 2) else 0
        return alike if alike == len(lines) > 2 else 0

    def _is_row(self, line: str) -> bool:
        cells = [cell.strip('"') for cell in line.split(self.delimiter)]
        return len(cells) == self.width and all(
            cells[place].strip().isdecimal() if values is None else cells[place] in values
            for place, values in self.known.items()
        )


def _rows_of_one_line(lines: Sequence[str], delimiter: str) -> list[list[str]]:
    rows, line = [], 0
    reader = csv.reader(lines, delimiter=delimiter)
    try:
        with large_cells():
            for row in reader:
                if reader.line_num == line + 1:
                    rows.append(row)
                line = reader.line_num
    except csv.Error:
        pass
    return rows
