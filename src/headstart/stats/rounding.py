"""What counts as equal: values that differ by rounding alone are ties."""

from __future__ import annotations

from collections.abc import Sequence

import numpy
from numpy.typing import NDArray

from headstart.stats.limits import Values

TOLERANCE = 1e-9
"""Values that differ by at most this share of the largest size among them are equal.

Fractions of equal counts differ in their last bits only; those of other counts differ by far more.
"""
_TOLERANCE_OF_SCORES = 1e-12


def difference(a: float, b: float) -> float:
    """Return a - b; exactly zero for scores that differ by rounding alone."""
    return float(differences(numpy.float64(a), numpy.float64(b)))


def differences(a: Values | numpy.float64, b: Values | numpy.float64) -> Values:
    """Return a - b; exactly zero for scores that differ by rounding alone."""
    return numpy.where(numpy.isclose(a, b, rtol=_TOLERANCE_OF_SCORES, atol=0.0), 0.0, a - b)


def are_equal(values: Sequence[float] | Values) -> bool:
    """Return whether at least one value is there and all of them are equal."""
    return bool(len(values)) and max(values) - min(values) <= _tolerance(values)


def without_zeros(values: Values) -> Values:
    """Return the values that are not zero beside the largest of them."""
    return values[numpy.abs(values) > _tolerance(values)] if len(values) else values


def mean_ranks(values: Values) -> Values:
    """Return ranks from 1; equal values share the mean of theirs."""
    order = numpy.argsort(values)
    numbers = _numbers_of_equals(values[order])
    sizes = numpy.bincount(numbers) if len(values) else numpy.zeros(0)
    ranks = numpy.empty(len(values))
    ranks[order] = (numpy.cumsum(sizes) - (sizes - 1) / 2.0)[numbers]
    return ranks


def _numbers_of_equals(ordered: Values) -> NDArray[numpy.int64]:
    """Number groups of equal values from 0, given in rising order."""
    begins = numpy.diff(ordered, prepend=ordered[:1]) > _tolerance(ordered)
    numbers: NDArray[numpy.int64] = numpy.cumsum(begins)
    return numbers


def _tolerance(values: Sequence[float] | Values) -> float:
    return TOLERANCE * max((abs(float(value)) for value in values), default=0.0)
