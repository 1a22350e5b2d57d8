"""Two experiments compared over paired seeds, and the words that the numbers allow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from headstart.stats.intervals import Interval, paired_t_interval
from headstart.stats.paired_tests import sign_flip_p_value
from headstart.stats.summary import summarise

MIN_SEEDS_FOR_VERDICT = 6
"""With fewer pairs the exact sign-flip test cannot reach 0.05: its smallest p value is 2 / 2^n."""
SIGNIFICANCE_LEVEL = 0.05


class Verdict(StrEnum):
    """What a paired comparison allows to say."""

    TOO_FEW_SEEDS = "too few seeds for a verdict"
    BETTER = "better"
    WORSE = "worse"
    NO_DIFFERENCE = "no difference shown"


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedDifference:
    """The differences a - b at equal seeds.

    Attributes:
        mean: mean difference, in the scores' unit.
        standard_deviation: of the differences (divisor n - 1); None for one pair.
        n: pairs with both sides.
        num_missing_pairs: seeds at which only one side has a score.
        interval: the paired t interval; None for one pair.
        p_value: of the sign-flip test, two-sided.
        wins: pairs in which a is higher; `ties` and `losses` likewise.
        differences: (seed, difference), sorted by seed.
        scores: the score of a and of b in each of these pairs.
        is_sequential: whether seeds were added until it was decided: the interval is then one that stays valid at every
            look, and the p value, which does not, is not to be shown.
    """

    mean: float
    standard_deviation: float | None
    n: int
    num_missing_pairs: int
    interval: Interval | None
    p_value: float
    wins: int
    ties: int
    losses: int
    verdict: Verdict
    differences: tuple[tuple[int, float], ...]
    scores: tuple[tuple[float, float], ...]
    is_sequential: bool = False


def compare_paired(a: Mapping[int, float], b: Mapping[int, float], confidence: float = 0.95) -> PairedDifference | None:
    """Compare scores by seed; None when no seed is on both sides.

    A verdict other than "no difference shown" asks that the t interval leaves out zero and that the sign-flip test is
    significant; fewer than six pairs are too few for a verdict.
    """
    seeds = sorted(a.keys() & b.keys())
    if not seeds:
        return None
    values = [a[seed] - b[seed] for seed in seeds]
    summary = summarise(values)
    interval = paired_t_interval(values, confidence) if len(values) > 1 else None
    p_value = sign_flip_p_value(values)
    return PairedDifference(
        mean=summary.mean,
        standard_deviation=summary.standard_deviation,
        n=summary.n,
        num_missing_pairs=len(a.keys() ^ b.keys()),
        interval=interval,
        p_value=p_value,
        wins=sum(value > 0 for value in values),
        ties=sum(value == 0 for value in values),
        losses=sum(value < 0 for value in values),
        verdict=_verdict(summary.n, summary.mean, interval, p_value),
        differences=tuple(zip(seeds, values, strict=True)),
        scores=tuple((a[seed], b[seed]) for seed in seeds),
    )


def _verdict(num_pairs: int, mean: float, interval: Interval | None, p_value: float) -> Verdict:
    if num_pairs < MIN_SEEDS_FOR_VERDICT or interval is None:
        return Verdict.TOO_FEW_SEEDS
    if p_value > SIGNIFICANCE_LEVEL or not interval.excludes(0.0):
        return Verdict.NO_DIFFERENCE
    return Verdict.BETTER if mean > 0 else Verdict.WORSE
