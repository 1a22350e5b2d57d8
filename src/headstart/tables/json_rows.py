"""Rows of JSON as columns: objects inside a row are columns such as `content.text`, arrays are cells without names."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence

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


def flat(row: Mapping[str, object]) -> JsonObject:
    """Return a row with the members of each object in it as members of its own: `content.text`.

    Raises:
        ValueError: if two members come to one name.
    """
    found: JsonObject = {}
    for name, value in _members("", row):
        if name in found:
            raise ValueError(f"two values are called {name!r}")
        found[name] = value
    return found


def columns_of(rows: Sequence[JsonObject]) -> dict[str, tuple[object, ...]]:
    """Return rows by column; where a row lacks one its value is None."""
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: tuple(row.get(name) for row in rows) for name in names}


def has_objects(columns: Mapping[str, Sequence[object]]) -> bool:
    """Whether a cell of any column is an object."""
    return any(dict in set(map(type, values)) for values in columns.values())


def is_label_set(value: Mapping[str, object]) -> bool:
    """Whether an object is how Label Studio writes several labels: one value, and not columns."""
    return value.keys() == {"choices"}


def holds_half_a_character(row: object) -> bool:
    """Whether a name or text in a row could not be written in any encoding."""
    return SURROGATE.search(json.dumps(row, ensure_ascii=False)) is not None


def _members(before: str, row: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    for name, value in row.items():
        if isinstance(value, dict) and not is_label_set(value):
            yield from _members(f"{before}{name}.", value)
        else:
            yield f"{before}{name}", value


def _cells(number: int) -> str:
    return "1 cell" if number == 1 else f"{number} cells"
