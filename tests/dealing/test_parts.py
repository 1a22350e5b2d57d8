"""Units are dealt so that each place has its share of every label, and none is in one place that could be in two."""

from __future__ import annotations

import itertools
import random
from collections import Counter

import numpy as np
import pytest
from iterstrat.ml_stratifiers import MultilabelStratifiedShuffleSplit
from sklearn.model_selection import StratifiedGroupKFold

from headstart.dealing.parts import Counts, deal

ROWS = -1
HOLD_OUT, THREE_FOLDS = (0.8, 0.2), (0.0, 1 / 3, 1 / 3, 1 / 3)


def random_units(seed: int, most: int) -> list[Counter[int]]:
    """Return few units with many rare labels: tables that are hard to cut."""
    draw = random.Random(seed)
    units = []
    for _ in range(draw.randint(2, most)):
        rows = draw.randint(1, 4)
        labels = draw.sample(range(6), draw.randint(0, 3))
        units.append(Counter({ROWS: rows, **{label: draw.randint(1, rows) for label in labels}}))
    return units


def faults(units: list[Counter[int]], places: tuple[int, ...] | list[int]) -> tuple[int, int]:
    """Return the labels that only a part has, so that something is trained without them, and those never held out."""
    places_of: dict[int, list[int]] = {}
    for unit, place in zip(units, places, strict=True):
        for label in unit:
            places_of.setdefault(label, []).append(place)
    untrained = sum(0 not in found and len(set(found)) == 1 for found in places_of.values())
    never_held = sum(set(found) == {0} and len(found) > 1 for found in places_of.values())
    return untrained, never_held


@pytest.mark.parametrize("shares", [HOLD_OUT, (0.5, 0.5), THREE_FOLDS])
def test_no_arrangement_leaves_fewer_labels_in_one_place(shares: tuple[float, ...]) -> None:
    for seed in range(100):
        units = random_units(seed, most=7 if len(shares) == 2 else 4)
        found = deal(units, shares, np.random.default_rng(seed))
        everywhere = itertools.product(range(len(shares)), repeat=len(units))
        assert faults(units, found) == min(faults(units, places) for places in everywhere)


def several_labels(num_rows: int, num_labels: int) -> np.ndarray:
    frequencies = 0.5 / np.arange(1, num_labels + 1)
    return np.random.default_rng(0).random((num_rows, num_labels)) < frequencies


def as_units(rows: np.ndarray) -> list[Counts]:
    return [{ROWS: 1, **{int(label): 1 for label in np.flatnonzero(row)}} for row in rows]


def test_rows_with_several_labels_are_dealt_about_as_evenly_as_by_iterative_stratification() -> None:
    rows = several_labels(800, 12)
    places = np.array(deal(as_units(rows), HOLD_OUT, np.random.default_rng(0)))
    (_, held), *_ = MultilabelStratifiedShuffleSplit(1, test_size=0.2, random_state=0).split(rows, rows)
    wanted = 0.2 * rows.sum(0)
    ours, theirs = (np.abs(rows[which].sum(0) - wanted).max() for which in (places == 1, held))
    assert abs(int((places == 1).sum()) - 160) <= 1
    assert ours <= theirs + 1


def test_groups_are_dealt_about_as_evenly_as_by_scikit_learn() -> None:
    draw = np.random.default_rng(0)
    groups = draw.integers(0, 60, 1_000)
    labels = (draw.random(1_000) < 0.15 + 0.3 * (groups % 3 == 0)).astype(int)
    units = [Counter({ROWS: int((groups == group).sum())}) for group in range(60)]
    for label, group in zip(labels, groups, strict=True):
        units[group][int(label)] += 1
    places = np.array(deal(units, (0.0, *[0.2] * 5), draw))[groups]
    ours = [np.flatnonzero(places == fold) for fold in range(1, 6)]
    theirs = [test for _, test in StratifiedGroupKFold(5).split(labels, labels, groups)]
    for of_fold in (len, lambda rows: labels[rows].sum()):
        spreads = [max(map(of_fold, folds)) - min(map(of_fold, folds)) for folds in (ours, theirs)]
        assert spreads[0] <= spreads[1] + 1_000 / 60  # the rows of a group


def test_the_deal_depends_on_its_generator_alone() -> None:
    units = as_units(several_labels(60, 5))
    first, second, other = (deal(units, HOLD_OUT, np.random.default_rng(seed)) for seed in (0, 0, 1))
    assert first == second != other


def test_thousands_of_rare_labels_are_dealt_and_none_is_untrained() -> None:
    draw = random.Random(0)
    units: list[Counter[int]] = [Counter({ROWS: 1}) for _ in range(600)]
    for label in range(1_000):
        for unit in draw.sample(units, draw.randint(1, 3)):
            unit[label] = 1
    assert faults(units, deal(units, HOLD_OUT, np.random.default_rng(0)))[0] == 0
