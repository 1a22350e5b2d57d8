"""The bootstraps' limits against SciPy's own, for many samples at once."""

from __future__ import annotations

import numpy
import pytest
import scipy.stats

from headstart.stats.limits import bca_limits, percentile_limits, t_limits


@pytest.mark.parametrize("confidence", [0.8, 0.95])
def test_t_limits_agree_with_scipy(confidence: float):
    samples = numpy.random.default_rng(0).normal(size=(4, 7))
    expected = scipy.stats.ttest_1samp(samples, 0.0, axis=1).confidence_interval(confidence)
    assert t_limits(samples, confidence) == pytest.approx(numpy.stack([expected.low, expected.high], axis=1), rel=1e-9)


def test_percentile_limits_by_hand():
    """41 numbers 0, 1, ..., 40 in any order: 5 % of the way is 2, 95 % is 38; of their squares 4 and 1,444."""
    order = numpy.random.default_rng(1).permutation(41).astype(float)
    limits = percentile_limits(numpy.stack([order, order**2]), 0.9)
    assert limits == pytest.approx(numpy.array([[2.0, 38.0], [4.0, 1444.0]]))
    # Between two numbers in proportion: a quarter of the way from 0 to 2, and from 4 to 6.
    assert percentile_limits(numpy.array([[6.0, 0.0, 4.0, 2.0]]), 11 / 12) == pytest.approx(numpy.array([[0.25, 5.75]]))


@pytest.mark.parametrize("seed", range(4))
def test_bca_agrees_with_scipy_on_skewed_values(seed: int):
    """Same resamples on both sides, so that only the formulas may differ."""
    values = numpy.random.default_rng(seed).exponential(size=15)
    expected = scipy.stats.bootstrap((values,), numpy.mean, method="BCa", n_resamples=4000, rng=seed)
    limits = bca_limits(values[None], expected.bootstrap_distribution[None], 0.95)[0]
    interval = expected.confidence_interval
    assert limits == pytest.approx([interval.low, interval.high], abs=5e-3 * (interval.high - interval.low))


def test_bca_of_values_without_spread_is_a_point():
    samples = numpy.array([[0.1, 0.1, 0.1], [0.0, 0.0, 0.0]])
    means = samples[:, numpy.random.default_rng(0).integers(0, 3, size=(100, 3))].mean(axis=2)
    assert bca_limits(samples, means, 0.95) == pytest.approx(numpy.array([[0.1, 0.1], [0.0, 0.0]]))


def test_bca_shifts_towards_the_long_tail():
    values = numpy.array([[0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.9, 4.0]])
    means = values[0][numpy.random.default_rng(0).integers(0, 8, size=(4000, 8))].mean(axis=1)[None]
    plain, corrected = percentile_limits(means, 0.95)[0], bca_limits(values, means, 0.95)[0]
    assert (corrected > plain).all()
