"""Rows that a stray quotation mark made part of a cell."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

LINE_END = re.compile(r"\r\n|\r|\n")
LONGEST_NAME = 60
"""Characters of a value that is looked for in the other rows: a class, not a text."""


def swallowed(rows: Sequence[Sequence[str]], delimiter: str) -> Iterator[tuple[int, int]]:
    """Yield the place of each row that swallows others, and the line ends in its cell.

    A cell is one that does if it holds lines which are rows themselves: cut at the delimiter, one of them has as many
    cells as the table, and a value that stands in the same column of another row; or all lines but the first and the
    last have so many cells. Prose over several lines has commas, but neither of these.
    """
    for place, row in enumerate(rows):
        for cell in row:
            if "\n" in cell or "\r" in cell:
                lines = LINE_END.split(cell)
                if _are_rows(lines, rows, place, delimiter):
                    yield place, len(lines) - 1
                    break


def _are_rows(lines: Sequence[str], rows: Sequence[Sequence[str]], place: int, delimiter: str) -> bool:
    width = len(rows[place])
    cut = [line.split(delimiter) for line in lines]
    if width == 1:
        return False
    inner = [cells for cells in cut[1:-1] if len(cells) == width]
    if len(cut) > 4 and len(inner) == len(cut) - 2:
        return True
    begin, end = cut[0], cut[-1]
    tails = [begin[1 - width :]] if len(begin) >= width else []
    heads = [end[: width - 1]] if len(end) >= width else []
    others = [row for number, row in enumerate(rows) if number != place]
    candidates = [(column, value) for cells in inner for column, value in enumerate(cells)]
    candidates += [(column, value) for cells in heads for column, value in enumerate(cells)]
    candidates += [(width - len(cells) + column, value) for cells in tails for column, value in enumerate(cells)]
    return any(
        0 < len(value) <= LONGEST_NAME and any(row[column] == value for row in others) for column, value in candidates
    )
