"""The noncentral t distribution, which rules t values when there is a true difference."""

from __future__ import annotations

import math

from scipy import special


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
