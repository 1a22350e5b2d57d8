"""Cut a split in two: a stratified part, or one fold of several; every cut is a function of its seed.

Rows of one group (`Split.groups`) stay on one side of every cut.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import TypeVar

from headstart.data.examples import Split
from headstart.errors import UsageError
from headstart.kinds.kind import Label
from headstart.seeding import numpy_generator

Key = TypeVar("Key", int, str)


def hold_out(split: Split, fraction: float, seed: int) -> tuple[Split, Split]:
    """Return the rest and the held-out part, both in the split's order.

    Every class keeps at least one row in the rest, and gives at least one where it has two. Numbers are not
    classes: their rows are cut at random. A row with several classes counts for its first. Where rows have groups,
    whole groups are held out, at random, whatever their classes.

    Args:
        split: labelled rows.
        fraction: share of the rows to hold out, above 0 and under 1.
        seed: root of the stream `subsample`.

    Raises:
        UsageError: if the fraction is out of range, or there are too few rows or groups to hold any out.
    """
    if split.labels is None:
        raise ValueError("rows without labels cannot be stratified")
    if not 0 < fraction < 1:
        raise UsageError(f"{fraction} of the rows cannot be held out", allowed="  Allowed: above 0 and under 1.")
    groups = split.groups
    held = _stratified(split.labels, fraction, seed) if groups is None else _grouped(groups, fraction, seed)
    if not held:
        what = "every class has a single one" if groups is None else "they are of one group"
        raise UsageError(f"there are too few rows to hold some out: {what}")
    return _parted(split, held)


def fold_of(split: Split, folds: int, fold: int, seed: int) -> tuple[Split, Split]:
    """Return the rows outside a fold and those in it, both in the split's order.

    The folds are disjoint and hold all rows; each class, or without classes the rows, is dealt to them evenly, and a
    group goes to the smallest as a whole.

    Args:
        split: labelled rows.
        folds: their number, 2 or more.
        fold: the one that is held out, from 0.
        seed: root of the stream `subsample`.

    Raises:
        UsageError: if there are fewer folds than 2, or fewer rows or groups than folds.
    """
    groups = split.groups
    num_units = len(set(groups)) if groups is not None else len(split)
    if not 2 <= folds <= num_units:
        units = "groups" if groups is not None else "rows"
        raise UsageError(f"`folds` was given as {folds}", allowed=f"  2 to {num_units}: there are {num_units} {units}.")
    dealt = _dealt(split.labels or (), folds, seed) if groups is None else _dealt_groups(groups, folds, seed)
    return _parted(split, {row for row, number in enumerate(dealt) if number == fold})


def _stratified(labels: Sequence[Label], fraction: float, seed: int) -> set[int]:
    generator = numpy_generator(seed, "subsample")
    held: set[int] = set()
    for rows in _strata(labels):
        count = min(max(1, round(fraction * len(rows))), len(rows) - 1)
        held.update(generator.permutation(rows)[:count].tolist())
    return held


def _grouped(groups: Sequence[str], fraction: float, seed: int) -> set[int]:
    rows_of = _rows_of(groups)
    held: set[int] = set()
    order = numpy_generator(seed, "subsample").permutation(len(rows_of)).tolist()
    all_rows = list(rows_of.values())
    for number in order[:-1]:
        if len(held) >= fraction * len(groups):
            break
        held.update(all_rows[number])
    return held


def _dealt(labels: Sequence[Label], folds: int, seed: int) -> list[int]:
    """Return each row's fold; classes follow one another in the deal, so that folds differ by one row at most."""
    generator = numpy_generator(seed, "subsample")
    order = [row for rows in _strata(labels) for row in generator.permutation(rows).tolist()]
    dealt = [0] * len(order)
    for place, row in enumerate(order):
        dealt[row] = place % folds
    return dealt


def _dealt_groups(groups: Sequence[str], folds: int, seed: int) -> list[int]:
    rows_of = list(_rows_of(groups).values())
    order = numpy_generator(seed, "subsample").permutation(len(rows_of)).tolist()
    sizes, dealt = [0] * folds, [0] * len(groups)
    for number in sorted(order, key=lambda number: -len(rows_of[number])):
        smallest = sizes.index(min(sizes))
        sizes[smallest] += len(rows_of[number])
        for row in rows_of[number]:
            dealt[row] = smallest
    return dealt


def _strata(labels: Sequence[Label]) -> list[list[int]]:
    """Return the rows of each class, classes in order."""
    return [rows for _, rows in sorted(_rows_of([_stratum(label) for label in labels]).items())]


def _stratum(label: Label) -> int:
    """Return the class by which a row is dealt out: numbers are of one, of several classes the first counts."""
    if isinstance(label, tuple):
        return label[0] if label else -1
    return 0 if isinstance(label, float) else label


def _rows_of(keys: Sequence[Key]) -> dict[Key, list[int]]:
    rows_of: defaultdict[Key, list[int]] = defaultdict(list)
    for row, key in enumerate(keys):
        rows_of[key].append(row)
    return rows_of


def _parted(split: Split, held: set[int]) -> tuple[Split, Split]:
    return split.take(row for row in range(len(split)) if row not in held), split.take(sorted(held))
