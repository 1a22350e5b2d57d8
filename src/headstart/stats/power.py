"""How many paired seeds a difference needs, and which difference a number of seeds can show.

What is reckoned is the verdict that we give: the t interval leaves out zero *and* the sign-flip test is significant,
after Holm's correction where several comparisons are made. No formula has its power; up to 20 pairs it is simulated
(`python -m benchmarks.verdict_power`), beyond it is near that of the t test.
"""

from __future__ import annotations

import json
import math
from bisect import bisect_left
from functools import cache
from pathlib import Path

from scipy import special

from headstart.stats.comparisons import MIN_SEEDS_FOR_VERDICT, SIGNIFICANCE_LEVEL
from headstart.stats.intervals import Interval, check_confidence
from headstart.stats.noncentral import noncentral_t_probability, smallest_enough

TABLE_FILE = Path(__file__).with_name("verdict_power.json")
"""Written by `python -m benchmarks.verdict_power`."""
MAX_SEEDS = 1_000_000
LARGEST_SIMULATED = 20
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


@cache
def effect_of_t_test(n: int, level: float) -> float:
    """Return the smallest effect that a two-sided paired t test of `n` pairs shows with 80 % power."""
    return smallest_enough(lambda effect: power_of_t_test(effect, n, level=level) >= POWER, 0.0, 1.0)


def fewest_seeds(num_comparisons: int = 1) -> int:
    """Return the fewest paired seeds with which a verdict can hold after Holm's correction, whatever the difference.

    The smallest p value of the sign-flip test, 2 / 2^n, times the number of comparisons has to be 0.05 at most.

    Raises:
        ValueError: if there are fewer comparisons than one.
    """
    _check_comparisons(num_comparisons)
    return max(MIN_SEEDS_FOR_VERDICT, math.ceil(math.log2(2.0 * num_comparisons / SIGNIFICANCE_LEVEL)))


def num_patterns(n: int, num_comparisons: int) -> int:
    """Return how many of the 2^(n - 1) sign patterns on one side a p value may count and still hold."""
    return math.floor(math.ldexp(SIGNIFICANCE_LEVEL / num_comparisons, n - 1) + 1e-9)


def smallest_effect(n: int, num_comparisons: int = 1) -> float | None:
    """Return the smallest effect (mean over standard deviation) for which `n` pairs bring a verdict with 80 % power.

    Of normal differences. With several comparisons the verdict is one that holds whatever the others show. None where
    no verdict can hold.

    Raises:
        ValueError: if there are fewer comparisons than one.
    """
    if n < fewest_seeds(num_comparisons):
        return None
    if n <= LARGEST_SIMULATED:
        return _simulated_effect(n, num_comparisons)
    return effect_of_t_test(n, SIGNIFICANCE_LEVEL / num_comparisons) * _beyond_t_test(n, num_comparisons)


def smallest_difference(standard_deviation: float, n: int, num_comparisons: int = 1) -> float | None:
    """Return the smallest true mean difference for which `n` paired seeds bring a verdict with 80 % power.

    None where no verdict can hold.

    Args:
        standard_deviation: of the paired differences, above zero; the result is in its unit.
        n: paired seeds.
        num_comparisons: over which Holm's correction is made.

    Raises:
        ValueError: if an argument is outside its range.
    """
    _check(standard_deviation)
    effect = smallest_effect(n, num_comparisons)
    return None if effect is None else effect * standard_deviation


def seeds_needed(standard_deviation: float, difference: float, num_comparisons: int = 1) -> int | None:
    """Return with how many paired seeds a true mean difference brings a verdict with 80 % power.

    None when more than a million are needed, or the difference is zero.

    Args:
        standard_deviation: of the paired differences, above zero.
        difference: wanted, in the same unit; its sign does not matter.
        num_comparisons: over which Holm's correction is made.

    Raises:
        ValueError: if an argument is outside its range.
    """
    _check(standard_deviation)
    if not math.isfinite(difference):
        raise ValueError(f"a wanted difference is a finite number, got {difference}")
    effect, level = abs(difference) / standard_deviation, SIGNIFICANCE_LEVEL / num_comparisons

    def is_enough(n: int) -> bool:
        if n <= LARGEST_SIMULATED:
            return effect >= (smallest_effect(n, num_comparisons) or math.inf)
        return power_of_t_test(effect / _beyond_t_test(n, num_comparisons), n, level=level) >= POWER

    if not is_enough(MAX_SEEDS):
        return None
    numbers = range(fewest_seeds(num_comparisons), MAX_SEEDS + 1)
    return numbers[bisect_left(numbers, True, key=is_enough)]


def spread_interval(standard_deviation: float, n: int, confidence: float = 0.8) -> Interval:
    """Return the interval of the true standard deviation, since a plan from few seeds is itself uncertain.

    Exact for normal differences. Its limits make a cautious and a hopeful plan of `seeds_needed`.

    Raises:
        ValueError: if there are fewer than two values, or an argument is outside its range.
    """
    _check(standard_deviation)
    check_confidence(confidence)
    if n < 2:
        raise ValueError(f"a spread needs at least two pairs, got {n}")
    low, high = (
        standard_deviation * math.sqrt((n - 1) / float(special.chdtri(n - 1, tail)))
        for tail in ((1.0 - confidence) / 2.0, (1.0 + confidence) / 2.0)
    )
    return Interval(low=low, high=high, confidence=confidence)


def _simulated_effect(n: int, num_comparisons: int) -> float:
    """Return that of the simulated number of sign patterns that is next below; it is a little cautious in between."""
    effects, allowed = _table()[n], max(1, num_patterns(n, num_comparisons))
    return effects[max(number for number in effects if number <= allowed)]


def _beyond_t_test(n: int, num_comparisons: int) -> float:
    """Return by which factor the effect has to exceed the t test's, above the simulated numbers of pairs.

    The two tests come together as 1 / n.
    """
    simulated = _simulated_effect(LARGEST_SIMULATED, num_comparisons)
    excess = simulated / effect_of_t_test(LARGEST_SIMULATED, SIGNIFICANCE_LEVEL / num_comparisons) - 1.0
    return 1.0 + excess * LARGEST_SIMULATED / n


@cache
def _table() -> dict[int, dict[int, float]]:
    """Return the simulated effects by pairs and number of sign patterns."""
    effects = json.loads(TABLE_FILE.read_text(encoding="utf-8"))["effects"]
    return {int(n): {int(number): effect for number, effect in by.items()} for n, by in effects.items()}


def _check(standard_deviation: float) -> None:
    if not (math.isfinite(standard_deviation) and standard_deviation > 0.0):
        raise ValueError(f"a spread is a finite number above zero, got {standard_deviation}")


def _check_comparisons(num_comparisons: int) -> None:
    if num_comparisons < 1:
        raise ValueError(f"at least one comparison is made, got {num_comparisons}")
