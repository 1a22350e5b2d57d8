"""Rows are dealt to folds, those of one unit together, and each class's evenly."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.model_selection import StratifiedGroupKFold

from headstart.dealing.folds import deal_folds, single_rows


def drawn(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return units of one to six rows, and classes of which the third is the rarest."""
    generator = np.random.default_rng(seed)
    units = np.repeat(np.arange(40), generator.integers(1, 7, 40))
    shuffled = generator.permutation(units)
    return shuffled, generator.choice(3, len(units), p=[0.55, 0.3, 0.15])


def unevenness(folds: np.ndarray, classes: np.ndarray, num_folds: int) -> float:
    """Return the mean spread of the classes' shares over the folds, as scikit-learn measures it."""
    counts = np.array([[np.sum(classes[folds == fold] == each) for each in range(3)] for fold in range(num_folds)])
    return float((counts / counts.sum(axis=0)).std(axis=0).mean())


@pytest.mark.parametrize("num_folds", [3, 5])
def test_units_are_whole_and_classes_about_as_even_as_scikit_learn_deals_them(num_folds: int) -> None:
    ours, theirs = [], []
    for seed in range(20):
        units, classes = drawn(seed)
        folds = deal_folds(units, num_folds, strata=classes, generator=np.random.default_rng(seed))
        assert all(len(set(folds[units == unit])) == 1 for unit in set(units))
        assert set(folds) == set(range(num_folds))
        ours.append(unevenness(folds, classes, num_folds))
        other = np.empty(len(units), dtype=int)
        for fold, (_, out) in enumerate(StratifiedGroupKFold(num_folds).split(classes, classes, units)):
            other[out] = fold
        theirs.append(unevenness(other, classes, num_folds))
    assert np.mean(ours) < np.mean(theirs) + 0.01


def test_a_class_of_two_units_is_never_in_one_fold_alone() -> None:
    units, classes = np.repeat(np.arange(12), 3), np.repeat([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1], 3)
    for seed in range(20):
        folds = deal_folds(units, 3, strata=classes, generator=np.random.default_rng(seed))
        assert len(set(folds[classes == 1])) == 2


def test_rows_of_their_own_go_through_the_folds_in_turn() -> None:
    """Whatever the units are called: a permutation, classes one after another, and folds in turn."""
    classes = np.random.default_rng(1).integers(0, 4, 50)
    order = np.random.default_rng(7).permutation(50)
    in_classes = [row for each in range(4) for row in order if classes[row] == each]
    for strata, rows in ((None, order), (classes, in_classes)):
        expected = np.empty(50, dtype=int)
        expected[rows] = np.arange(50) % 5
        for units in (single_rows(50), single_rows(50)[::-1] + 3):
            found = deal_folds(units, 5, strata=strata, generator=np.random.default_rng(7))
            np.testing.assert_array_equal(found, expected)


def test_few_units_leave_folds_empty() -> None:
    alone = deal_folds([0, 0, 0], 3, strata=[0, 1, 1], generator=np.random.default_rng(0))
    assert set(alone) == {0}
    two = deal_folds([0, 0, 1], 3, strata=None, generator=np.random.default_rng(0))
    assert two[0] == two[1] != two[2]
