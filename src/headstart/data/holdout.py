"""Cut a split in two: a stratified part, or one fold of several; every cut is a function of its seed.

Rows that belong together stand on one side of it (`headstart.data.together`), and every class keeps some in training.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from headstart.data.examples import Split
from headstart.data.together import Units, classes_of, units_of
from headstart.dealing.parts import deal
from headstart.errors import UsageError
from headstart.kinds.kind import Label
from headstart.seeding import numpy_generator


def hold_out(split: Split, fraction: float, seed: int) -> tuple[Split, Split]:
    """Return the rest and the held-out part, both in the split's order.

    Every class, and each of several that a row has, keeps rows in the rest and gives some where two or more units have
    it; one that cannot do both at once with the others keeps them in the rest. Numbers are not classes.

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
    units = units_of(split, num_parts=2, part=min(fraction, 1 - fraction) * len(split)) if len(split) else []
    if _are_single_rows(units, split.labels):
        held = _stratified(split.labels, fraction, seed)
    else:
        places = _dealt_units(units, split.labels, (1 - fraction, fraction), seed)
        held = {row for row, place in enumerate(places) if place}
    if not held:
        raise _too_few(split)
    return _parted(split, held)


def fold_of(split: Split, folds: int, fold: int, seed: int) -> tuple[Split, Split]:
    """Return the rows outside a fold and those in it, both in the split's order.

    The folds are disjoint. They hold all rows but those of a class that no other unit has: these stay in training in
    every fold. Each class, or without classes the rows, is dealt to the folds evenly.

    Args:
        split: labelled rows.
        folds: their number, 2 or more.
        fold: the one that is held out, from 0.
        seed: root of the stream `subsample`.

    Raises:
        UsageError: if there are fewer folds than 2, fewer rows or groups than folds, or a fold would be empty.
    """
    groups = split.groups
    num_units = _most_units(split)
    if not 2 <= folds <= num_units:
        units = "groups" if groups is not None else "rows"
        raise UsageError(f"`folds` was given as {folds}", allowed=f"  2 to {num_units}: there are {num_units} {units}.")
    dealt = _folds(split, folds, seed)
    held = {row for row, number in enumerate(dealt) if number == fold}
    if not held:
        raise UsageError(
            f"fold {fold + 1} of {folds} would be empty: {dealt.count(-1)} of {len(split)} rows stay in training, each "
            "with a class that no other has",
            remedy="  Give fewer `folds`.",
        )
    return _parted(split, held)


def most_folds(split: Split, most: int, seed: int) -> int:
    """Return the number of folds, at most `most`, of which `fold_of` makes none empty; 0 where even two would be."""
    for folds in range(min(most, _most_units(split)), 1, -1):
        if set(range(folds)) <= set(_folds(split, folds, seed)):
            return folds
    return 0


def _most_units(split: Split) -> int:
    """Return how many groups there are; where rows have none, how many rows."""
    return len(split if split.groups is None else set(split.groups))


def _folds(split: Split, folds: int, seed: int) -> list[int]:
    """Return each row's fold, -1 for a row that is in none."""
    labels = split.labels or (0.0,) * len(split)
    units = units_of(split, num_parts=folds, part=len(split) / folds)
    if _are_single_rows(units, labels):
        return _dealt(labels, folds, seed)
    return [place - 1 for place in _dealt_units(units, labels, (0, *[1 / folds] * folds), seed)]


def _are_single_rows(units: Units, labels: Sequence[Label]) -> bool:
    """Return whether each row may be dealt for itself, by one class."""
    return len(set(units)) == len(units) and not any(isinstance(label, tuple) for label in labels)


def _stratified(labels: Sequence[Label], fraction: float, seed: int) -> set[int]:
    generator = numpy_generator(seed, "subsample")
    held: set[int] = set()
    for rows in strata_of(labels):
        count = min(max(1, round(fraction * len(rows))), len(rows) - 1)
        held.update(generator.permutation(rows)[:count].tolist())
    return held


def _dealt(labels: Sequence[Label], folds: int, seed: int) -> list[int]:
    """Return each row's fold; classes follow one another in the deal, so that folds differ by one row at most.

    The row of a class that has no other is in no fold: -1.
    """
    generator = numpy_generator(seed, "subsample")
    strata = strata_of(labels)
    order = [row for rows in strata for row in generator.permutation(rows).tolist()]
    dealt = [0] * len(order)
    for place, row in enumerate(order):
        dealt[row] = place % folds
    for rows in strata:
        if len(rows) == 1:
            dealt[rows[0]] = -1
    return dealt


def _dealt_units(units: Units, labels: Sequence[Label], shares: Sequence[float], seed: int) -> list[int]:
    """Return each row's place, which is that of its unit."""
    counts: list[defaultdict[int, int]] = [defaultdict(int) for _ in range(max(units, default=-1) + 1)]
    for unit, label in zip(units, labels, strict=True):
        for each in classes_of(label):
            counts[unit][each] += 1
    places = deal(counts, shares, numpy_generator(seed, "subsample"))
    return [places[unit] for unit in units]


def strata_of(labels: Sequence[Label]) -> list[list[int]]:
    """Return the rows of each class, classes in order; all rows where labels are numbers."""
    rows_of: defaultdict[Label, list[int]] = defaultdict(list)
    for row, label in enumerate(labels):
        rows_of[0 if isinstance(label, float) else label].append(row)
    return [rows for _, rows in sorted(rows_of.items())]


def _too_few(split: Split) -> UsageError:
    """Return why no row can be held out."""
    if split.groups is None:
        return UsageError("there are too few rows to hold some out: every class has a single one")
    if len(set(split.groups)) == 1:
        return UsageError("there are too few rows to hold some out: they are of one group")
    return UsageError(
        "there are too few groups to hold some out: each has a class that no other has",
        remedy="  Leave `group` out, or rows of rare classes.",
    )


def _parted(split: Split, held: set[int]) -> tuple[Split, Split]:
    return split.take(row for row in range(len(split)) if row not in held), split.take(sorted(held))
