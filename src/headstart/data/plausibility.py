"""Whether a column that would be read as classes looks like something else: stop before nonsense is trained."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from headstart.kinds.cells import NUMBER

FEWEST_CLASSES = 12
"""With fewer classes nothing is said: small tables have few rows a class."""
MANY_NUMBERS = 40
"""Distinct whole numbers with gaps between them: more of them are hardly classes."""
SHARE = 0.9
WITH_SIGN = re.compile(
    r"[+-]?\s*[$\u20ac\u00a3\u00a5]?\s*[+-]?\d[\d.,' ]*\s*(%|[$\u20ac\u00a3\u00a5]|EUR|USD|GBP|CHF)?"
)
DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+")


@dataclass(frozen=True, slots=True)
class Doubt:
    """Why a column is hardly one of classes, an example of the cells that speak for it, and what to do."""

    reason: str
    example: str
    remedy: str


def doubt(names: Sequence[str]) -> Doubt | None:
    """Return why the labels of all rows, one per row, are hardly classes; None where they may be.

    There is doubt where nearly all are numbers of many values, where there are more classes than rows for two of each,
    and where most classes have one row.
    """
    counts = Counter(names)
    votes = _votes(counts)
    if votes is not None:
        return Doubt(
            "the labels look like the votes of several people",
            votes,
            "  Give one label per row, such as the majority's; or name the column that holds it with `label`.",
        )
    if len(counts) < FEWEST_CLASSES:
        return None
    numbers = [name for name in counts if NUMBER.fullmatch(name)]
    if DECIMAL_COMMA.fullmatch(max(counts, key=lambda name: bool(DECIMAL_COMMA.fullmatch(name)))) and _most(
        counts, DECIMAL_COMMA
    ):
        return Doubt(
            "the labels look like numbers with decimal commas",
            next(name for name in counts if DECIMAL_COMMA.fullmatch(name)),
            "  Give `decimal` ',' for numbers, or `kind` classification if they are classes.",
        )
    others = [name for name in counts if name not in numbers]
    if others and len(numbers) >= FEWEST_CLASSES and sum(counts[name] for name in numbers) >= SHARE * len(names):
        return Doubt(
            "nearly all labels are numbers, and this is not",
            others[0],
            "  Mend or leave out such rows for numbers (`kind` regression), or give `kind` classification.",
        )
    if others and _most(counts, WITH_SIGN) and len(counts) > MANY_NUMBERS / 2:
        return Doubt(
            "the labels look like amounts or per cents",
            others[0],
            "  Write plain numbers without signs and give `kind` regression, or give `kind` classification.",
        )
    if not others and _has_gaps(numbers):
        return Doubt(
            f"the labels are {len(numbers)} different numbers: too many, and too far apart, to be classes",
            numbers[0],
            "  Give `kind` regression if they are numbers, or `kind` classification if they are classes.",
        )
    num_single = sum(count == 1 for count in counts.values())
    if 2 * num_single > len(counts) or 2 * len(counts) > len(names):
        return Doubt(
            f"{len(names)} rows have {len(counts)} classes, of which {num_single} have one row",
            next(name for name, count in counts.items() if count == min(counts.values())),
            "  Is this the label's column? Name it with `label`; give `kind` regression for numbers, "
            "or `kind` classification if these are the classes.",
        )
    return None


def _most(counts: Counter[str], pattern: re.Pattern[str]) -> bool:
    num_alike = sum(count for name, count in counts.items() if pattern.fullmatch(name))
    return num_alike >= SHARE * counts.total()


def _has_gaps(numbers: Sequence[str]) -> bool:
    values = sorted(float(number) for number in numbers)
    return len(values) > MANY_NUMBERS and values[-1] - values[0] + 1 > 2 * len(values)


def _votes(counts: Counter[str]) -> str | None:
    """Return a label that looks like votes: short words between commas, as many in each row, some of them twice."""
    parts = {name: [part.strip() for part in re.split("[,;|]", name)] for name in counts}
    sizes = {len(each) for each in parts.values()}
    words = {part for each in parts.values() for part in each}
    repeated = [name for name, each in parts.items() if len(set(each)) < len(each)]
    are_votes = len(sizes) == 1 and min(sizes) > 1 and len(words) <= len(counts) and 2 * len(repeated) >= len(counts)
    return repeated[0] if are_votes else None
