"""What a strategy gains over several tasks, each with its own seeds.

Letters: t tasks, b resamples.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy
from numpy.typing import NDArray

from headstart.stats.intervals import Interval, check_confidence, interval_of_draws
from headstart.stats.limits import Values

MIN_TASKS_FOR_OTHER_TASKS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class GainAcrossTasks:
    """A gain over several tasks, every task counting the same, in the scores' unit.

    Attributes:
        mean: mean over tasks of the mean difference over seeds.
        interval_for_these_tasks: seeds resampled within each task: would other seeds say the same of these tasks?
        interval_for_other_tasks: tasks resampled first, then seeds within each: would other tasks like these?
            None under three tasks.
        interquartile_mean: mean of the middle half of all differences, which one odd task or run does not move.
        interquartile_interval: of it, seeds resampled within each task.
        wins: tasks whose mean difference is above zero; `ties` and `losses` likewise.
    """

    num_tasks: int
    mean: float
    interval_for_these_tasks: Interval
    interval_for_other_tasks: Interval | None
    interquartile_mean: float
    interquartile_interval: Interval
    wins: int
    ties: int
    losses: int


def gain_across_tasks(
    differences: Mapping[str, Sequence[float]], confidence: float = 0.95, *, num_resamples: int = 10_000, seed: int = 0
) -> GainAcrossTasks:
    """Return the gain over tasks from each task's differences over paired seeds.

    All intervals are percentile bootstraps, too narrow with few tasks or seeds. Only differences in one unit may be
    joined: not those of an accuracy and of a loss.

    Args:
        differences: by task; the tasks may differ in their number of seeds.
        confidence: 0 to 1, both excluded.
        num_resamples: draws of each bootstrap.
        seed: of the draws.

    Raises:
        ValueError: if tasks or the differences of one are missing, or `confidence` is not between 0 and 1.

    Source: Davison and Hinkley (1997), "Bootstrap Methods and Their Application", section 3.8, for two levels; Agarwal
    et al. (2021), "Deep Reinforcement Learning at the Edge of the Statistical Precipice", section 4, for the
    interquartile mean.
    """
    check_confidence(confidence)
    tasks = [numpy.asarray(values, dtype=numpy.float64) for values in differences.values()]
    if not tasks or not all(len(values) for values in tasks):
        raise ValueError("a gain across tasks needs at least one task, and each a difference")
    generator = numpy.random.default_rng(seed)
    drawn = [_draw(values, generator, num_resamples) for values in tasks]
    task_means = [float(values.mean()) for values in tasks]
    means_of_draws = numpy.stack([values.mean(axis=1) for values in drawn], axis=1).mean(axis=1)
    return GainAcrossTasks(
        num_tasks=len(tasks),
        mean=sum(task_means) / len(tasks),
        interval_for_these_tasks=interval_of_draws(means_of_draws, confidence),
        interval_for_other_tasks=_interval_for_other_tasks(tasks, confidence, generator, num_resamples),
        interquartile_mean=interquartile_mean(numpy.concatenate(tasks)),
        interquartile_interval=interval_of_draws(_middle_means(numpy.concatenate(drawn, axis=1)), confidence),
        wins=sum(mean > 0 for mean in task_means),
        ties=sum(mean == 0 for mean in task_means),
        losses=sum(mean < 0 for mean in task_means),
    )


def interquartile_mean(values: Sequence[float] | NDArray[numpy.floating]) -> float:
    """Return the mean of what is left when a quarter of the values, rounded down, goes at either end.

    Raises:
        ValueError: if `values` is empty.

    Source: Agarwal et al. (2021), section 4.3.
    """
    if not len(values):
        raise ValueError("an interquartile mean needs at least one value")
    return float(_middle_means(numpy.asarray(values, dtype=numpy.float64)[None])[0])


def _interval_for_other_tasks(
    tasks: Sequence[Values], confidence: float, generator: numpy.random.Generator, num_resamples: int
) -> Interval | None:
    if len(tasks) < MIN_TASKS_FOR_OTHER_TASKS:
        return None
    picked = generator.integers(0, len(tasks), size=(num_resamples, len(tasks)))
    means = numpy.empty(picked.shape)
    for number, values in enumerate(tasks):
        is_picked = picked == number  # a task drawn twice draws its seeds twice
        means[is_picked] = _draw(values, generator, int(is_picked.sum())).mean(axis=1)
    return interval_of_draws(means.mean(axis=1), confidence)


def _draw(values: Values, generator: numpy.random.Generator, num_resamples: int) -> Values:
    drawn: Values = values[generator.integers(0, len(values), size=(num_resamples, len(values)))]
    return drawn


def _middle_means(values: Values) -> Values:
    """Return the interquartile mean of each row."""
    num_cut = values.shape[1] // 4
    means: Values = numpy.sort(values, axis=1)[:, num_cut : values.shape[1] - num_cut].mean(axis=1)
    return means
