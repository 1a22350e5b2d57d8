"""Almost stochastic order on distributions whose violation is known in closed form."""

from __future__ import annotations

import math

import numpy
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from headstart.stats.stochastic_order import almost_stochastic_order

BETTER = 0.2
"""The bound under which Ulmer et al. call a side better; 0.5, the bare meaning of "almost", errs too often."""


def _normal_violation(shift: float, extra_spread: float) -> float:
    """Violation of N(shift, (1 + extra_spread)^2) against N(0, 1).

    The quantile functions differ by shift + extra_spread z at a standard normal z, so the violation is the part of
    E[(shift + extra_spread z)^2] = shift^2 + extra_spread^2 from below -shift / extra_spread.
    """
    edge = -shift / extra_spread
    mass, density = scipy.stats.norm.cdf(edge), scipy.stats.norm.pdf(edge)
    violated = shift**2 * mass - 2 * shift * extra_spread * density + extra_spread**2 * (mass - edge * density)
    return float(violated / (shift**2 + extra_spread**2))


@pytest.mark.parametrize(("shift", "extra_spread"), [(0.0, 1.0), (0.5, 1.0), (1.0, 1.0), (2.0, 1.0), (-0.7, 0.5)])
def test_normal_distributions_with_known_violation(shift: float, extra_spread: float):
    """Quantiles of the distributions themselves as scores: what is left is the tails beyond 1 / 20,000."""
    levels = (numpy.arange(10_000) + 0.5) / 10_000
    quantiles = scipy.stats.norm.ppf(levels)
    result = almost_stochastic_order(list(shift + (1 + extra_spread) * quantiles), list(quantiles), num_resamples=2)
    assert result.violation == pytest.approx(_normal_violation(shift, extra_spread), abs=2e-3)


def test_sizes_may_differ():
    """Steps by hand: a is (0, 3), b is (1, 1, 1); the gaps are -1 on one half and 2 on the other."""
    assert almost_stochastic_order([3.0, 0.0], [1.0, 1.0, 1.0]).violation == pytest.approx(1 / 5)
    # Thirds against halves: gaps 0 - 1, 2 - 1 on a sixth, 2 - 3 on a sixth, 6 - 3 on thirds.
    assert almost_stochastic_order([0.0, 2.0, 6.0], [1.0, 3.0]).violation == pytest.approx(
        (1 / 3 + 1 / 6) / (1 / 3 + 1 / 6 + 1 / 6 + 9 / 3)
    )


def test_a_shift_dominates_and_equal_samples_do_not():
    scores = [0.1, 0.5, 0.3, 0.9]
    higher = [score + 0.2 for score in scores]
    assert almost_stochastic_order(higher, scores).violation == 0.0
    assert almost_stochastic_order(scores, higher).violation == 1.0
    assert almost_stochastic_order(scores, scores).violation == 0.5


@given(st.lists(st.integers(-5, 5), min_size=1, max_size=8), st.lists(st.integers(-5, 5), min_size=1, max_size=8))
def test_the_two_directions_add_up_to_one(a: list[int], b: list[int]):
    forward = almost_stochastic_order(a, b, num_resamples=2).violation
    backward = almost_stochastic_order(b, a, num_resamples=2).violation
    assert forward + backward == pytest.approx(1.0)


def test_claims():
    generator = numpy.random.default_rng(0)
    a, b = generator.normal(3.0, 1.0, size=10), generator.normal(size=10)
    assert almost_stochastic_order(list(a), list(b)).upper_bound < BETTER
    assert not almost_stochastic_order(list(b), list(a)).upper_bound < BETTER
    result = almost_stochastic_order(list(a), list(b))
    assert result == almost_stochastic_order(list(a), list(b))
    assert result.violation <= result.upper_bound <= 1.0


@pytest.mark.parametrize("n", [5, 10, 20])
def test_equal_distributions_are_rarely_told_apart(n: int):
    """Normal scores at the threshold of 0.2: at most 5 %, within four standard errors."""
    generator, num_samples = numpy.random.default_rng(1), 400
    wrong = numpy.mean(
        [
            almost_stochastic_order(list(a), list(b), num_resamples=300).upper_bound < BETTER
            for a, b in generator.standard_normal((num_samples, 2, n))
        ]
    )
    assert wrong <= 0.05 + 4 * math.sqrt(0.05 * 0.95 / num_samples)


def test_a_side_without_scores_is_refused():
    with pytest.raises(ValueError, match="both sides"):
        almost_stochastic_order([], [0.1])
