"""The crossed bootstrap against known variances, a single seed's plain bootstrap, and simulated coverage."""

from __future__ import annotations

import math
from typing import Any

import numpy
import pytest
from sklearn.metrics import f1_score

from headstart.stats.crossed import Sides, crossed_bootstraps
from headstart.stats.example_scores import EXAMPLE_SCORES, the_mean
from tests.support.crossed import crossed_bootstrap


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


def test_a_score_that_is_no_mean_is_computed_on_every_draw():
    """F1 of each draw by its formula, drawn by hand, against the interval from sums; scikit-learn has the mean."""

    def f1_of(right: Any, answers: Any) -> float:
        return float(2 * (right & answers).sum() / (right.sum() + answers.sum()))

    generator = numpy.random.default_rng(2)
    labels = generator.integers(0, 2, 120)
    a, b = (numpy.where(generator.random((5, 120)) < right, labels, 1 - labels) for right in (0.85, 0.75))
    f1 = EXAMPLE_SCORES["f1"]
    sides = Sides(a=f1.parts(labels, a), b=f1.parts(labels, b))
    (fast,) = crossed_bootstraps([sides], f1.score, num_resamples=4000)
    draws = []
    for _ in range(600):
        seeds, rows = generator.integers(0, 5, 5), generator.integers(0, 120, 120)
        draws.append(numpy.mean([f1_of(labels[rows], a[s, rows]) - f1_of(labels[rows], b[s, rows]) for s in seeds]))
    assert fast.mean == pytest.approx(
        numpy.mean([f1_score(labels, left) - f1_score(labels, right) for left, right in zip(a, b, strict=True)])
    )
    assert fast.interval.low == pytest.approx(numpy.quantile(draws, 0.025), abs=0.12 * fast.interval.width)
    assert fast.interval.high == pytest.approx(numpy.quantile(draws, 0.975), abs=0.12 * fast.interval.width)


def test_examples_that_belong_together_are_drawn_whole():
    """Against units of one to four examples that are drawn by hand; as single examples the interval is too short."""
    generator = numpy.random.default_rng(9)
    sizes = generator.integers(1, 5, 60)
    units = generator.permutation(numpy.arange(60).repeat(sizes))
    values = generator.standard_normal(60)[units] + 0.1 * generator.standard_normal((3, len(units)))
    sides = Sides(a=values[..., None], b=numpy.zeros((*values.shape, 1)))
    (found,) = crossed_bootstraps([sides], the_mean, units=units, num_resamples=4000)
    (single,) = crossed_bootstraps([sides], the_mean, num_resamples=4000)
    draws = []
    for _ in range(4000):
        rows = numpy.concatenate([numpy.flatnonzero(units == unit) for unit in generator.integers(0, 60, 60)])
        draws.append(values[:, rows].mean())
    assert found.mean == pytest.approx(values.mean())
    assert found.example_standard_error == pytest.approx(numpy.std(draws), rel=0.05)
    assert single.example_standard_error < 0.75 * found.example_standard_error


def test_comparisons_that_share_draws_are_what_each_is_alone():
    first, second = (_table(numpy.random.default_rng(number), 4, 60) for number in (5, 6))
    sides = [Sides(a=table[..., None], b=numpy.zeros((4, 60, 1))) for table in (first, second)]
    together = crossed_bootstraps(sides, the_mean)
    assert together[0].example_standard_error == crossed_bootstrap(first).example_standard_error
    assert together[1].interval.low == pytest.approx(crossed_bootstrap(second).interval.low, abs=0.01)


def test_each_seed_has_its_own_interval_over_examples():
    values = _table(numpy.random.default_rng(7), 3, 200)
    crossed = crossed_bootstrap(values)
    for (mean, interval), row in zip(crossed.by_seed, values, strict=True):
        alone = crossed_bootstrap(row[None])
        assert mean == pytest.approx(row.mean())
        assert interval.low == pytest.approx(alone.interval.low, abs=0.1 * interval.width)


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
    with pytest.raises(ValueError, match="tables of seeds by examples"):
        Sides(a=numpy.zeros((3, 5, 1)), b=numpy.zeros((3, 4, 1)))
    with pytest.raises(ValueError, match="the same examples"):
        crossed_bootstraps([Sides(a=numpy.zeros((1, n, 1)), b=numpy.zeros((1, n, 1))) for n in (3, 4)], the_mean)
