"""How many paired seeds a difference needs, and which difference a number of seeds can show."""

from __future__ import annotations

import math
from bisect import bisect_left

from scipy import special

from headstart.stats.comparisons import MIN_SEEDS_FOR_VERDICT, SIGNIFICANCE_LEVEL
from headstart.stats.intervals import Interval, check_confidence
from headstart.stats.noncentral import noncentral_t_probability, smallest_enough

MAX_SEEDS = 1_000_000
POWER = 0.8


def power_of_t_test(effect: float, n: int, *, level: float = SIGNIFICANCE_LEVEL) -> float:
    """Return the probability (0 to 1) that a two-sided paired t test of `n` pairs shows an effect.

    Args:
        effect: true mean over standard deviation of the differences.
        n: pairs, above 1.
        level: of significance.

    Source: Cohen (1988), "Statistical Power Analysis for the Behavioral Sciences", chapter 2, by the noncentral t
    distribution.
    """
    critical = float(special.stdtrit(n - 1, 1.0 - level / 2.0))
    shift = abs(effect) * math.sqrt(n)
    above = 1.0 - noncentral_t_probability(n - 1, shift, critical)
    below = noncentral_t_probability(n - 1, shift, -critical)
    return above + below


def smallest_difference(
    standard_deviation: float, n: int, *, power: float = POWER, level: float = SIGNIFICANCE_LEVEL
) -> float:
    """Return the smallest true mean difference that `n` paired seeds show with probability `power`.

    Args:
        standard_deviation: of the paired differences; the result is in its unit.
        n: paired seeds, above 1.
        power: wanted, above `level`.
        level: of significance, two-sided.

    Raises:
        ValueError: if an argument is outside its range.
    """
    _check(standard_deviation, power, level)
    if n < 2:
        raise ValueError(f"a spread needs at least two pairs, got {n}")
    effect = smallest_enough(lambda effect: power_of_t_test(effect, n, level=level) >= power, 0.0, 1.0)
    return effect * standard_deviation


def seeds_needed(
    standard_deviation: float, difference: float, *, power: float = POWER, level: float = SIGNIFICANCE_LEVEL
) -> int | None:
    """Return how many paired seeds show a true mean difference with probability `power`.

    At least six, since a verdict needs them. None when more than a million are needed, or the difference is zero.

    Args:
        standard_deviation: of the paired differences.
        difference: wanted, in the same unit; its sign does not matter.
        power: wanted, above `level`.
        level: of significance, two-sided.

    Raises:
        ValueError: if an argument is outside its range.
    """
    _check(standard_deviation, power, level)
    if not math.isfinite(difference):
        raise ValueError(f"a wanted difference is a finite number, got {difference}")
    if standard_deviation == 0.0:
        return MIN_SEEDS_FOR_VERDICT if difference else None
    effect = difference / standard_deviation

    def is_enough(n: int) -> bool:
        return power_of_t_test(effect, n, level=level) >= power

    if not is_enough(MAX_SEEDS):
        return None
    numbers = range(MIN_SEEDS_FOR_VERDICT, MAX_SEEDS + 1)
    return numbers[bisect_left(numbers, True, key=is_enough)]


def spread_interval(standard_deviation: float, n: int, confidence: float = 0.8) -> Interval:
    """Return the interval of the true standard deviation, since a plan from few seeds is itself uncertain.

    Exact for normal differences. Its limits make a cautious and a hopeful plan of `seeds_needed`.

    Raises:
        ValueError: if there are fewer than two values, or an argument is outside its range.
    """
    _check(standard_deviation, POWER, SIGNIFICANCE_LEVEL)
    check_confidence(confidence)
    if n < 2:
        raise ValueError(f"a spread needs at least two pairs, got {n}")
    low, high = (
        standard_deviation * math.sqrt((n - 1) / float(special.chdtri(n - 1, tail)))
        for tail in ((1.0 - confidence) / 2.0, (1.0 + confidence) / 2.0)
    )
    return Interval(low=low, high=high, confidence=confidence)


def _check(standard_deviation: float, power: float, level: float) -> None:
    if not (math.isfinite(standard_deviation) and standard_deviation >= 0.0):
        raise ValueError(f"a standard deviation is a finite number, zero or above, got {standard_deviation}")
    if not 0.0 < level < power < 1.0:
        raise ValueError(f"0 < level < power < 1 is asked for, got the level {level} and the power {power}")
