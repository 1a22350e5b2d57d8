"""Power against published sample sizes, SciPy's noncentral t and a simulation."""

from __future__ import annotations

import math

import numpy
import pytest
import scipy.stats

from headstart.stats.comparisons import MIN_SEEDS_FOR_VERDICT
from headstart.stats.power import power_of_t_test, seeds_needed, smallest_difference, spread_interval


@pytest.mark.parametrize(("effect", "pairs"), [(0.2, 199), (0.5, 34), (0.8, 15), (1.0, 10)])
def test_published_numbers_of_pairs(effect: float, pairs: int):
    """G*Power 3 (Faul et al. 2007), matched pairs, two-sided 5 %, power 80 %."""
    assert seeds_needed(1.0, effect) == pairs
    assert seeds_needed(0.02, -0.02 * effect) == pairs


@pytest.mark.parametrize("n", [2, 6, 40])
@pytest.mark.parametrize("effect", [0.0, 0.3, -1.0, 4.0])
def test_power_agrees_with_its_definition(effect: float, n: int):
    """Over the quantiles of the spread: how often a normal mean lies beyond the critical value times that spread."""
    levels = (numpy.arange(100_000) + 0.5) / 100_000
    edges = scipy.stats.t.ppf(0.975, n - 1) * numpy.sqrt(scipy.stats.chi2.ppf(levels, n - 1) / (n - 1))
    shift = effect * math.sqrt(n)
    expected = (scipy.stats.norm.sf(edges - shift) + scipy.stats.norm.cdf(-edges - shift)).mean()
    assert power_of_t_test(effect, n) == pytest.approx(expected, abs=2e-5)


def test_power_agrees_with_a_simulation():
    samples = numpy.random.default_rng(0).normal(0.9, 1.0, size=(20_000, 10))
    shown = numpy.mean(scipy.stats.ttest_1samp(samples, 0.0, axis=1).pvalue <= 0.05)
    power = power_of_t_test(0.9, 10)
    assert shown == pytest.approx(power, abs=4 * math.sqrt(power * (1 - power) / 20_000))


@pytest.mark.parametrize("n", [2, 6, 10, 100])
def test_smallest_difference_is_shown_at_80_percent(n: int):
    difference = smallest_difference(0.03, n)
    assert power_of_t_test(difference / 0.03, n) == pytest.approx(0.8, abs=1e-6)
    assert n < MIN_SEEDS_FOR_VERDICT or seeds_needed(0.03, difference * 1.0001) == n


def test_never_fewer_than_a_verdict_asks_for():
    assert seeds_needed(0.01, 5.0) == MIN_SEEDS_FOR_VERDICT
    assert seeds_needed(0.0, 0.1) == MIN_SEEDS_FOR_VERDICT
    assert smallest_difference(0.0, 10) == 0.0


def test_what_no_number_of_seeds_shows():
    assert seeds_needed(1.0, 0.0) is None
    assert seeds_needed(1.0, 1e-4) is None
    assert seeds_needed(0.0, 0.0) is None


def test_spread_interval_is_the_chi_square_one():
    interval = spread_interval(2.0, 10, 0.95)
    expected = [2.0 * math.sqrt(9 / scipy.stats.chi2.ppf(level, 9)) for level in (0.975, 0.025)]
    assert [interval.low, interval.high] == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: smallest_difference(-1.0, 10), "standard deviation"),
        (lambda: smallest_difference(1.0, 1), "two pairs"),
        (lambda: smallest_difference(1.0, 10, power=0.01), "level < power"),
        (lambda: seeds_needed(1.0, math.nan), "finite"),
        (lambda: spread_interval(1.0, 1), "two pairs"),
        (lambda: spread_interval(1.0, 5, 80.0), "between 0 and 1"),
    ],
)
def test_senseless_plans_are_refused(call, message: str):
    with pytest.raises(ValueError, match=message):
        call()
