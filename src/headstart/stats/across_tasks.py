"""What a strategy gains over several tasks.

The unit is the seed: per seed the mean over tasks, and then what one comparison asks of its seeds. A seed makes a head
and an order of rows for all tasks alike, so what it does to one task it may do to others. The mean over tasks contains
that, however much it is; resampling seeds within each task would take the tasks for independent.

Letters: t tasks, s seeds.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy
from numpy.typing import NDArray
from scipy import special

from headstart.stats.comparisons import MIN_SEEDS_FOR_VERDICT, SIGNIFICANCE_LEVEL, Verdict, judge
from headstart.stats.folds import mean_by_fold
from headstart.stats.intervals import Interval, check_confidence
from headstart.stats.limits import Values
from headstart.stats.paired_tests import sign_flip_p_value
from headstart.stats.rounding import TOLERANCE

MIN_TASKS_FOR_OTHER_TASKS = 6
"""Tasks are to other tasks what seeds are to other seeds: with fewer the sign-flip test cannot reach 0.05."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GainAcrossTasks:
    """A gain over several tasks, each counting the same, at the seeds that all of them share; in the scores' unit.

    Attributes:
        num_seeds: that all tasks share; where seeds go through folds, the number of these.
        num_folds: that are the unit in place of seeds; None without folds.
        mean: over tasks of the mean difference over these seeds.
        interval_for_these_tasks: Student's, of the seeds' means over tasks: would other seeds say the same of these
            tasks? None for one seed, and where the seeds change nothing.
        p_value: of the sign-flip test of the seeds' means; None where the seeds change nothing.
        verdict: on these tasks, from both.
        interval_for_other_tasks: would other tasks like these? None under six tasks or seeds.
        verdict_for_other_tasks: "better" or "worse" only where `verdict` says so too; None under six tasks or seeds.
        interquartile_mean: mean of the middle half of all differences, which one odd task or run does not move.
        wins: tasks whose mean difference is above zero; `ties` and `losses` likewise.
    """

    num_tasks: int
    num_seeds: int
    num_folds: int | None
    mean: float
    interval_for_these_tasks: Interval | None
    p_value: float | None
    verdict: Verdict
    interval_for_other_tasks: Interval | None
    verdict_for_other_tasks: Verdict | None
    interquartile_mean: float
    wins: int
    ties: int
    losses: int


def gain_across_tasks(
    differences: Mapping[str, Mapping[int, float]], confidence: float = 0.95, *, folds: Collection[int] = ()
) -> GainAcrossTasks | None:
    """Return the gain over tasks from each task's paired differences; None where the tasks share no seed.

    Only differences in one unit may be joined: not those of an accuracy and of a loss. Two scores of one model, on its
    own rows and on another task's, are one task.

    Args:
        differences: by task, and within it by seed; by fold where seeds go through folds.
        confidence: of the intervals, 0 to 1, both excluded.
        folds: the numbers of folds of those tasks whose seeds go through folds. Seeds that hold out one fold of any
            task are then one unit.

    Raises:
        ValueError: if tasks are missing, or `confidence` is not between 0 and 1.

    Source: for other tasks the variances of a two-way layout without replicates, which adding overstates a little
    (Cornfield and Tukey 1956, "Average Values of Mean Squares in Factorials"), with the degrees of freedom of the
    smaller side (Mickey and Brown 1966, "Bounds on the Distribution Functions of the Behrens-Fisher Statistic"); for
    the interquartile mean Agarwal et al. (2021), "Deep Reinforcement Learning at the Edge of the Statistical
    Precipice".
    """
    check_confidence(confidence)
    if not differences:
        raise ValueError("a gain across tasks needs at least one task")
    num_folds = math.gcd(*folds) if folds else None
    tasks = [mean_by_fold(values, num_folds) for values in differences.values()]
    seeds = sorted(set.intersection(*(set(values) for values in tasks)))
    if not seeds:
        return None
    table = numpy.array([[values[seed] for seed in seeds] for values in tasks])
    too_few = Verdict.TOO_FEW_FOLDS if folds else Verdict.TOO_FEW_SEEDS
    these = judge(list(_without_rounding(table.mean(axis=0), table)), confidence, too_few=too_few)
    of_tasks = _without_rounding(table.mean(axis=1), table)
    interval = _interval_for_other_tasks(table, confidence) if these.interval is not None else None
    return GainAcrossTasks(
        num_tasks=len(tasks),
        num_seeds=len(seeds),
        num_folds=num_folds,
        mean=float(table.mean()),
        interval_for_these_tasks=these.interval,
        p_value=these.p_value,
        verdict=these.verdict,
        interval_for_other_tasks=interval,
        verdict_for_other_tasks=None if interval is None else _for_other_tasks(these.verdict, interval, list(of_tasks)),
        interquartile_mean=interquartile_mean(table.ravel()),
        wins=int((of_tasks > 0).sum()),
        ties=int((of_tasks == 0).sum()),
        losses=int((of_tasks < 0).sum()),
    )


def interquartile_mean(values: Sequence[float] | NDArray[numpy.floating]) -> float:
    """Return the mean of what is left when a quarter of the values, rounded down, goes at either end.

    Raises:
        ValueError: if `values` is empty.

    Source: Agarwal et al. (2021), section 4.3.
    """
    if not len(values):
        raise ValueError("an interquartile mean needs at least one value")
    num_cut = len(values) // 4
    return float(numpy.sort(numpy.asarray(values, dtype=numpy.float64))[num_cut : len(values) - num_cut].mean())


def _interval_for_other_tasks(table: Values, confidence: float) -> Interval | None:
    """Return the interval of the mean with other tasks and other seeds, from differences [t, s]."""
    num_tasks, num_seeds = table.shape
    if num_tasks < MIN_TASKS_FOR_OTHER_TASKS or num_seeds < MIN_SEEDS_FOR_VERDICT:
        return None
    variance = sum(table.mean(axis=axis).var(ddof=1) / table.shape[1 - axis] for axis in (0, 1))
    quantile = float(special.stdtrit(min(table.shape) - 1, (1.0 + confidence) / 2.0))
    half_width, mean = quantile * math.sqrt(variance), float(table.mean())
    return Interval(low=mean - half_width, high=mean + half_width, confidence=confidence)


def _for_other_tasks(on_these: Verdict, interval: Interval, means_of_tasks: Sequence[float]) -> Verdict:
    shown = interval.excludes(0.0) and sign_flip_p_value(means_of_tasks) <= SIGNIFICANCE_LEVEL
    return on_these if shown else Verdict.NO_DIFFERENCE


def _without_rounding(means: Values, table: Values) -> Values:
    """Return means with exact zeros where differences cancel but for rounding."""
    return numpy.where(numpy.abs(means) <= TOLERANCE * numpy.abs(table).max(), 0.0, means)
