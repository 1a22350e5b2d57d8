"""The expected best against all subsets counted out, closed forms and simulated coverage."""

from __future__ import annotations

import itertools
import math

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headstart.stats.best_of import expected_best


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=8))
def test_it_is_the_mean_over_all_subsets(scores: list[float]):
    for best in expected_best(scores):
        subsets = list(itertools.combinations(scores, best.num_trials))
        assert best.value == pytest.approx(numpy.mean([max(subset) for subset in subsets]), abs=1e-12)


def test_first_is_the_mean_and_last_the_best():
    curve = expected_best([0.3, 0.1, 0.8, 0.5])
    assert curve[0].value == pytest.approx(0.425)
    assert curve[-1].value == pytest.approx(0.8)
    assert [best.num_trials for best in curve] == [1, 2, 3, 4]


def test_it_is_unbiased_where_the_plug_in_estimator_is_not():
    """The best of m uniform values is m / (m + 1) on average (Tang et al. 2020)."""
    samples = numpy.random.default_rng(0).random((3000, 6))
    curves = numpy.array([[best.value for best in expected_best(list(sample))] for sample in samples])
    expected = numpy.arange(1, 7) / numpy.arange(2, 8)
    assert (numpy.abs(curves.mean(axis=0) - expected) < 4 * curves.std(axis=0) / math.sqrt(3000)).all()


def test_many_trials_stay_exact():
    curve = expected_best(list(numpy.linspace(0.0, 1.0, 400)))
    assert all(before.value <= after.value + 1e-12 for before, after in itertools.pairwise(curve))
    # The expected largest of m of the numbers 1 to n is m (n + 1) / (m + 1).
    assert curve[9].value == pytest.approx((10 * 401 / 11 - 1) / 399, rel=1e-9)


def test_first_interval_is_students():
    scores = list(numpy.random.default_rng(1).normal(size=8))
    interval = expected_best(scores)[0].interval
    assert interval is not None
    half_width = 2.364624 * numpy.std(scores, ddof=1) / math.sqrt(8)
    assert interval.width == pytest.approx(2 * half_width, rel=1e-6)


def test_intervals_end_where_they_would_mislead():
    assert [best.interval is None for best in expected_best([0.1, 0.2, 0.4, 0.3, 0.6, 0.5, 0.7, 0.9])] == [
        False
    ] * 2 + [True] * 6
    assert expected_best([0.5])[0].interval is None


@pytest.mark.parametrize(("num_trials", "num_best"), [(8, 2), (20, 5)])
def test_intervals_cover_at_least_88_percent(num_trials: int, num_best: int):
    generator, num_samples = numpy.random.default_rng(2), 600
    truth = generator.standard_normal((200_000, num_best)).max(axis=1).mean()
    covered = 0
    for sample in generator.standard_normal((num_samples, num_trials)):
        interval = expected_best(list(sample))[num_best - 1].interval
        covered += interval is not None and not interval.excludes(truth)
    assert covered / num_samples >= 0.88 - 3 * math.sqrt(0.88 * 0.12 / num_samples)


@pytest.mark.parametrize("scores", [[], [0.1, math.nan]])
def test_nothing_and_not_finite_are_refused(scores: list[float]):
    with pytest.raises(ValueError, match="finite"):
        expected_best(scores)
