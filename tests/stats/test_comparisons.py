"""Paired comparisons against sums done by hand."""

from __future__ import annotations

import numpy
import pytest
import scipy.stats
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
    assert difference.p_value is not None
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


def test_six_times_the_same_difference_is_one_run_six_times():
    """A converged probe or a loaded head gives one score at every seed; fractions may differ in their last bits."""
    for gain in (0.005, -1 / 56, 0.1 + 0.2 - 0.3 + 0.05):
        b = {seed: 0.7 + seed * 1e-17 for seed in range(6)}
        found = compare_paired({seed: score + gain for seed, score in b.items()}, b)
        assert found is not None
        assert found.verdict is Verdict.SEEDS_CHANGE_NOTHING
        assert (found.interval, found.p_value, found.standard_deviation) == (None, None, None)
        assert found.mean == pytest.approx(gain)


def test_equal_differences_of_varying_scores_are_equal_within_rounding():
    b = {seed: count / 277 for seed, count in enumerate((150, 161, 149, 170, 166, 158))}
    a = {seed: count / 277 for seed, count in enumerate((152, 163, 151, 172, 168, 160))}
    found = compare_paired(a, b)
    assert found is not None
    assert len({value for _, value in found.differences}) > 1
    assert found.verdict is Verdict.SEEDS_CHANGE_NOTHING


def test_equal_scores_show_no_difference():
    found = compare_paired(dict.fromkeys(range(6), 0.1 + 0.2), dict.fromkeys(range(6), 0.3))
    assert found is not None
    assert (found.wins, found.ties, found.losses) == (0, 6, 0)
    assert (found.verdict, found.p_value) == (Verdict.NO_DIFFERENCE, 1.0)


def test_the_unit_of_seeds_that_go_through_folds_is_the_fold():
    """Five folds, four times each: the answer of five folds, and no verdict however many seeds there are."""
    by_fold = [1.0, -0.2, 0.5, 0.3, 0.6]
    noise = 1e-6 * numpy.random.default_rng(0).standard_normal(20)
    a = {seed: by_fold[seed % 5] + float(noise[seed]) for seed in range(20)}
    found = compare_paired(a, dict.fromkeys(range(20), 0.0), num_folds=5)
    once = compare_paired(dict(enumerate(by_fold)), dict.fromkeys(range(5), 0.0))
    assert found is not None
    assert once is not None
    assert once.interval is not None
    assert found.interval is not None
    assert (found.n, found.num_folds, found.verdict) == (5, 5, Verdict.TOO_FEW_FOLDS)
    assert [fold for fold, _ in found.differences] == list(range(5))
    assert (found.mean, found.interval.low, found.interval.high, found.p_value) == pytest.approx(
        (once.mean, once.interval.low, once.interval.high, once.p_value), abs=1e-5
    )


def test_a_fold_counts_the_seeds_that_both_sides_have():
    a = {0: 1.0, 1: 2.0, 5: 3.0, 6: 9.0}
    b = {0: 0.0, 1: 0.0, 5: 1.0}
    found = compare_paired(a, b, num_folds=5)
    assert found is not None
    assert found.differences == ((0, 1.5), (1, 2.0))
    assert found.scores == ((2.0, 0.5), (2.0, 0.0))
    assert found.num_missing_pairs == 1


@pytest.mark.parametrize("num_seeds", [10, 20, 40])
@pytest.mark.parametrize("noise", [0.25, 1.0])
def test_under_the_null_folds_err_at_most_as_often_as_they_say(noise: float, num_seeds: int):
    """Ten folds, each with an effect that all of its seeds share (sd 1): counted as seeds they err 10 to 39 %."""
    generator = numpy.random.default_rng(num_seeds)
    num_tables, zeros, num_wrong = 400, dict.fromkeys(range(num_seeds), 0.0), 0
    for _ in range(num_tables):
        effects = generator.standard_normal(10)
        a = {seed: float(effects[seed % 10] + noise * generator.standard_normal()) for seed in range(num_seeds)}
        found = compare_paired(a, zeros, num_folds=10)
        assert found is not None
        assert found.n == 10
        num_wrong += found.verdict in (Verdict.BETTER, Verdict.WORSE)
    assert scipy.stats.binom.sf(num_wrong - 1, num_tables, 0.05) > 1e-3


@given(st.lists(st.floats(-1, 1), min_size=2, max_size=12))
def test_swapping_sides_turns_the_signs(values: list[float]):
    a, zero = dict(enumerate(values)), dict.fromkeys(range(len(values)), 0.0)
    forward, backward = compare_paired(a, zero), compare_paired(zero, a)
    assert forward is not None
    assert backward is not None
    assert (forward.wins, forward.losses) == (backward.losses, backward.wins)
    assert forward.mean == pytest.approx(-backward.mean, abs=1e-12)
    assert (forward.p_value or 0.0) == pytest.approx(backward.p_value or 0.0, abs=1e-12)
