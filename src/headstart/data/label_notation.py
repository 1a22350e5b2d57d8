"""How a label column is written: lists in cells, 0 and 1 for each class, signs between labels, decimal commas."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence, Set
from dataclasses import dataclass

from headstart.errors import UsageError
from headstart.kinds.cells import is_missing, unpacked
from headstart.kinds.kind import Kind
from headstart.tables.file_options import FileOptions

SEPARATORS = ("|", ";", ",")
"""What people write between several labels of one cell."""
SPACES = "\u00a0\u202f "
"""What stands between groups of three digits, beside dots and apostrophes."""


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
        if self.is_single and isinstance(value, list) and len(value) <= 1:
            value = value[0] if value else None
        return with_a_dot(value, self.decimal) if self.decimal != "." and isinstance(value, str) else value

    def is_missing(self, value: object) -> bool:
        """Whether a cell has no label; where labels are separated, empty text says that none of them holds."""
        if self.is_single and unpacked(value) == []:
            return True
        return is_missing(value) and not (self.separator is not None and isinstance(value, str))


def notation_of(
    values: Sequence[object], kind: Kind | None, options: FileOptions, known: Set[str] = frozenset()
) -> Notation:
    """Return how a column is written.

    Args:
        values: the cells that are not missing, as the table has them.
        kind: of answer, where it is known.
        options: may name a separator and a decimal sign.
        known: classes, where they are known.

    Raises:
        UsageError: if a sign stands in cells of several labels each, and it is not clear whether it separates them.
    """
    cells = [unpacked(value) for value in values]
    takes_several = kind is not None and kind.takes_several
    if any(isinstance(cell, list) for cell in cells):
        return _of_lists(cells, kind, options)
    if options.separator is not None or not takes_several:
        return Notation(separator=options.separator, decimal=options.decimal)
    found = likely_separator(cells, known)
    if found is not None:
        return Notation(separator=found, notes=(f"`separator` {found!r} was found between the labels of a cell",))
    unclear = [sign for sign in SEPARATORS if any(isinstance(cell, str) and sign in cell for cell in cells)]
    if unclear:
        raise UsageError(
            f"{' and '.join(map(repr, unclear))} stand in labels, and it is not clear that they separate them",
            remedy="  Give `separator`: the sign between the labels of a cell, or '|' if every cell is one label.",
        )
    return Notation()


def likely_separator(cells: Sequence[object], known: Set[str] = frozenset()) -> str | None:
    """Return the sign that cuts cells of text into known labels, or such that recur in others; None where none does.

    A comma may be part of a name, so that it has to leave no more labels than there are different cells.
    """
    whole = {cell.strip() for cell in cells if isinstance(cell, str)} - {""}
    for sign in SEPARATORS:
        uses = Counter(part for text in whole for part in {part.strip() for part in text.split(sign)} - {""})
        is_there = any(sign in text for text in whole)
        recurs = len(uses) <= len(whole) or (sign != "," and any(count > 1 for count in uses.values()))
        if is_there and (recurs or uses.keys() <= known):
            return sign
    return None


def _of_lists(cells: Sequence[object], kind: Kind | None, options: FileOptions) -> Notation:
    lists = [cell for cell in cells if isinstance(cell, list)]
    is_one_hot = len(lists) == len(cells) and _are_one_hot(lists)
    sizes = {sum(map(bool, cell)) if is_one_hot else len(cell) for cell in lists}
    takes_several = kind is not None and kind.takes_several
    may_be_unlabelled = sizes == {0, 1} and not is_one_hot
    is_single = not takes_several and (sizes == {1} or (may_be_unlabelled and kind is not None))
    notes = []
    if is_one_hot:
        last = len(lists[0]) - 1
        named = "" if options.labels else "; `labels` 0=... names them"
        notes.append(f"the labels are lists of 0 and 1, one for each class: the classes are 0 to {last}{named}")
    if is_single:
        notes.append("every list holds one label: a row has one class")
    elif may_be_unlabelled:
        empty = sum(not cell for cell in lists)
        notes.append(
            f"no class holds in the {empty} rows with an empty list; if they have no label yet, give `kind` "
            "classification and `drop_incomplete`"
        )
    return Notation(
        separator=options.separator,
        is_one_hot=is_one_hot,
        is_single=is_single,
        decimal=options.decimal,
        notes=tuple(notes),
    )


def _are_one_hot(lists: Sequence[list[object]]) -> bool:
    """Return whether lists hold a 0 or a 1 for each class, and not the names 0 and 1, each at most once and sorted."""
    length = len(lists[0])
    of_digits = all(len(each) == length and all(part in (0, 1) for part in each) for each in lists)
    return length > 1 and of_digits and not all(length == 2 and each == [0, 1] for each in lists)


def with_a_dot(text: str, decimal: str) -> str:
    """Return a number with a dot before its decimals and no signs between groups of digits; other text as it is."""
    groups = "".join(sign for sign in f".,'\u2019{SPACES}" if sign != decimal)
    number = re.fullmatch(
        rf"([+-]?)(\d+|\d{{1,3}}(?:[{re.escape(groups)}]\d{{3}})+)(?:{re.escape(decimal)}(\d+))?", text.strip()
    )
    if number is None:
        return text
    sign, whole, decimals = number.groups()
    return f"{sign}{re.sub('[^0-9]', '', whole)}" + (f".{decimals}" if decimals else "")
