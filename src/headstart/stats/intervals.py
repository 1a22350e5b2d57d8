"""Confidence intervals for the mean of paired differences. They cover the choice of seeds, nothing else."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy

from headstart.stats.limits import Values, bca_limits, percentile_limits, t_limits

NUM_RESAMPLES = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """An interval that says it holds the true value with probability `confidence` (0 to 1)."""

    low: float
    high: float
    confidence: float

    @property
    def width(self) -> float:
        """From limit to limit, in the values' unit."""
        return self.high - self.low

    def excludes(self, value: float) -> bool:
        """Return whether `value` lies outside."""
        return not self.low <= value <= self.high


def paired_t_interval(differences: Sequence[float], confidence: float = 0.95) -> Interval:
    """Return the paired t interval of the mean difference.

    Raises:
        ValueError: if there are fewer than two differences, or `confidence` is not between 0 and 1.

    Source: Student (1908), "The Probable Error of a Mean", Biometrika 6.
    """
    values = _checked(differences, confidence)
    return _interval(t_limits(values[None], confidence), confidence)


def percentile_bootstrap(
    differences: Sequence[float], confidence: float = 0.95, *, num_resamples: int = NUM_RESAMPLES, seed: int = 0
) -> Interval:
    """Return the percentile bootstrap interval of the mean difference; deterministic at one `seed`.

    With few values it covers less than it says: see `headstart.stats.coverage`.

    Raises:
        ValueError: if there are fewer than two differences, or `confidence` is not between 0 and 1.
    """
    means = _resampled_means(_checked(differences, confidence), num_resamples, seed)
    return interval_of_draws(means, confidence)


def bca_bootstrap(
    differences: Sequence[float], confidence: float = 0.95, *, num_resamples: int = NUM_RESAMPLES, seed: int = 0
) -> Interval:
    """Return the bias-corrected and accelerated bootstrap interval of the mean difference; deterministic at one `seed`.

    With few values it covers less than it says: see `headstart.stats.coverage`.

    Raises:
        ValueError: if there are fewer than two differences, or `confidence` is not between 0 and 1.

    Source: Efron (1987), "Better Bootstrap Confidence Intervals", JASA 82.
    """
    values = _checked(differences, confidence)
    means = _resampled_means(values, num_resamples, seed)
    return _interval(bca_limits(values[None], means[None], confidence), confidence)


def interval_of_draws(draws: Values, confidence: float) -> Interval:
    """Return the percentile interval of a resampled statistic [b]."""
    return _interval(percentile_limits(draws[None], confidence), confidence)


def check_confidence(confidence: float) -> None:
    """Refuse a confidence outside its range.

    Raises:
        ValueError: if it is not between 0 and 1.
    """
    if not (math.isfinite(confidence) and 0.0 < confidence < 1.0):
        raise ValueError(f"a confidence lies between 0 and 1, got {confidence}")


def _interval(limits: Values, confidence: float) -> Interval:
    low, high = limits[0]
    return Interval(low=float(low), high=float(high), confidence=confidence)


def _resampled_means(values: Values, num_resamples: int, seed: int) -> Values:
    picked = numpy.random.default_rng(seed).integers(0, len(values), size=(num_resamples, len(values)))
    means: Values = values[picked].mean(axis=1)
    return means


def _checked(differences: Sequence[float], confidence: float) -> Values:
    if len(differences) < 2:
        raise ValueError(f"an interval needs at least two differences, got {len(differences)}")
    check_confidence(confidence)
    return numpy.asarray(differences, dtype=numpy.float64)
