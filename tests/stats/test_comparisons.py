"""Paired comparisons against sums done by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headstart.stats.comparisons import Verdict, compare_paired


def test_counts_and_missing_pairs():
    a = {0: 0.70, 1: 0.80, 2: 0.75, 3: 0.9}
    b = {0: 0.60, 1: 0.80, 2: 0.80, 7: 0.5}
    difference = compare_paired(a, b)
    assert difference is not None
    assert (difference.wins, difference.ties, difference.losses) == (1, 1, 1)
    assert difference.n == 3
    assert difference.num_missing_pairs == 2
    assert difference.mean == pytest.approx(0.05 / 3)
    assert [seed for seed, _ in difference.differences] == [0, 1, 2]


def test_no_common_seed_is_no_comparison():
    assert compare_paired({0: 0.5}, {1: 0.5}) is None


def test_one_pair_has_a_mean_but_no_interval():
    difference = compare_paired({0: 0.6}, {0: 0.5})
    assert difference is not None
    assert difference.mean == pytest.approx(0.1)
    assert difference.interval is None
    assert difference.standard_deviation is None


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5])
def test_under_six_seeds_there_is_no_verdict_however_large_the_gain(n: int):
    difference = compare_paired({seed: 0.9 + seed / 1000 for seed in range(n)}, dict.fromkeys(range(n), 0.5))
    assert difference is not None
    assert difference.verdict is Verdict.TOO_FEW_SEEDS
    assert difference.p_value >= 0.05


@pytest.mark.parametrize(
    ("gain", "verdict"), [(0.05, Verdict.BETTER), (-0.05, Verdict.WORSE), (0.0, Verdict.NO_DIFFERENCE)]
)
def test_verdicts_from_six_seeds_on(gain: float, verdict: Verdict):
    noise = [0.004, -0.004, 0.002, -0.002, 0.001, -0.001]
    difference = compare_paired(
        {seed: 0.7 + gain + extra for seed, extra in enumerate(noise)}, dict.fromkeys(range(6), 0.7)
    )
    assert difference is not None
    assert difference.verdict is verdict


@given(st.lists(st.floats(-1, 1), min_size=2, max_size=12))
def test_swapping_sides_turns_the_signs(values: list[float]):
    a, zero = dict(enumerate(values)), dict.fromkeys(range(len(values)), 0.0)
    forward, backward = compare_paired(a, zero), compare_paired(zero, a)
    assert forward is not None
    assert backward is not None
    assert (forward.wins, forward.losses) == (backward.losses, backward.wins)
    assert forward.mean == pytest.approx(-backward.mean, abs=1e-12)
    assert forward.p_value == pytest.approx(backward.p_value, abs=1e-12)
