"""The noncentral t distribution, which rules t values when there is a true difference, and a search on it."""

from __future__ import annotations

import math
from collections.abc import Callable

from scipy import special

_PRECISION = 1e-10


def noncentral_t_probability(degrees: int, noncentrality: float, t_value: float) -> float:
    """Return the probability that a noncentral t value is at most `t_value`, 0 to 1.

    Args:
        degrees: of freedom, above 0.
        noncentrality: true mean over the mean's true standard error.
        t_value: any finite number.
    """
    probability = float(special.nctdtr(degrees, noncentrality, t_value))
    if math.isnan(probability):
        # SciPy loses its way only where the probability is 0 or 1 to eleven digits.
        return 1.0 if t_value > noncentrality else 0.0
    return probability


def smallest_enough(is_enough: Callable[[float], bool], low: float, step: float) -> float:
    """Return the smallest number above `low` that is enough, to ten digits, where all larger ones are too."""
    high = low + step
    while not is_enough(high):
        low, high = high, high + 2.0 * (high - low)
    while high - low > _PRECISION * max(1.0, abs(high)):
        middle = (low + high) / 2.0
        low, high = (low, middle) if is_enough(middle) else (middle, high)
    return high
