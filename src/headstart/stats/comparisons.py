"""Two experiments compared over paired seeds, and the words that the numbers allow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from headstart.stats.folds import mean_by_fold
from headstart.stats.intervals import Interval, paired_t_interval
from headstart.stats.paired_tests import sign_flip_p_value
from headstart.stats.rounding import are_equal, difference
from headstart.stats.summary import summarise

MIN_SEEDS_FOR_VERDICT = 6
"""With fewer pairs the exact sign-flip test cannot reach 0.05: its smallest p value is 2 / 2^n."""
SIGNIFICANCE_LEVEL = 0.05


class Verdict(StrEnum):
    """What a paired comparison allows to say."""

    TOO_FEW_SEEDS = "too few seeds for a verdict"
    TOO_FEW_FOLDS = "too few folds for a verdict"
    SEEDS_CHANGE_NOTHING = "no verdict: the seeds change nothing"
    BETTER = "better"
    WORSE = "worse"
    NO_DIFFERENCE = "no difference shown"

    @property
    def is_too_few(self) -> bool:
        """Whether more seeds or folds could bring a verdict."""
        return self in (Verdict.TOO_FEW_SEEDS, Verdict.TOO_FEW_FOLDS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What differences, each independent of the others, say of their mean.

    Attributes:
        interval: Student's; None for one difference and for equal ones, which have no spread.
        p_value: of the sign-flip test, two-sided; None for two or more that are equal and not zero.
    """

    interval: Interval | None
    p_value: float | None
    verdict: Verdict


def judge(
    differences: Sequence[float], confidence: float = 0.95, *, too_few: Verdict = Verdict.TOO_FEW_SEEDS
) -> Judgement:
    """Judge whether the mean of differences is other than zero.

    "Better" and "worse" ask that the t interval leaves out zero *and* that the sign-flip test is significant. Six
    differences are needed. Equal ones are one run, made several times, and get no verdict.

    Args:
        differences: at least one, each of an independent unit.
        confidence: of the interval, 0 to 1, both excluded.
        too_few: the verdict on fewer than six.
    """
    num, mean = len(differences), summarise(differences).mean
    if num == 1 or are_equal(differences):
        is_repeated = num > 1 and any(differences)
        nothing = Verdict.SEEDS_CHANGE_NOTHING if is_repeated else Verdict.NO_DIFFERENCE
        verdict = too_few if num < MIN_SEEDS_FOR_VERDICT else nothing
        return Judgement(interval=None, p_value=None if is_repeated else 1.0, verdict=verdict)
    interval, p_value = paired_t_interval(differences, confidence), sign_flip_p_value(differences)
    if num < MIN_SEEDS_FOR_VERDICT:
        verdict = too_few
    elif p_value > SIGNIFICANCE_LEVEL or not interval.excludes(0.0):
        verdict = Verdict.NO_DIFFERENCE
    else:
        verdict = Verdict.BETTER if mean > 0 else Verdict.WORSE
    return Judgement(interval=interval, p_value=p_value, verdict=verdict)


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedDifference:
    """The differences a - b at equal seeds. Where seeds go through folds, a pair is a fold: the mean of its seeds.

    Attributes:
        mean: mean difference, in the scores' unit.
        standard_deviation: of the differences (divisor n - 1); None for one pair and for equal differences, which have
            no spread to reckon with.
        n: pairs with both sides.
        num_missing_pairs: seeds at which only one side has a score.
        interval: the paired t interval; None without a spread. Where seeds were added until it was decided, the one
            that stays valid at every look.
        p_value: of the sign-flip test, two-sided; None where it would not hold: for differences that are equal and not
            zero, and where seeds were added until it was decided.
        wins: pairs in which a is higher; `ties` and `losses` likewise.
        differences: (seed, difference), sorted by seed; with folds (fold, difference).
        scores: the score of a and of b in each of these pairs.
        num_folds: that the seeds go through; None where all share one split.
        is_sequential: whether seeds were added until it was decided.
    """

    mean: float
    standard_deviation: float | None
    n: int
    num_missing_pairs: int
    interval: Interval | None
    p_value: float | None
    wins: int
    ties: int
    losses: int
    verdict: Verdict
    differences: tuple[tuple[int, float], ...]
    scores: tuple[tuple[float, float], ...]
    num_folds: int | None = None
    is_sequential: bool = False


def compare_paired(
    a: Mapping[int, float], b: Mapping[int, float], confidence: float = 0.95, *, num_folds: int | None = None
) -> PairedDifference | None:
    """Compare scores by seed; None when no seed is on both sides. `judge` says when there is a verdict.

    Args:
        a: scores by seed.
        b: scores by seed.
        confidence: of the interval, 0 to 1, both excluded.
        num_folds: that the seeds go through, so that the fold is the unit; None where all of them share one split.
    """
    seeds = sorted(a.keys() & b.keys())
    if not seeds:
        return None
    left, right = (mean_by_fold({seed: side[seed] for seed in seeds}, num_folds) for side in (a, b))
    differences = {unit: difference(left[unit], right[unit]) for unit in left}
    values = list(differences.values())
    summary = summarise(values)
    too_few = Verdict.TOO_FEW_SEEDS if num_folds is None else Verdict.TOO_FEW_FOLDS
    judgement = judge(values, confidence, too_few=too_few)
    return PairedDifference(
        mean=summary.mean,
        standard_deviation=None if are_equal(values) else summary.standard_deviation,
        n=summary.n,
        num_missing_pairs=len(a.keys() ^ b.keys()),
        interval=judgement.interval,
        p_value=judgement.p_value,
        wins=sum(value > 0 for value in values),
        ties=sum(value == 0 for value in values),
        losses=sum(value < 0 for value in values),
        verdict=judgement.verdict,
        differences=tuple(differences.items()),
        scores=tuple((left[unit], right[unit]) for unit in left),
        num_folds=num_folds,
    )
