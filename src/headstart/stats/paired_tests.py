"""Exact tests that paired differences scatter around zero."""

from __future__ import annotations

from collections.abc import Sequence

import numpy

from headstart.stats.limits import Values
from headstart.stats.rounding import TOLERANCE, mean_ranks, without_zeros

MAX_EXACT_PAIRS = 30
NUM_RANDOM_SIGN_FLIPS = 100_000
_FLIPS_AT_ONCE = 10_000


def sign_flip_p_value(differences: Sequence[float]) -> float:
    """Return the two-sided p value of the sign-flip (permutation) test that the mean difference is zero.

    Exact up to 30 differences: the share of all 2^n sign patterns whose sum is at least as far from zero. Beyond, a
    fixed sample of patterns, the observed one included.

    Source: Fisher (1935), "The Design of Experiments", section 21.
    """
    return _sign_flip_p_value(numpy.asarray(differences, dtype=numpy.float64))


def wilcoxon_p_value(differences: Sequence[float]) -> float:
    """Return the two-sided p value of Wilcoxon's signed-rank test that differences scatter evenly around zero.

    Zeros are left out, equal sizes share their mean rank, and the distribution is that of these very ranks, so the
    test is exact with ties too, up to 30 differences other than zero. Sizes that differ by rounding alone are equal:
    accuracies have the p value of the counts behind them. 1 when all are zero.

    Source: Wilcoxon (1945), "Individual Comparisons by Ranking Methods", Biometrics Bulletin 1.
    """
    values = without_zeros(numpy.asarray(differences, dtype=numpy.float64))
    return _sign_flip_p_value(numpy.sign(values) * mean_ranks(numpy.abs(values)))


def _sign_flip_p_value(values: Values) -> float:
    observed = abs(float(values.sum()))
    # Sums in another order differ in the last bits; patterns equal to the observed one must count. The margin goes by
    # the values, so that scores written as 0.8 or as 80 have one p value.
    threshold = observed - TOLERANCE * float(numpy.abs(values).sum())
    if len(values) <= MAX_EXACT_PAIRS:
        return min(1.0, 2.0 * _share_of_patterns_from(values, threshold))
    generator = numpy.random.default_rng(0)
    num_as_far = 0
    for _ in range(NUM_RANDOM_SIGN_FLIPS // _FLIPS_AT_ONCE):
        signs = generator.choice((-1.0, 1.0), size=(_FLIPS_AT_ONCE, len(values)))
        num_as_far += int((numpy.abs(signs @ values) >= threshold).sum())
    return (num_as_far + 1) / (NUM_RANDOM_SIGN_FLIPS + 1)


def _share_of_patterns_from(values: Values, threshold: float) -> float:
    """Return the share of all 2^n sign patterns whose sum is at least `threshold`.

    Each sum is one over the first half of the values plus one over the second, so 2^(n/2) sorted sums do for all.
    """
    middle = len(values) // 2
    first, second = _all_signed_sums(values[:middle]), numpy.sort(_all_signed_sums(values[middle:]))
    num_below = numpy.searchsorted(second, threshold - first)
    return 1.0 - float(num_below.mean()) / len(second)


def _all_signed_sums(values: Values) -> Values:
    sums = numpy.zeros(1)
    for value in values:
        sums = numpy.concatenate([sums + value, sums - value])
    return sums
