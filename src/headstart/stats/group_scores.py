"""How well a model does on groups of rows: the worst of them, and whether they differ more than chance makes them.

Rows of one unit, such as repeats of one text, count as one. Letters: n rows, g groups, s models.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from headstart import metrics
from headstart.dealing.folds import count_units, unit_numbers
from headstart.kinds.kind import Values
from headstart.shown_text import as_name
from headstart.stats.comparisons import SIGNIFICANCE_LEVEL
from headstart.stats.example_scores import ScoreParts, parts_of_models
from headstart.stats.intervals import Interval
from headstart.stats.score_interval import interval_of_models, interval_of_rows

NUM_SHUFFLES = 1_000
ROUNDING = 1e-12
FEW_UNITS = 10
"""Groups with fewer units are shown, and left out of the gap: chance alone makes them best or worst."""
MOST_SHOWN = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupScore:
    """One group.

    Attributes:
        name: what its rows have in the column.
        score: of the main metric, as metrics are.
        interval: for the score of rows like these; None where `score_interval` has none.
        num_units: of its rows.
    """

    name: str
    score: float
    interval: Interval | None
    num_rows: int
    num_units: int

    @property
    def counts(self) -> bool:
        """Whether it has enough units to be the best or the worst."""
        return self.num_units >= FEW_UNITS

    @property
    def rows_text(self) -> str:
        """How many rows it has, and as how many they count where several are one unit."""
        counted = "" if self.num_units == self.num_rows else f", as {self.num_units:,}"
        return f"{self.num_rows:,}{counted}"


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupGap:
    """What lies between the best and the worst group.

    Attributes:
        best: its name; `worst`: the other one's.
        gap: between their scores, 0 or more.
        p: the share of shuffles of the groups' names over the rows whose gap is at least as large, above 0 to 1.
    """

    best: str
    worst: str
    gap: float
    p: float

    @property
    def is_rare(self) -> bool:
        """Whether chance seldom makes such a gap."""
        return self.p < SIGNIFICANCE_LEVEL


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupScores:
    """All groups, the worst first, and their gap.

    It is None with fewer than two groups of ten units, and for metrics that are no functions of means over rows.
    """

    metric: str
    groups: tuple[GroupScore, ...]
    gap: GroupGap | None

    @property
    def shown(self) -> tuple[GroupScore, ...]:
        """What a table shows, the worst first: all groups, or the worst nineteen of many and the best one."""
        return self.groups if len(self.groups) <= MOST_SHOWN else (*self.groups[: MOST_SHOWN - 1], self.groups[-1])

    @property
    def gap_text(self) -> str:
        """What lies between the best and the worst group, and how often chance does as much, as a clause."""
        gap = self.gap
        if gap is None:
            return "fewer than two groups have ten independent rows: nothing is said of what lies between them"
        chance = "chance rarely does that" if gap.is_rare else "chance does that, too"
        return (
            f"the worst group, {as_name(gap.worst)}, is {metrics.written(self.metric, gap.gap)} behind the best, "
            f"{as_name(gap.best)}; with the groups' names shuffled over the rows {_percent(gap.p)} of the gaps are "
            f"as large: {chance}"
        )


def _percent(share: float) -> str:
    """Write a share with two digits, and never as a power of ten: 0.001 as 0.1 %, 1 as 100 %."""
    return f"{float(f'{100 * share:.2g}'):g} %"


def group_scores(
    metric: str,
    labels: Values,
    decisions: Values,
    groups: Sequence[str],
    *,
    units: ArrayLike | None = None,
    num_shuffles: int = NUM_SHUFFLES,
    seed: int = 0,
) -> GroupScores:
    """Return the scores of groups of rows.

    The best of several equally good groups lies above the worst, always. So the gap stands beside those that the same
    answers give when the names of the groups are dealt out anew, to all rows at once that a unit has in one group: p
    counts the gap itself as one of them.

    Args:
        metric: a name of `headstart.metrics.KNOWN` that is not one of groups.
        labels: right classes or numbers [n], or 0 and 1 for each class [n, c].
        decisions: what was answered, of the same shape.
        groups: [n] names.
        units: for each row the number of its unit [n], such as its text; None takes each row for itself.
        num_shuffles: of the names.
        seed: of the shuffles.

    Source: Phipson and Smyth (2010), "Permutation P-values Should Never Be Zero", for p.
    """
    return mean_group_scores(metric, labels, decisions[None], groups, units=units, num_shuffles=num_shuffles, seed=seed)


def mean_group_scores(
    metric: str,
    labels: Values,
    decisions: Values,
    groups: Sequence[str],
    *,
    units: ArrayLike | None = None,
    num_shuffles: int = NUM_SHUFFLES,
    seed: int = 0,
) -> GroupScores:
    """Return the mean scores of groups of rows that s models answered, such as those of several seeds.

    The gap is that of the means, and intervals are of the choice of rows for these models. With one model it is what
    `group_scores` gives.

    Args:
        metric: a name of `headstart.metrics.KNOWN` that is not one of groups.
        labels: right classes or numbers [n], or 0 and 1 for each class [n, c].
        decisions: of each model, [s, n] or [s, n, c].
        groups: [n] names.
        units: as in `group_scores`.
        num_shuffles: of the names.
        seed: of the shuffles.
    """
    names = sorted(set(groups))
    members = np.array([names.index(group) for group in groups])
    numbers = unit_numbers(units, len(groups))
    found = [_score(metric, labels, decisions, numbers, members == place, name) for place, name in enumerate(names)]
    is_lower_better = metric in metrics.ERRORS
    worst_first = tuple(sorted(found, key=lambda each: -each.score if is_lower_better else each.score))
    parts = parts_of_models(metric, labels.astype(np.float64), decisions.astype(np.float64))
    counted = np.array([each.counts for each in found])
    if parts is None or counted.sum() < 2:
        return GroupScores(metric=metric, groups=worst_first, gap=None)
    own = _gap(parts, members, counted)
    shuffled = [_gap(parts, each, counted) for each in _shuffles(members, numbers, num_shuffles, seed)]
    ends = [each.name for each in worst_first if each.counts]
    at_least = sum(each >= own - ROUNDING for each in shuffled)
    gap = GroupGap(best=ends[-1], worst=ends[0], gap=own, p=(1 + at_least) / (1 + num_shuffles))
    return GroupScores(metric=metric, groups=worst_first, gap=gap)


def _score(
    metric: str,
    labels: Values,
    decisions: Values,
    units: NDArray[np.int64],
    is_in: NDArray[np.bool_],
    name: str,
) -> GroupScore:
    rights, answers, own = labels[is_in], decisions[:, is_in], units[is_in]
    return GroupScore(
        name=name,
        score=float(np.mean([metrics.compute((metric,), rights, each)[metric] for each in answers])),
        interval=_interval(metric, rights, answers, own),
        num_rows=len(rights),
        num_units=count_units(own),
    )


def _interval(metric: str, labels: Values, decisions: Values, units: NDArray[np.int64]) -> Interval | None:
    if len(decisions) == 1:  # Of one model, metrics that are no functions of means over rows have one, too.
        return interval_of_rows(metric, labels, decisions[0], units)
    return interval_of_models(metric, labels.astype(np.float64), decisions.astype(np.float64), units=units)


def _shuffles(
    members: NDArray[np.int64], units: NDArray[np.int64], number: int, seed: int
) -> Iterator[NDArray[np.int64]]:
    """Yield the groups of rows with their names shuffled; rows that a unit has in one group keep to one."""
    generator = np.random.default_rng(seed)
    _, first, blocks = np.unique(np.stack([units, members]), axis=1, return_index=True, return_inverse=True)
    for _ in range(number):
        yield generator.permutation(members[first])[blocks]


def _gap(parts: ScoreParts, members: NDArray[np.int64], counted: NDArray[np.bool_]) -> float:
    """Return the largest minus the smallest mean score of the groups that count."""
    order = np.argsort(members, kind="stable")
    starts = np.searchsorted(members[order], np.arange(len(counted)))
    sums = np.add.reduceat(parts.by_row[:, order], starts, axis=1)
    means = sums / np.bincount(members, minlength=len(counted))[:, None]
    scores = parts.score(means[:, counted]).mean(axis=0)
    return float(scores.max() - scores.min())
