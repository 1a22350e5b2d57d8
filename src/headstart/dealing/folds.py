"""Deal rows to folds, those of one unit to the same: in random order, or each class's rows in turn. Letters: n rows."""

from __future__ import annotations

from collections import Counter

import numpy as np
from numpy.typing import ArrayLike, NDArray

from headstart.dealing.parts import deal

ANY = -1
"""Stands among the classes of every row, so that folds have about as many rows."""


def single_rows(num_rows: int) -> NDArray[np.int64]:
    """Return the units [n] of rows that each stand for themselves."""
    return np.arange(num_rows)


def unit_numbers(units: ArrayLike | None, num_rows: int) -> NDArray[np.int64]:
    """Return the number of each row's unit [n]; None takes each row for itself."""
    return single_rows(num_rows) if units is None else np.asarray(units)


def count_units(units: ArrayLike) -> int:
    """Return how many units there are."""
    return len(np.unique(units))


def deal_folds(
    units: ArrayLike, num_folds: int, *, strata: ArrayLike | None, generator: np.random.Generator
) -> NDArray[np.int64]:
    """Return each row's fold [n]; the rows of a unit are in one.

    Where each row is a unit, the rows of one stratum go through the folds in turn. Larger units are dealt as
    `headstart.dealing.parts` does; a stratum that one unit alone has is in one fold.

    Args:
        units: for each row the number of its unit, from 0 [n].
        num_folds: their number. With fewer units some folds are empty.
        strata: what is to be spread evenly, such as classes [n]; None for rows as they come.
        generator: of the random order.
    """
    units = np.asarray(units)
    strata = None if strata is None else np.unique(np.asarray(strata), return_inverse=True)[1]
    if count_units(units) == len(units):
        return _dealt_rows(len(units), num_folds, strata, generator)
    return _dealt_units(units, num_folds, strata, generator)


def _dealt_rows(
    num_rows: int, num_folds: int, strata: NDArray[np.int64] | None, generator: np.random.Generator
) -> NDArray[np.int64]:
    order = generator.permutation(num_rows)
    if strata is not None:
        order = order[np.argsort(strata[order], kind="stable")]
    folds = np.empty(num_rows, dtype=np.int64)
    folds[order] = np.arange(num_rows) % num_folds
    return folds


def _dealt_units(
    units: NDArray[np.int64], num_folds: int, strata: NDArray[np.int64] | None, generator: np.random.Generator
) -> NDArray[np.int64]:
    numbers, unit_of_row = np.unique(units, return_inverse=True)
    if len(numbers) == 1:
        return np.zeros(len(units), dtype=np.int64)
    counts: list[Counter[int]] = [Counter() for _ in numbers]
    for unit, stratum in zip(
        unit_of_row.tolist(), [ANY] * len(units) if strata is None else strata.tolist(), strict=True
    ):
        counts[unit].update({ANY, stratum})
    num_units = Counter(stratum for unit in counts for stratum in unit)
    # What one unit alone has cannot be spread; left out, it keeps no unit from being dealt.
    spread = [{stratum: rows for stratum, rows in unit.items() if num_units[stratum] > 1} for unit in counts]
    places = deal(spread, (1 / num_folds,) * num_folds, generator)
    return np.array(places, dtype=np.int64)[unit_of_row]
