"""How a label column is written: lists in cells, 0 and 1 for each class, signs between labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from headstart.kinds.cells import is_missing, unpacked
from headstart.kinds.kind import Kind
from headstart.tables.file_options import FileOptions

SEPARATORS = ("|", ";", ",")
"""What people write between several labels of one cell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notation:
    """How the cells of a label column are written.

    Attributes:
        separator: what stands between the labels of one cell; None where nothing does.
        is_one_hot: each cell is a list with a 0 or a 1 for each class.
        is_single: each cell holds one label, though it may be a list.
        decimal: the sign before the decimals of a number.
        notes: sentences that say what was recognised.
    """

    separator: str | None = None
    is_one_hot: bool = False
    is_single: bool = False
    decimal: str = "."
    notes: tuple[str, ...] = ()

    def cell(self, value: object) -> object:
        """Return a cell as kinds read it: a list of labels, a label, or a number; what is missing stays as it is."""
        value = unpacked(value)
        if self.is_one_hot and isinstance(value, list):
            value = [str(place) for place, is_there in enumerate(value) if is_there]
        if self.is_single and isinstance(value, list) and len(value) == 1:
            value = value[0]
        if self.decimal != "." and isinstance(value, str) and "." not in value:
            value = value.replace(self.decimal, ".")
        return value

    def is_missing(self, value: object) -> bool:
        """Whether a cell has no label; where labels are separated, empty text says that none of them holds."""
        return is_missing(value) and not (self.separator is not None and isinstance(value, str))


def notation_of(values: Sequence[object], kind: Kind | None, options: FileOptions) -> Notation:
    """Return how a column is written.

    Args:
        values: the training rows' cells, as the table has them.
        kind: of answer, where it is known.
        options: may name a separator and a decimal sign.
    """
    cells = [unpacked(value) for value in values if not is_missing(value)]
    lists = [cell for cell in cells if isinstance(cell, list)]
    decimal = options.decimal
    takes_several = kind is not None and kind.takes_several
    if lists:
        is_one_hot = len(lists) == len(cells) and _are_one_hot(lists)
        sizes = {sum(map(bool, cell)) if is_one_hot else len(cell) for cell in lists}
        is_single = sizes == {1} and not takes_several
        notes = (
            [f"the labels are lists of 0 and 1: the classes are called 0 to {len(lists[0]) - 1}"] if is_one_hot else []
        )
        if is_single:
            notes.append("every list holds one label: a row has one class")
        return Notation(
            separator=options.separator, is_one_hot=is_one_hot, is_single=is_single, decimal=decimal, notes=tuple(notes)
        )
    if options.separator is None and takes_several:
        found = likely_separator(cells)
        if found is not None:
            return Notation(separator=found, notes=(f"{found!r} stands between the labels of a cell",))
    return Notation(separator=options.separator, decimal=decimal)


def likely_separator(cells: Sequence[object]) -> str | None:
    """Return the sign that cuts cells of text into labels which recur in other cells; None where no sign does."""
    texts = [cell.strip() for cell in cells if isinstance(cell, str)]
    whole = set(texts)
    for sign in SEPARATORS:
        parts = {part.strip() for text in whole for part in text.split(sign)} - {""}
        if any(sign in text for text in whole) and len(parts) <= len(whole):
            return sign
    return None


def _are_one_hot(lists: Sequence[list[object]]) -> bool:
    length = len(lists[0])
    return length > 1 and all(len(each) == length and all(part in (0, 1) for part in each) for each in lists)
