"""Effect sizes against R's published output and the noncentral t; the probability of improvement against SciPy."""

from __future__ import annotations

import math

import numpy
import pytest
import scipy.stats

from headstart.stats.effects import effect_size, probability_of_improvement

STUDENTS_SLEEP = [1.2, 2.4, 1.3, 1.3, 0.0, 1.0, 1.8, 0.8, 4.6, 1.4]


def test_sleep_data():
    """R's effectsize::cohens_d on Student's sleep data, paired: 1.28 [0.41, 2.12]."""
    effect = effect_size(STUDENTS_SLEEP)
    assert effect is not None
    assert effect.value == pytest.approx(1.28, abs=0.005)
    assert (effect.interval.low, effect.interval.high) == pytest.approx((0.41, 2.12), abs=0.005)


@pytest.mark.parametrize("n", [3, 6, 20])
@pytest.mark.parametrize("mean", [-3.0, -0.2, 0.0, 0.4, 5.0])
def test_limits_are_those_of_the_noncentral_t(n: int, mean: float):
    values = numpy.random.default_rng(n).normal(mean, 1.0, size=n)
    effect = effect_size(list(values), 0.9)
    assert effect is not None
    t_value = effect.value * math.sqrt(n)
    low, high = effect.interval.low * math.sqrt(n), effect.interval.high * math.sqrt(n)
    assert scipy.stats.nct.cdf(t_value, n - 1, low) == pytest.approx(0.95, abs=1e-6)
    assert scipy.stats.nct.cdf(t_value, n - 1, high) == pytest.approx(0.05, abs=1e-6)


def test_interval_covers_the_true_effect():
    generator, num_samples = numpy.random.default_rng(0), 1500
    effects = [effect_size(list(generator.normal(0.8, 1.0, size=7))) for _ in range(num_samples)]
    covered = numpy.mean([effect is not None and not effect.interval.excludes(0.8) for effect in effects])
    assert covered == pytest.approx(0.95, abs=4 * math.sqrt(0.95 * 0.05 / num_samples))


def test_hedges_factor_removes_the_bias():
    generator = numpy.random.default_rng(1)
    samples = generator.normal(0.5, 1.0, size=(4000, 6))
    effects = [effect_size(list(sample)) for sample in samples]
    unbiased = [effect.unbiased for effect in effects if effect is not None and effect.unbiased is not None]
    assert numpy.mean(unbiased) == pytest.approx(0.5, abs=4 * numpy.std(unbiased) / math.sqrt(len(unbiased)))
    assert numpy.mean([effect.value for effect in effects if effect is not None]) > 0.55


@pytest.mark.parametrize("differences", [[0.0, 0.0, 0.0], [0.1] * 4, [0.3], [0.3 - 0.2, 0.4 - 0.3, 0.7 - 0.6]])
def test_differences_without_spread_have_no_effect_size(differences: list[float]):
    assert effect_size(differences) is None


def test_two_pairs_have_no_unbiased_effect():
    effect = effect_size([0.1, 0.2])
    assert effect is not None
    assert effect.unbiased is None


def test_probability_of_improvement_is_mann_whitneys():
    generator = numpy.random.default_rng(2)
    a, b = numpy.round(generator.normal(0.5, 1.0, size=9), 1), numpy.round(generator.normal(size=9), 1)
    expected = scipy.stats.mannwhitneyu(a, b).statistic / 81
    improvement = probability_of_improvement(list(a), list(b))
    assert improvement.value == pytest.approx(expected)
    assert improvement.interval.low < expected < improvement.interval.high


def test_probability_of_improvement_at_its_ends():
    assert probability_of_improvement([2.0, 3.0], [0.0, 1.0]).value == 1.0
    assert probability_of_improvement([1.0, 1.0], [1.0, 1.0]).value == 0.5
    forward, backward = (
        probability_of_improvement([3, 1, 2], [2, 2, 0]),
        probability_of_improvement([2, 2, 0], [3, 1, 2]),
    )
    assert forward.value == pytest.approx(1 - backward.value)
    with pytest.raises(ValueError, match="equal numbers"):
        probability_of_improvement([1.0], [1.0, 2.0])
