"""How good the best of several trials is to be expected, which is what a budget of tuning buys.

Letters: t trials, m trials of which the best is taken.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy
from scipy import special

from headstart.stats.intervals import Interval, check_confidence
from headstart.stats.limits import Values

TRIALS_PER_BEST_WITH_INTERVAL = 4
"""Trials that an interval needs, times those that the best is taken of: fewer cover well under its confidence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedBest:
    """The expected highest score of `num_trials` trials.

    Attributes:
        interval: of `value`, approximate; None with fewer than four times as many trials.
    """

    num_trials: int
    value: float
    interval: Interval | None


def expected_best(scores: Sequence[float], confidence: float = 0.95) -> tuple[ExpectedBest, ...]:
    """Return the expected best of 1, 2, ... up to all trials: the mean over all subsets of that size.

    The interval is Student's around the jackknife's standard error. It covers 90 to 95 % instead of 95 % for normal
    scores, less for skewed ones (docs/statistics.md); a percentile bootstrap covers less still.

    Args:
        scores: of independent trials of one kind, in any order.
        confidence: 0 to 1, both excluded.

    Raises:
        ValueError: if `scores` is empty, one is not finite, or `confidence` is not between 0 and 1.

    Source: Tang et al. (2020), "Showing Your Work Doesn't Always Work", arXiv 2004.13705, equation 5: unbiased, which
    the plug-in estimator of Dodge et al. (2019), arXiv 1909.03004, is not.
    """
    check_confidence(confidence)
    if not scores or not all(map(math.isfinite, scores)):
        raise ValueError(f"an expected best needs at least one score, all of them finite, got {list(scores)}")
    ordered = numpy.sort(numpy.asarray(scores, dtype=numpy.float64))
    values = _subset_weights(len(ordered)) @ ordered
    errors = _jackknife_errors(ordered)
    quantile = float(special.stdtrit(len(ordered) - 1, (1.0 + confidence) / 2.0)) if len(ordered) > 1 else 0.0
    return tuple(
        ExpectedBest(
            num_trials=position + 1,
            value=float(value),
            interval=Interval(
                low=float(value - quantile * errors[position]),
                high=float(value + quantile * errors[position]),
                confidence=confidence,
            )
            if TRIALS_PER_BEST_WITH_INTERVAL * (position + 1) <= len(ordered)
            else None,
        )
        for position, value in enumerate(values)
    )


def _subset_weights(num_trials: int) -> Values:
    """Return the share of subsets of size m whose best is the i-th lowest score [m, i], both counted from 1."""
    ranks = numpy.arange(1.0, num_trials + 1.0)
    sizes = ranks[:, None]
    log_weights = _log_choose(ranks - 1, sizes - 1) - _log_choose(numpy.full_like(sizes, num_trials), sizes)
    return numpy.where(ranks >= sizes, numpy.exp(numpy.minimum(log_weights, 0.0)), 0.0)


def _log_choose(number: Values, chosen: Values) -> Values:
    left = numpy.maximum(number - chosen, 0)
    logarithm: Values = special.gammaln(number + 1) - special.gammaln(chosen + 1) - special.gammaln(left + 1)
    return logarithm


def _jackknife_errors(ordered: Values) -> Values:
    """Return the standard errors of the expected best of 1, 2, ... but one trials, each trial left out in turn."""
    num_trials = len(ordered)
    if num_trials < 2:
        return numpy.zeros(0)
    weights = _subset_weights(num_trials - 1)
    left_out = numpy.stack([weights @ numpy.delete(ordered, position) for position in range(num_trials)])
    errors: Values = numpy.sqrt(num_trials - 1) * left_out.std(axis=0)
    return errors
