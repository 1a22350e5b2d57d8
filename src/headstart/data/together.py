"""Which rows a cut keeps on one side: those of one group, of one text, of one first text.

A *unit* is a set of rows that stand on one side of a cut.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Sequence

from headstart.data.examples import Split
from headstart.data.repeats import first_text_keys, text_keys
from headstart.kinds.kind import Label

Units = list[int]
"""For each row the number of its unit, from 0."""

ANY = -1
"""Stands among the classes of every row: whatever the others, there must be rows on both sides."""


def units_of(split: Split, *, num_parts: int, part: float) -> Units:
    """Return the units of labelled rows.

    Rows of one group are never torn apart. Else rows that share their first text stay together, and so do rows of equal
    texts, except where that leaves no cut: then units are torn into their equal texts, and if need be into their groups
    or rows (`_to_tear`).

    Args:
        split: labelled rows.
        num_parts: of the cut, 2 or more.
        part: rows that the smallest part should have.
    """
    return _units(split, _numbered(split.groups or range(len(split))), num_parts, part)


def inner_units(split: Split, num_folds: int) -> Units:
    """Return the units of labelled rows that a fit's inner folds hold out whole.

    As `units_of`, but equal texts are torn apart only into groups: an inner fold may leave a class without rows.
    """
    return _units(split, independent_units(split), num_folds, len(split) / num_folds)


def independent_units(split: Split) -> Units:
    """Return the units whose rows count as one: those of one group; where rows have none, those of equal texts."""
    return _numbered(text_keys(split) if split.groups is None else split.groups)


def _units(split: Split, finest: Units, num_parts: int, part: float) -> Units:
    """Return the largest units that allow a cut, of which each is one or several of the finest."""
    whole = text_keys(split)
    first = first_text_keys(split, whole)
    if split.groups is None and len(set(first)) == len(split):
        return list(range(len(split)))
    levels = [_joined(finest, _numbered(keys)) for keys in (first, whole)]
    units = levels[0]
    for finer in (*levels[1:], finest):
        if max(finer) > max(units):
            torn = _to_tear(units, finer, split.labels or (0.0,) * len(split), num_parts, part)
            units = _numbered([(unit, finer[row] if unit in torn else -1) for row, unit in enumerate(units)])
    return units


def classes_of(label: Label) -> tuple[int, ...]:
    """Return what a row is dealt by: its classes, and one that every row has; numbers are no classes."""
    if isinstance(label, tuple):
        return (ANY, *label)
    return (ANY,) if isinstance(label, float) else (ANY, label)


def _to_tear(units: Units, finer: Units, labels: Sequence[Label], num_parts: int, part: float) -> set[int]:
    """Return the units that must be torn into finer ones to allow a cut.

    A unit is torn if it holds all rows of a class, and that class has several finer units. Units that are larger than a
    part, or have a class of their own and so stay in training, are torn if the other units cannot fill a part.
    """
    sizes = Counter(units)
    if len(sizes) < num_parts:
        return set(sizes)
    units_of: defaultdict[int, set[int]] = defaultdict(set)
    finer_of: defaultdict[int, set[int]] = defaultdict(set)
    for unit, small, label in zip(units, finer, labels, strict=True):
        for each in classes_of(label):
            units_of[each].add(unit)
            finer_of[each].add(small)
    alone = {each: next(iter(found)) for each, found in units_of.items() if len(found) == 1}
    torn = {unit for each, unit in alone.items() if len(finer_of[each]) > 1}
    fitting = {unit for unit, size in sizes.items() if size <= part} - set(alone.values())
    return torn if sum(map(sizes.__getitem__, fitting)) >= part else torn | (sizes.keys() - fitting)


def _joined(units: Units, others: Units) -> Units:
    """Return the units of rows that share one of the units, or one of the others, with any row of theirs."""
    import numpy as np
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    size = max(units) + 1
    links = coo_array((np.ones(len(units)), (units, np.array(others) + size)), shape=(size + max(others) + 1,) * 2)
    _, component = connected_components(links, directed=False)
    return _numbered(component[units].tolist())


def _numbered(keys: Sequence[Hashable]) -> Units:
    """Return a number for each key, in the order in which they come."""
    numbers: dict[Hashable, int] = {}
    return [numbers.setdefault(key, len(numbers)) for key in keys]
