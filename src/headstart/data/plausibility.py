"""Whether a column that would be read as classes looks like something else: stop before nonsense is trained."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from headstart.data.label_notation import SEPARATORS
from headstart.kinds.cells import INTEGER, NUMBER

FEWEST_CLASSES = 12
"""With fewer classes small counts say nothing: small tables have few rows a class."""
MANY_NUMBERS = 40
"""Distinct whole numbers with gaps between them: more of them are hardly classes."""
SHARE = 0.9
"""Of the rows, that are nearly all."""
WITH_SIGN = re.compile(
    r"[+-]?\s*[$\u20ac\u00a3\u00a5]?\s*[+-]?\d[\d.,' ]*\s*(%|[$\u20ac\u00a3\u00a5]|EUR|USD|GBP|CHF)?"
)
DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+")
AS_CLASSES = "or `kind` classification if these are classes."


@dataclass(frozen=True, slots=True)
class Doubt:
    """Why a column is hardly one of classes, the names that speak for it, and what to do."""

    reason: str
    names: frozenset[str]
    remedy: str


def doubt(names: Sequence[str]) -> Doubt | None:
    """Return why the labels of all rows, one per row, are hardly classes; None where they may be.

    There is doubt where cells hold votes, numbers with decimal commas, amounts, or other cells' labels joined; where
    nearly all are numbers of many values; where there are fewer than two rows for a class; and where most classes have
    one row.
    """
    counts = Counter(names)
    found = (doubtful(counts) for doubtful in DOUBTS)
    return next((each for each in found if each is not None), None)


def hint_of_numbers(names: Collection[str]) -> tuple[str, ...]:
    """Return a sentence on classes that are many whole numbers, which may be amounts; none for others."""
    if len(names) < FEWEST_CLASSES or not all(map(INTEGER.fullmatch, names)):
        return ()
    said = f"kind: classification, though the labels are {len(names)} different whole numbers"
    return (f"{said}; `kind` regression reads them as numbers",)


def _votes(counts: Counter[str]) -> Doubt | None:
    """Find labels that look like votes: short words between signs, as many in each row, some of them twice."""
    parts = {name: [part.strip() for part in re.split("[,;|]", name)] for name in counts}
    sizes = {len(each) for each in parts.values()}
    words = {part for each in parts.values() for part in each}
    repeated = [name for name, each in parts.items() if len(set(each)) < len(each)]
    if len(sizes) != 1 or min(sizes) < 2 or len(words) > len(counts) or 2 * len(repeated) < len(counts):
        return None
    return Doubt(
        "the labels look like the votes of several people",
        frozenset(repeated),
        "  Give one label per row, such as the majority's; or name the column that holds it with `label`.",
    )


def _decimal_commas(counts: Counter[str]) -> Doubt | None:
    commas = [name for name in counts if DECIMAL_COMMA.fullmatch(name)]
    whole = [name for name in counts if INTEGER.fullmatch(name)]
    if not commas or not _are_most([*commas, *whole], counts):
        return None
    return Doubt(
        "the labels look like numbers with commas",
        frozenset(commas),
        "  Give `decimal` ',' for decimals, `separator` ',' for several labels in a cell, " + AS_CLASSES,
    )


def _other_than_numbers(counts: Counter[str]) -> Doubt | None:
    numbers = [name for name in counts if NUMBER.fullmatch(name)]
    others = frozenset(counts) - frozenset(numbers)
    have_decimals = not all(INTEGER.fullmatch(name) for name in numbers)
    if not others or not _are_most(numbers, counts) or not (have_decimals or len(numbers) >= FEWEST_CLASSES):
        return None
    return Doubt(
        "nearly all labels are numbers, and this is not",
        others,
        "  Mend such cells, or empty them and give `drop_incomplete`, for numbers; " + AS_CLASSES,
    )


def _amounts(counts: Counter[str]) -> Doubt | None:
    amounts = [name for name in counts if WITH_SIGN.fullmatch(name)]
    signed = [name for name in amounts if not NUMBER.fullmatch(name)]
    if not signed or not _are_most(amounts, counts) or len(counts) <= MANY_NUMBERS / 2:
        return None
    return Doubt(
        "the labels look like amounts or per cents",
        frozenset(signed),
        "  Write plain numbers without signs and give `kind` regression, " + AS_CLASSES,
    )


def _many_numbers(counts: Counter[str]) -> Doubt | None:
    values = sorted(int(name) for name in counts if INTEGER.fullmatch(name))
    if len(values) < len(counts) or len(values) <= MANY_NUMBERS or values[-1] - values[0] + 1 <= 2 * len(values):
        return None
    return Doubt(
        f"the labels are {len(values)} different numbers: too many, and too far apart, to be classes",
        frozenset(counts),
        "  Give `kind` regression if they are numbers, " + AS_CLASSES,
    )


def _joined(counts: Counter[str]) -> Doubt | None:
    """Find labels that are joined from others, of which each stands in two cells or more."""
    for sign in SEPARATORS:
        parts = {name: {part.strip() for part in name.split(sign)} - {""} for name in counts}
        joined = [name for name, each in parts.items() if len(each) > 1]
        uses = Counter(part for each in parts.values() for part in each)
        if len(joined) > 1 and all(uses[part] > 1 for name in joined for part in parts[name]):
            return Doubt(
                f"some are several labels joined by {sign!r}",
                frozenset(joined),
                f"  Give `separator` {sign!r} for several labels in a cell, " + AS_CLASSES,
            )
    return None


def _hardly_repeated(counts: Counter[str]) -> Doubt | None:
    single = frozenset(name for name, count in counts.items() if count == 1)
    num_rows = counts.total()
    if len(counts) < FEWEST_CLASSES or (2 * len(single) <= len(counts) and 2 * len(counts) <= num_rows):
        return None
    return Doubt(
        f"{num_rows} rows have {len(counts)} classes, of which {len(single)} have one row",
        single or frozenset(counts),
        "  Is this the label's column? Name it with `label`; give `kind` regression for numbers, " + AS_CLASSES,
    )


DOUBTS: tuple[Callable[[Counter[str]], Doubt | None], ...] = (
    _votes,
    _decimal_commas,
    _other_than_numbers,
    _amounts,
    _many_numbers,
    _joined,
    _hardly_repeated,
)
"""The first that finds something gives the reason."""


def _are_most(names: Sequence[str], counts: Counter[str]) -> bool:
    return sum(counts[name] for name in names) >= SHARE * counts.total()
