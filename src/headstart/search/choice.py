"""Which of several candidates is taken: the best on the rows that all of them answered, but for differences of chance.

Letters: n rows, c candidates.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from headstart import metrics
from headstart.stats.row_units import RowUnits
from headstart.tasks.task import Task

NUM_RESAMPLES = 200
Values = NDArray[np.int64] | NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """The decisions of candidates on one fold: labels [n] or [n, c], and what each candidate says of the same rows.

    `units` [n] has the number of each row's unit, such as its text; None takes each row for itself.
    """

    labels: Values
    decisions: Mapping[str, Values]
    groups: tuple[str, ...] | None = None
    units: NDArray[np.int64] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where a candidate stands after the folds that it was tried on.

    Attributes:
        score: the main metric, the mean over the folds.
        behind: how far it is behind the best one on the folds that both were tried on, at least 0.
        error: the standard error of that difference, by resampled units.
    """

    name: str
    score: float
    behind: float
    error: float


def standings(task: Task, folds: Sequence[Answered], names: Sequence[str]) -> list[Standing]:
    """Return where candidates stand, the best first; ties in the order of `names`.

    Args:
        task: names the metric.
        folds: those that any of the candidates was tried on.
        names: of the candidates; each of them answered at least one fold, and all of them answered one in common.
    """
    common = [fold for fold in folds if all(name in fold.decisions for name in names)]
    means = {name: float(np.mean([_score(task, fold, name) for fold in common])) for name in names}
    order = sorted(names, key=lambda name: -means[name])
    best = order[0]
    return [
        Standing(
            name=name,
            score=means[name],
            behind=means[best] - means[name],
            error=_error(task, common, best, name),
        )
        for name in order
    ]


def preferred(found: Sequence[Standing], names: Sequence[str]) -> str:
    """Return the first of `names` that is behind the best by no more than one standard error of the difference.

    Source: the one-standard-error rule, Breiman et al. (1984), "Classification and Regression Trees", section 3.4.3;
    ours prefers by an order that was fixed beforehand, not by size.
    """
    level = {standing.name for standing in found if standing.behind <= standing.error}
    return next(name for name in names if name in level or name == found[0].name)


def _score(task: Task, fold: Answered, name: str, rows: NDArray[np.int64] | None = None) -> float:
    labels, decisions, groups = fold.labels, fold.decisions[name], fold.groups
    if rows is not None:
        labels, decisions = labels[rows], decisions[rows]
        groups = None if groups is None else tuple(groups[row] for row in rows)
    return metrics.compute([task.main_metric], labels, decisions, groups)[task.main_metric]


def _error(task: Task, folds: Sequence[Answered], best: str, other: str) -> float:
    """Return the standard error of the difference of two candidates, by the bootstrap over whole units."""
    if best == other:
        return 0.0
    generator = np.random.default_rng(0)
    units = [_drawn_units(fold) for fold in folds]
    differences = []
    for _ in range(NUM_RESAMPLES):
        picked = [each.drawn(generator) for each in units]
        differences.append(
            np.mean(
                [
                    _score(task, fold, best, rows) - _score(task, fold, other, rows)
                    for fold, rows in zip(folds, picked, strict=True)
                ]
            )
        )
    return float(np.std(differences))


def _drawn_units(fold: Answered) -> RowUnits:
    """Return what is drawn of a fold: whole units, but the rows of one that is alone.

    Drawn whole it is always the same, so that the error would be 0. That of its rows is too small, and the most that
    they tell.
    """
    whole = RowUnits.of(fold.units, len(fold.labels))
    return whole if len(whole) > 1 else RowUnits.of(None, len(fold.labels))
