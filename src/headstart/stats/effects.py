"""How large a paired difference is beside its own spread, and how often one side beats the other."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy
from scipy import special

from headstart.stats.intervals import Interval, check_confidence, interval_of_draws
from headstart.stats.limits import Values
from headstart.stats.noncentral import noncentral_t_probability, smallest_enough
from headstart.stats.rounding import are_equal, differences
from headstart.stats.summary import summarise


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectSize:
    """A standardised mean difference.

    Attributes:
        value: mean over standard deviation of the differences (Cohen's d_z); its sign is the mean's.
        unbiased: the same without the bias of few pairs (Hedges); None for two pairs, where no factor removes it.
        interval: of the true effect, exact for normal differences.
    """

    value: float
    unbiased: float | None
    interval: Interval


def effect_size(values: Sequence[float], confidence: float = 0.95) -> EffectSize | None:
    """Return the standardised mean of paired differences; None for values without spread.

    The interval holds the effects under which the observed t value is neither too large nor too small by the
    noncentral t distribution.

    Raises:
        ValueError: if `values` is empty, or `confidence` is not between 0 and 1.

    Source: Hedges (1981), "Distribution Theory for Glass's Estimator of Effect Size", equation 6e; Steiger and Fouladi
    (1997), "Noncentrality Interval Estimation", in "What If There Were No Significance Tests?".
    """
    check_confidence(confidence)
    summary = summarise(values)
    if summary.standard_deviation is None or are_equal(values):
        return None
    degrees = summary.n - 1
    value = summary.mean / summary.standard_deviation
    t_value = value * math.sqrt(summary.n)
    low, high = (
        _noncentrality(degrees, t_value, level) / math.sqrt(summary.n)
        for level in ((1.0 + confidence) / 2.0, (1.0 - confidence) / 2.0)
    )
    return EffectSize(
        value=value,
        unbiased=value * _hedges_factor(degrees) if degrees > 1 else None,
        interval=Interval(low=low, high=high, confidence=confidence),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbabilityOfImprovement:
    """How probable it is that a run of one side beats a run of the other, ties counted half: 0 to 1."""

    value: float
    interval: Interval


def probability_of_improvement(
    a: Sequence[float], b: Sequence[float], confidence: float = 0.95, *, num_resamples: int = 10_000, seed: int = 0
) -> ProbabilityOfImprovement:
    """Return the probability that a run of `a` scores higher than a run of `b`, whatever their seeds.

    Every run of one side meets every run of the other. The interval is a percentile bootstrap over seeds, both sides of
    a seed together; with few seeds it is too narrow, as percentile bootstraps are.

    Args:
        a: scores [n], one a seed.
        b: scores [n] at the same seeds.
        confidence: 0 to 1, both excluded.
        num_resamples: draws of seeds.
        seed: of the draws.

    Raises:
        ValueError: if the sides are empty or of different length, or `confidence` is not between 0 and 1.

    Source: Mann and Whitney (1947); Agarwal et al. (2021), "Deep Reinforcement Learning at the Edge of the Statistical
    Precipice", section 4.3. Differs from the paper: seeds are resampled in pairs, since ours are paired.
    """
    check_confidence(confidence)
    if not a or len(a) != len(b):
        raise ValueError(f"paired scores come in equal numbers above zero, got {len(a)} and {len(b)}")
    left, right = numpy.asarray(a, dtype=numpy.float64)[:, None], numpy.asarray(b, dtype=numpy.float64)
    wins = numpy.heaviside(differences(left, right), 0.5)
    shares = _seed_shares(len(a), num_resamples, seed)
    draws: Values = ((shares @ wins) * shares).sum(axis=1)
    return ProbabilityOfImprovement(value=float(wins.mean()), interval=interval_of_draws(draws, confidence))


@lru_cache(maxsize=1)  # The comparisons of a report mostly have equally many seeds.
def _seed_shares(num_seeds: int, num_resamples: int, seed: int) -> Values:
    """Return how much each seed counts in each draw [b, n]."""
    counts = numpy.random.default_rng(seed).multinomial(num_seeds, [1 / num_seeds] * num_seeds, size=num_resamples)
    shares: Values = counts / num_seeds
    return shares


def _hedges_factor(degrees: int) -> float:
    return math.exp(math.lgamma(degrees / 2.0) - math.lgamma((degrees - 1) / 2.0)) / math.sqrt(degrees / 2.0)


def _noncentrality(degrees: int, t_value: float, level: float) -> float:
    """Return the noncentrality under which a t value is at most `t_value` with probability `level`."""
    if t_value < 0.0:
        return -_noncentrality(degrees, -t_value, 1.0 - level)
    # A numerator below zero has this probability at least, whatever the denominator.
    low = -float(special.ndtri(level))
    # The larger the noncentrality, the rarer so small a t value.
    return smallest_enough(
        lambda middle: noncentral_t_probability(degrees, middle, t_value) <= level, low, 1.0 + t_value
    )
