"""What stands above the rows of delimited text: one row of names, several, one cell short, or none at all."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from headstart.errors import shortened
from headstart.tables.file_options import FileOptions

BYTE_ORDER_MARK = "\ufeff"
ORANGE_TYPES = frozenset(
    ["continuous", "c", "numeric", "n", "discrete", "d", "categorical", "string", "s", "text", "t", "time"]
)
ORANGE_ROLES = frozenset(["class", "meta", "ignore", "weight", "i", "c", "m", "w"])
QUALTRICS_ROW = re.compile(r"\s*\{\s*[\"']ImportId[\"']\s*:.*\}\s*", re.DOTALL)
NUMBER = re.compile(r"[+-]?\d+([.,]\d+)?")
LONGEST_NAME = 60
"""In characters; a longer cell of a header is more likely a text."""
MOST_HEADER_ROWS = 3
ROW_NUMBERS = "the first column holds row numbers (no name): left out"


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """The names of columns, and what they do not say.

    Attributes:
        width: cells of a row below.
        places: the name of each column that is kept -> its place in a row, from 0.
        unnamed: places of columns without a name, which must be empty.
        row_numbers: place of the column that numbers the rows, if any.
        cells: of the row of names as it is written; empty where the file has none.
        num_rows: rows that stand above the table's own.
        problems: why the header cannot be used.
        notes: what was recognised, in sentences.
        dropped: rows above the names or between them and the table, by what they are.
        doubt: why the row of names looks like a row of the table; "" if it does not.
    """

    width: int
    places: Mapping[str, int]
    unnamed: tuple[int, ...] = ()
    row_numbers: int | None = None
    cells: tuple[str, ...] = ()
    num_rows: int = 0
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    dropped: Mapping[str, int] = field(default_factory=dict)
    doubt: str = ""

    @property
    def least_width(self) -> int:
        """Cells that a row has at least: those of columns without a name may be missing after the last name."""
        return max(self.places.values(), default=-1) + 1


def header_of(rows: Sequence[Sequence[str]], options: FileOptions) -> Header:
    """Return the header of a table.

    Args:
        rows: the first rows that are not blank, one at least.
        options: may name the columns of a table without a header.
    """
    if options.columns:
        return Header(width=len(options.columns), places={name: place for place, name in enumerate(options.columns)})
    first, reason, num_more = _rows_of_names(rows)
    names = [_plain(name) for name in rows[first]]
    num_rows = first + 1 + num_more
    body = rows[num_rows:]
    notes, is_short = list[str](), False
    if _is_short(names, body):
        names, is_short = ["", *names], True
        notes.append("the header is one cell short: the first column, which holds row numbers, has no name")
    columns = _columns(names, body)
    unnamed = [place for place, name in enumerate(names) if not name]
    row_numbers = 0 if 0 in unnamed and _numbers_rows(columns[0]) else None
    if row_numbers is not None:
        unnamed.remove(0)
        notes.append(ROW_NUMBERS)
    return Header(
        width=len(names),
        places={name: place for place, name in enumerate(names) if name},
        unnamed=tuple(place for place in unnamed if not any(map(str.strip, columns[place]))),
        row_numbers=row_numbers,
        cells=() if is_short else tuple(rows[first]),
        num_rows=num_rows,
        problems=tuple(_problems(names, columns, unnamed)),
        notes=tuple(notes),
        dropped={reason: num_rows - 1} if num_rows > 1 else {},
        doubt=_doubt(names, columns),
    )


def _plain(name: str) -> str:
    return name.strip().strip(BYTE_ORDER_MARK).strip()


def _rows_of_names(rows: Sequence[Sequence[str]]) -> tuple[int, str, int]:
    """Return the place of the row of names, what the header's other rows are, and how many of them follow it."""
    width = len(rows[0])
    for number in range(1, min(len(rows), MOST_HEADER_ROWS)):
        written = [cell for cell in rows[number] if cell.strip()]
        if written and all(QUALTRICS_ROW.fullmatch(cell) for cell in written):
            return 0, "further header rows, of Qualtrics (questions and ImportIds)", number
    if len(rows) > 2 and len(rows[1]) == len(rows[2]) == width and _are_of_orange(rows[1], rows[2]):
        return 0, "further header rows, of Orange (types and roles)", 2
    if len(rows) > 3 and len(rows[1]) == width and _is_second_row_of_names(rows):
        return 1, "the first of two header rows, which leaves columns without a name of their own", 0
    return 0, "", 0


def _are_of_orange(types: Sequence[str], roles: Sequence[str]) -> bool:
    words = [cell.strip().casefold() for cell in roles if cell.strip()]
    named = [cell.strip().casefold() for cell in types]
    # In place of "discrete" the values may be listed: "bad good".
    return (
        bool(words)
        and all(word.partition("=")[0] in ORANGE_ROLES for word in words)
        and any(name in ORANGE_TYPES for name in named)
        and all(name in ORANGE_TYPES or " " in name for name in named)
    )


def _is_second_row_of_names(rows: Sequence[Sequence[str]]) -> bool:
    """Whether the first row lacks names that the second has, which is unlike all rows below."""
    upper, names = [_plain(cell) for cell in rows[0]], [_plain(cell) for cell in rows[1]]
    columns = _columns(names, rows[2:])
    lacks = [place for place, name in enumerate(upper) if place and not name and any(columns[place])]
    if not lacks and len(set(filter(None, upper))) == len(list(filter(None, upper))):
        return False
    are_names = all(names) and len(set(names)) == len(names) and not any(_looks_like_a_cell(name) for name in names)
    repeats = any(column and len(set(column)) <= len(column) / 2 for column in columns)
    return are_names and repeats and not any(name in column for name, column in zip(names, columns, strict=True))


def _is_short(names: Sequence[str], body: Sequence[Sequence[str]]) -> bool:
    """Whether each row has one cell more than the header, and begins with its number, as R writes them."""
    return (
        bool(body)
        and all(names)
        and all(len(row) == len(names) + 1 for row in body)
        and any(row[-1] for row in body)
        and _numbers_rows([row[0] for row in body])
    )


def _columns(names: Sequence[str], body: Iterable[Sequence[str]]) -> list[list[str]]:
    rows = [row for row in body if len(row) == len(names)]
    return [[row[place] for row in rows] for place in range(len(names))]


def _numbers_rows(values: Sequence[str]) -> bool:
    return bool(values) and all(value.isdecimal() for value in values) and len(set(values)) == len(values)


def _problems(names: Sequence[str], columns: Sequence[Sequence[str]], unnamed: Sequence[int]) -> list[str]:
    repeated = sorted({name for name in names if name and names.count(name) > 1})
    return [
        *(f"two columns are called {shortened(name)}; give each a name of its own" for name in repeated),
        *(
            f"column {place + 1} of the header has no name, and values stand below it; give it one, or delete it"
            for place in unnamed
            if any(map(str.strip, columns[place]))
        ),
    ]


def _doubt(names: Sequence[str], columns: Sequence[Sequence[str]]) -> str:
    """Return why the names look like cells of the table; a name that stands among its column's values does."""
    for name, values in zip(names, columns, strict=True):
        if name and (name in values or _looks_like_a_cell(name)):
            return (
                f"the first row looks like a row of the table, not like a header ({shortened(name)}): "
                "give `no_header`, and name the columns with `columns`"
            )
    return ""


def _looks_like_a_cell(name: str) -> bool:
    return len(name) > LONGEST_NAME or NUMBER.fullmatch(name) is not None
