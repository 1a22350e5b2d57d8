"""Power against published sample sizes, SciPy's noncentral t and simulations of whole comparisons."""

from __future__ import annotations

import math

import numpy
import pytest
import scipy.stats

from benchmarks.verdict_power import simulate
from headstart.stats.comparisons import MIN_SEEDS_FOR_VERDICT, SIGNIFICANCE_LEVEL, Verdict, compare_paired
from headstart.stats.multiplicity import holm
from headstart.stats.power import (
    LARGEST_SIMULATED,
    POWER,
    effect_of_t_test,
    fewest_seeds,
    power_of_t_test,
    seeds_needed,
    smallest_difference,
    smallest_effect,
    spread_interval,
)

NUM_SAMPLES = 2_000


@pytest.mark.parametrize(("effect", "pairs"), [(0.2, 199), (0.5, 34), (0.8, 15), (1.0, 10)])
def test_published_numbers_of_pairs_for_the_t_test(effect: float, pairs: int):
    """G*Power 3 (Faul et al. 2007), matched pairs, two-sided 5 %, power 80 %."""
    assert effect_of_t_test(pairs, 0.05) <= effect < effect_of_t_test(pairs - 1, 0.05)


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


@pytest.mark.parametrize(
    ("n", "num_comparisons"),
    [
        *((6, 1), (7, 1), (8, 1), (12, 1), (20, 1), (7, 2), (8, 6), (12, 5), (24, 10)),
        pytest.param(40, 1, marks=pytest.mark.slow),
    ],
)
def test_a_difference_brings_the_verdict_with_80_percent_power(n: int, num_comparisons: int):
    """Counted on whole comparisons. By the t test's formula six seeds would have 63 % in place of 80, eight 75."""
    difference = smallest_difference(0.02, n, num_comparisons)
    assert difference is not None
    samples = numpy.random.default_rng([n, num_comparisons]).normal(difference, 0.02, size=(NUM_SAMPLES, n))
    num_shown = 0
    for sample in samples:
        found = compare_paired(dict(enumerate(map(float, sample))), dict.fromkeys(range(n), 0.0))
        assert found is not None
        assert found.p_value is not None
        others = {f"other {number}": 1.0 for number in range(1, num_comparisons)}
        holds = holm({"this": found.p_value, **others})["this"] <= SIGNIFICANCE_LEVEL
        num_shown += found.verdict is Verdict.BETTER and holds
    assert num_shown / NUM_SAMPLES == pytest.approx(POWER, abs=3.5 * math.sqrt(POWER * (1 - POWER) / NUM_SAMPLES))


@pytest.mark.parametrize(("num_comparisons", "n"), [(1, 6), (2, 7), (3, 7), (4, 8), (6, 8), (7, 9), (25, 10), (26, 11)])
def test_with_fewer_seeds_no_verdict_can_hold(num_comparisons: int, n: int):
    assert fewest_seeds(num_comparisons) == n
    assert smallest_difference(1.0, n - 1, num_comparisons) is None
    assert smallest_difference(1.0, n, num_comparisons) is not None
    assert seeds_needed(0.01, 5.0, num_comparisons) == n
    for number, holds in ((n - 1, False), (n, True)):  # however clear it is
        p_values = {"this": 2 / 2**number} | {f"other {other}": 1.0 for other in range(1, num_comparisons)}
        assert (number >= MIN_SEEDS_FOR_VERDICT and holm(p_values)["this"] <= SIGNIFICANCE_LEVEL) is holds


@pytest.mark.parametrize("num_comparisons", [1, 3, 10, 100])
def test_more_seeds_show_smaller_effects(num_comparisons: int):
    numbers = range(fewest_seeds(num_comparisons), 40)
    effects = [smallest_effect(n, num_comparisons) or math.inf for n in numbers]
    assert effects == sorted(effects, reverse=True)
    assert all(effect >= 0.99 * effect_of_t_test(n, 0.05) for n, effect in zip(numbers, effects, strict=True))


@pytest.mark.parametrize("n", [6, 8, LARGEST_SIMULATED, LARGEST_SIMULATED + 1, 100, 1000])
@pytest.mark.parametrize("num_comparisons", [1, 4])
def test_seeds_needed_is_the_inverse_of_the_smallest_difference(n: int, num_comparisons: int):
    difference = smallest_difference(0.03, n, num_comparisons)
    if difference is None:
        return
    assert seeds_needed(0.03, -1.00001 * difference, num_comparisons) == n
    assert (seeds_needed(0.03, 0.99999 * difference, num_comparisons) or 0) > n


def test_the_stored_table_is_that_of_the_simulation():
    """With fewer samples than the table's: the point that 80 % lie below has an error of about 1 %."""
    for n in (6, 9):
        found = simulate(n, 3_000)
        assert found[max(found)] == pytest.approx(smallest_effect(n), rel=0.03)
        assert found[1] == pytest.approx(smallest_effect(n, {6: 1, 9: 12}[n]), rel=0.03)


def test_what_no_number_of_seeds_shows():
    assert seeds_needed(1.0, 0.0) is None
    assert seeds_needed(1.0, 1e-4) is None


def test_spread_interval_is_the_chi_square_one():
    interval = spread_interval(2.0, 10, 0.95)
    expected = [2.0 * math.sqrt(9 / scipy.stats.chi2.ppf(level, 9)) for level in (0.975, 0.025)]
    assert [interval.low, interval.high] == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: smallest_difference(-1.0, 10), "above zero"),
        (lambda: smallest_difference(0.0, 10), "above zero"),
        (lambda: smallest_difference(1.0, 10, 0), "at least one comparison"),
        (lambda: seeds_needed(1.0, math.nan), "finite"),
        (lambda: spread_interval(1.0, 1), "two pairs"),
        (lambda: spread_interval(1.0, 5, 80.0), "between 0 and 1"),
    ],
)
def test_senseless_plans_are_refused(call, message: str):
    with pytest.raises(ValueError, match=message):
        call()
