"""Exact tests that paired differences scatter around zero."""

from __future__ import annotations

from collections.abc import Sequence

import numpy

from headstart.stats.limits import Values

MAX_EXACT_PAIRS = 20
NUM_RANDOM_SIGN_FLIPS = 100_000
_FLIPS_AT_ONCE = 10_000


def sign_flip_p_value(differences: Sequence[float]) -> float:
    """Return the two-sided p value of the sign-flip (permutation) test that the mean difference is zero.

    Exact up to 20 differences: the share of all 2^n sign patterns whose sum is at least as far from zero. Beyond, a
    fixed sample of patterns, the observed one included.

    Source: Fisher (1935), "The Design of Experiments", section 21.
    """
    return _sign_flip_p_value(numpy.asarray(differences, dtype=numpy.float64))


def wilcoxon_p_value(differences: Sequence[float]) -> float:
    """Return the two-sided p value of Wilcoxon's signed-rank test that differences scatter evenly around zero.

    Zeros are left out, equal sizes share their mean rank, and the distribution is that of these very ranks, so the
    test is exact with ties too, up to 20 differences other than zero. 1 when all are zero.

    Source: Wilcoxon (1945), "Individual Comparisons by Ranking Methods", Biometrics Bulletin 1.
    """
    values = numpy.asarray(differences, dtype=numpy.float64)
    values = values[values != 0.0]
    return _sign_flip_p_value(numpy.sign(values) * _mean_ranks(numpy.abs(values)))


def _sign_flip_p_value(values: Values) -> float:
    observed = abs(float(values.sum()))
    # Sums in another order differ in the last bits; patterns equal to the observed one must count. The margin goes by
    # the values, so that scores written as 0.8 or as 80 have one p value.
    threshold = observed - 1e-9 * float(numpy.abs(values).sum())
    if len(values) <= MAX_EXACT_PAIRS:
        return float((numpy.abs(_all_signed_sums(values)) >= threshold).mean())
    generator = numpy.random.default_rng(0)
    num_as_far = 0
    for _ in range(NUM_RANDOM_SIGN_FLIPS // _FLIPS_AT_ONCE):
        signs = generator.choice((-1.0, 1.0), size=(_FLIPS_AT_ONCE, len(values)))
        num_as_far += int((numpy.abs(signs @ values) >= threshold).sum())
    return (num_as_far + 1) / (NUM_RANDOM_SIGN_FLIPS + 1)


def _all_signed_sums(values: Values) -> Values:
    sums = numpy.zeros(1)
    for value in values:
        sums = numpy.concatenate([sums + value, sums - value])
    return sums


def _mean_ranks(values: Values) -> Values:
    """Return ranks from 1; equal values share the mean of theirs."""
    _, group, sizes = numpy.unique(values, return_inverse=True, return_counts=True)
    last_ranks = numpy.cumsum(sizes)
    ranks: Values = (last_ranks - (sizes - 1) / 2.0)[group]
    return ranks
