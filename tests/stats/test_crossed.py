"""The crossed bootstrap against known variances, a single seed's plain bootstrap, and simulated coverage."""

from __future__ import annotations

import math

import numpy
import pytest

from headstart.stats.crossed import crossed_bootstrap, crossed_bootstrap_of


def _table(generator: numpy.random.Generator, num_seeds: int, num_examples: int) -> numpy.ndarray:
    """Differences with mean zero: spread over seeds 0.03, over examples 0.1, in each cell 0.3."""
    seeds = 0.03 * generator.standard_normal((num_seeds, 1))
    examples = 0.1 * generator.standard_normal((1, num_examples))
    return seeds + examples + 0.3 * generator.standard_normal((num_seeds, num_examples))


def test_standard_errors_are_those_of_the_margins():
    values = _table(numpy.random.default_rng(0), 8, 150)
    crossed = crossed_bootstrap(values, num_resamples=20_000)
    assert crossed.mean == pytest.approx(values.mean())
    assert crossed.seed_standard_error == pytest.approx(values.mean(axis=1).std() / math.sqrt(8), rel=0.03)
    assert crossed.example_standard_error == pytest.approx(values.mean(axis=0).std() / math.sqrt(150), rel=0.03)


def test_both_sources_widen_the_interval():
    values = _table(numpy.random.default_rng(1), 8, 150)
    crossed = crossed_bootstrap(values)
    wider = math.hypot(crossed.seed_standard_error, crossed.example_standard_error)
    assert crossed.interval.width > 2 * 1.8 * wider


def test_a_statistic_of_ones_own_gives_the_same_for_a_mean():
    values = _table(numpy.random.default_rng(2), 6, 80)
    fast = crossed_bootstrap(values, num_resamples=4000)
    general = crossed_bootstrap_of(
        lambda seeds, examples: float(values[numpy.ix_(seeds, examples)].mean()), 6, 80, num_resamples=4000
    )
    assert general.mean == pytest.approx(fast.mean)
    assert general.interval.low == pytest.approx(fast.interval.low, abs=0.1 * fast.interval.width)
    assert general.interval.high == pytest.approx(fast.interval.high, abs=0.1 * fast.interval.width)
    assert general.seed_standard_error == pytest.approx(fast.seed_standard_error, rel=0.1)


@pytest.mark.parametrize("num_seeds", [5, 10])
def test_coverage_is_between_90_and_100_percent(num_seeds: int):
    generator, num_tables = numpy.random.default_rng(3), 400
    covered = [
        not crossed_bootstrap(_table(generator, num_seeds, 120), num_resamples=400).interval.excludes(0.0)
        for _ in range(num_tables)
    ]
    assert numpy.mean(covered) >= 0.90 - 3 * math.sqrt(0.9 * 0.1 / num_tables)


def test_many_examples_are_drawn_in_blocks(monkeypatch: pytest.MonkeyPatch):
    values = _table(numpy.random.default_rng(4), 4, 50)
    whole = crossed_bootstrap(values, num_resamples=3000)
    monkeypatch.setattr("headstart.stats.crossed._MAX_WEIGHTS_AT_ONCE", 5000)
    blocks = crossed_bootstrap(values, num_resamples=3000)
    assert blocks.interval.low == pytest.approx(whole.interval.low, abs=0.1 * whole.interval.width)


def test_what_is_no_table_is_refused():
    with pytest.raises(ValueError, match="seeds by examples"):
        crossed_bootstrap(numpy.zeros(5))
    with pytest.raises(ValueError, match="seeds by examples"):
        crossed_bootstrap(numpy.zeros((3, 0)))
    with pytest.raises(ValueError, match="needs seeds and examples"):
        crossed_bootstrap_of(lambda seeds, examples: 0.0, 0, 3)
