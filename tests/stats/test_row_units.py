"""Rows of one unit: drawn together, and counted by what they tell."""

from __future__ import annotations

import numpy as np
import pytest

from headstart.stats.row_units import RowUnits
from headstart.stats.score_interval import score_interval


def test_units_are_drawn_whole_and_as_many_as_there_are() -> None:
    units = np.array([2, 0, 2, 5, 0, 2])
    whole, generator = RowUnits.of(units, 6), np.random.default_rng(0)
    times = np.zeros(6)
    for _ in range(3000):
        found = np.bincount(whole.drawn(generator), minlength=6)
        assert found[0] == found[2] == found[5]
        assert found[1] == found[4]
        assert found[0] + found[1] + found[3] == 3
        times += found
    np.testing.assert_allclose(times / 3000, 1.0, atol=0.05)
    np.testing.assert_array_equal(whole.sums(np.arange(6.0)[:, None])[:, 0], [1 + 4, 0 + 2 + 5, 3])


def test_rows_of_their_own_are_drawn_as_rows() -> None:
    found = RowUnits.of(None, 30).drawn(np.random.default_rng(3))
    np.testing.assert_array_equal(found, np.random.default_rng(3).integers(0, 30, 30))


@pytest.mark.parametrize("num_right", [0, 6, 9, 12])
def test_copies_count_once_and_independent_rows_about_each(num_right: int) -> None:
    right = np.arange(12) < num_right
    copied = RowUnits.of(np.repeat(np.arange(12), 4), 48)
    assert copied.effective_number(np.repeat(right, 4)) == pytest.approx(12)
    generator = np.random.default_rng(1)
    groups, answers = np.arange(2000) // 4, generator.random(2000) < 0.7
    assert RowUnits.of(groups, 2000).effective_number(answers) == pytest.approx(2000, rel=0.1)
    assert RowUnits.of(None, 12).effective_number(right) == 12


def test_the_interval_of_rows_in_groups_holds_the_share_as_often_as_it_says() -> None:
    """Groups of very different sizes, whose own shares of right answers are drawn from a beta distribution."""
    generator = np.random.default_rng(5)
    held = {"whole": 0, "torn": 0}
    for _ in range(600):
        sizes = generator.integers(2, 16, 40)
        units = np.repeat(np.arange(40), sizes)
        right = (generator.random(len(units)) < np.repeat(generator.beta(2.0, 1.0, 40), sizes)).astype(int)
        for name, given in (("whole", units), ("torn", None)):
            interval = score_interval("accuracy", np.ones(len(units)), right, units=given)
            assert interval is not None
            held[name] += interval.low <= 2 / 3 <= interval.high
    assert 0.92 < held["whole"] / 600 < 0.98
    assert held["torn"] / 600 < 0.85
