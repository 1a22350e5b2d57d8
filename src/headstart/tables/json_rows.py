"""Rows of JSON as columns: objects inside a row are columns such as `content.text`, arrays are cells without names."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence

from headstart.tables.bounded_bytes import VALUE_BYTES, BoundError, most_bytes

SURROGATE = re.compile("[\ud800-\udfff]")
"""Half of a character: JSON can escape one alone, no encoding can write it."""
HEADER_WORDS = ("text", "label", "labels", "sentence", "class", "category", "review", "comment", "sentiment", "intent")
PAIR_OF_CELLS = ("text", "label")

WRONG_KINDS: dict[type, str] = {
    dict: "is not a JSON object",
    list: "is not a JSON array, as the first row is",
    str: "is not text, as the first row is",
}

JsonObject = dict[str, object]


class RowReader:
    """Makes objects of rows; the first row says what rows of this file are: objects, arrays or texts.

    Attributes:
        note: a sentence on the names of cells that have none in the file; "" for objects.
    """

    def __init__(self, names: Sequence[str] = ()) -> None:
        self.note = ""
        self._names = tuple(names)
        self._kind: type | None = None

    def read(self, value: object) -> JsonObject | str | None:
        """Return a row as an object, or in words what is wrong with it; None where it is a header."""
        if self._kind is dict and isinstance(value, dict):
            return value
        if self._kind is None:
            self._kind = list if isinstance(value, list) else str if isinstance(value, str) else dict
            if not isinstance(value, dict) and self._name_cells(value):
                return None
        if not isinstance(value, self._kind):
            return WRONG_KINDS[self._kind]
        if isinstance(value, dict):
            return value
        cells = value if isinstance(value, list) else [value]
        if len(cells) != len(self._names):
            return f"has {_cells(len(cells))}, the first row has {len(self._names)}"
        return dict(zip(self._names, cells, strict=True))

    def _name_cells(self, first: object) -> bool:
        """Name the cells of rows that are arrays or texts; return whether the first row holds their names itself."""
        cells = first if isinstance(first, list) else [first]
        if self._names:
            return False
        if len(cells) > 1 and all(isinstance(cell, str) for cell in cells):
            folded = [str(cell).strip().casefold() for cell in cells]
            if len(set(folded)) == len(folded) and any(cell in HEADER_WORDS for cell in folded):
                self._names = tuple(map(str, cells))
                self.note = "JSON: the first array holds the columns' names"
                return True
        numbered = [f"column {number}" for number in range(1, len(cells) + 1)]
        self._names = PAIR_OF_CELLS[: len(cells)] if len(cells) <= len(PAIR_OF_CELLS) else tuple(numbered)
        said = ", ".join(repr(name) for name in self._names)
        self.note = f"JSON: the rows have no names for their cells; called {said} (`no_header` and `columns` name them)"
        return False


def flat(columns: Mapping[str, Sequence[object]]) -> dict[str, Sequence[object]]:
    """Return columns with those of objects alone as the columns of their members: `content.text`.

    Raises:
        ValueError: if two come to one name.
    """
    found: dict[str, Sequence[object]] = {}
    for name, values in columns.items():
        parts = {name: values}
        if _are_objects(values):
            inner = columns_of([value if isinstance(value, dict) else {} for value in values])
            parts = {f"{name}.{member}": each for member, each in flat(inner).items()}
        for part, each in parts.items():
            if part in found:
                raise ValueError(f"two columns are called {part!r}")
            found[part] = each
    return found


def columns_of(rows: Sequence[JsonObject]) -> dict[str, tuple[object, ...]]:
    """Return rows by column; where a row lacks one its value is None.

    Raises:
        BoundError: if hardly any row has what the others have.
    """
    names = dict.fromkeys(name for row in rows for name in row)
    require_filled(len(rows), len(names), sum(map(len, rows)))
    return {name: tuple(row.get(name) for row in rows) for name in names}


def require_filled(num_rows: int, num_columns: int, num_filled: int) -> None:
    """Refuse a table of which nearly all cells would be missing, before there are any.

    Raises:
        BoundError: with its size.
    """
    if VALUE_BYTES * num_rows * num_columns > most_bytes(VALUE_BYTES * num_filled):
        raise BoundError(
            f"has {num_columns:,} columns in {num_rows:,} rows, and only {num_filled:,} of these cells: are its keys "
            "values? Give each row the same keys"
        )


def holds_half_a_character(row: object) -> bool:
    """Whether a name or text in a row could not be written in any encoding."""
    return SURROGATE.search(json.dumps(row, ensure_ascii=False)) is not None


def _are_objects(values: Sequence[object]) -> bool:
    """Whether all values that are there are objects; {"choices": [...]}, Label Studio's several labels, is a value."""
    if not set(map(type, values)) <= {dict, type(None)}:
        return False
    objects = [value for value in values if isinstance(value, dict)]
    return bool(objects) and not all(value.keys() == {"choices"} for value in objects)


def _cells(number: int) -> str:
    return "1 cell" if number == 1 else f"{number} cells"
