"""Intervals against SciPy's own and Student's example."""

from __future__ import annotations

import numpy
import pytest
import scipy.stats

from headstart.stats.coverage import Method, simulated_coverage
from headstart.stats.intervals import (
    bca_bootstrap,
    paired_t_interval,
    percentile_bootstrap,
)


@pytest.mark.parametrize("confidence", [0.5, 0.95, 0.99])
@pytest.mark.parametrize("n", [2, 3, 10, 40])
def test_t_interval_agrees_with_scipy(n: int, confidence: float):
    generator = numpy.random.default_rng(n)
    a, b = generator.normal(size=(2, n))
    expected = scipy.stats.ttest_rel(a, b).confidence_interval(confidence)
    interval = paired_t_interval(list(a - b), confidence)
    assert (interval.low, interval.high) == pytest.approx((expected.low, expected.high), rel=1e-9)


def test_t_interval_of_equal_differences_is_a_point():
    interval = paired_t_interval([0.25, 0.25, 0.25])
    assert (interval.low, interval.high) == (0.25, 0.25)


def test_sleep_data():
    """Student's own example (1908): extra hours of sleep, ten patients, two drugs."""
    differences = [1.2, 2.4, 1.3, 1.3, 0.0, 1.0, 1.8, 0.8, 4.6, 1.4]
    interval = paired_t_interval(differences)
    assert interval.low == pytest.approx(0.7001142, abs=1e-6)
    assert interval.high == pytest.approx(2.4598858, abs=1e-6)


def test_bootstrap_agrees_with_scipy():
    values = numpy.random.default_rng(1).normal(0.3, 1.0, size=12)
    expected = scipy.stats.bootstrap(
        (values,), numpy.mean, method="percentile", n_resamples=20_000, rng=numpy.random.default_rng(2)
    ).confidence_interval
    interval = percentile_bootstrap(list(values), num_resamples=20_000)
    assert (interval.low, interval.high) == pytest.approx((expected.low, expected.high), abs=0.02)


def test_bootstrap_is_the_same_each_time():
    assert percentile_bootstrap([0.1, 0.4, -0.2]) == percentile_bootstrap([0.1, 0.4, -0.2])


def test_bootstrap_of_five_covers_84_percent():
    generator = numpy.random.default_rng(3)
    samples = generator.standard_normal((1500, 5))
    covered = [not percentile_bootstrap(list(sample), num_resamples=400).excludes(0.0) for sample in samples]
    assert numpy.mean(covered) == pytest.approx(0.838, abs=0.03)
    assert simulated_coverage(Method.PERCENTILE, 5) == pytest.approx(0.838, abs=0.005)


def test_bca_agrees_with_scipy():
    values = numpy.random.default_rng(4).exponential(size=12)
    expected = scipy.stats.bootstrap(
        (values,), numpy.mean, method="BCa", n_resamples=20_000, rng=numpy.random.default_rng(2)
    ).confidence_interval
    interval = bca_bootstrap(list(values), num_resamples=20_000)
    assert (interval.low, interval.high) == pytest.approx((expected.low, expected.high), abs=0.03)
    assert interval.width == interval.high - interval.low


def test_bootstraps_of_equal_differences_are_a_point():
    for interval in (percentile_bootstrap([0.25] * 4), bca_bootstrap([0.25] * 4)):
        assert (interval.low, interval.high) == (0.25, 0.25)


@pytest.mark.parametrize("function", [paired_t_interval, percentile_bootstrap, bca_bootstrap])
def test_one_difference_or_a_senseless_confidence_is_refused(function):
    with pytest.raises(ValueError, match="two differences"):
        function([0.1])
    with pytest.raises(ValueError, match="between 0 and 1"):
        function([0.1, 0.2], 95.0)
