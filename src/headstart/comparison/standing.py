"""Where a cell stands while its sweep goes on: what can be said after every run without testing anything."""

from __future__ import annotations

from dataclasses import dataclass

from headstart.comparison.cells import Cell
from headstart.comparison.frame import Frame
from headstart.comparison.words import is_undertrained
from headstart.stats.folds import mean_by_fold
from headstart.stats.intervals import Interval, paired_t_interval
from headstart.stats.rounding import are_equal, difference
from headstart.stats.summary import summarise


@dataclass(frozen=True, slots=True, kw_only=True)
class CellStanding:
    """The runs of a cell so far. Scores are from 0 to 1, as the metric gives them.

    Attributes:
        mean: of the finished runs; None without any.
        difference: mean difference to its baseline at equal seeds; None where nothing may be compared yet.
        interval: the paired t interval; None where there is none.
    """

    num_finished: int
    num_failed: int
    mean: float | None
    difference: float | None = None
    interval: Interval | None = None


def standing_of(cell: Cell, frame: Frame) -> CellStanding:
    """Return where a cell of a frame stands."""
    differences = _differences(cell, frame)
    has_spread = len(differences) > 1 and not are_equal(differences)
    return CellStanding(
        num_finished=len(cell.finished),
        num_failed=len(cell.failed),
        mean=summarise(cell.scores.values()).mean if cell.scores else None,
        difference=summarise(differences).mean if differences else None,
        interval=paired_t_interval(differences) if has_spread else None,
    )


def _differences(cell: Cell, frame: Frame) -> list[float]:
    counterpart = frame.counterpart(cell)
    if counterpart is None or not counterpart.is_comparable:
        return []
    baseline = counterpart.cell
    if not (cell.is_pairable and baseline.is_pairable) or is_undertrained(baseline):
        return []
    shared = sorted(cell.scores.keys() & baseline.scores.keys())
    ours, theirs = (
        mean_by_fold({seed: side.scores[seed] for seed in shared}, cell.first.folds) for side in (cell, baseline)
    )
    return [difference(ours[unit], theirs[unit]) for unit in ours]
