"""Where a sweep stands: for every strategy its runs so far, their mean, and the difference to plain fine-tuning."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.table import Column, Table

from headstart.cli.console import shown
from headstart.comparison.formats import NOTHING, bracket, plural, points, signed_points
from headstart.comparison.frame import Frame
from headstart.comparison.standing import CellStanding, standing_of
from headstart.store.record import Purpose, RunRecord

if TYPE_CHECKING:
    from headstart.experiments.experiment import Run
    from headstart.sweeps.executor import SweepEvent

Key = tuple[str, str]
"""Experiment and task."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One strategy on one task.

    Attributes:
        num_runs: known so far; a sweep that adds seeds until it is decided learns of more.
        so_far: its runs so far; None before the first one ended.
    """

    task: str
    label: str
    num_done: int
    num_runs: int
    so_far: CellStanding | None


class Standings:
    """Counts the runs of a sweep as they end; trials, which only choose a learning rate, do not count."""

    def __init__(self, runs: Sequence[Run]) -> None:
        self._seeds: dict[Key, set[int]] = {}
        self._labels: dict[Key, str] = {}
        self._records: dict[str, dict[tuple[str, int], RunRecord]] = {}  # By task: another task's change nothing.
        self._so_far: dict[Key, CellStanding] = {}
        for run in runs:
            self._expect(run)

    def note(self, event: SweepEvent) -> None:
        """Take in what happened."""
        self._expect(event.run)
        if event.record is not None:
            records = self._records.setdefault(event.record.task, {})
            records[event.record.experiment_digest, event.record.seed] = event.record
            frame = Frame.from_records(records.values())
            self._so_far |= {cell.key: standing_of(cell, frame) for cell in frame.cells}

    def all(self) -> list[Standing]:
        """Return every strategy, in the order in which the sweep named them."""
        return [self._standing(key) for key in self._seeds]

    def of(self, run: Run) -> Standing | None:
        """Return the strategy of a run; None for a trial."""
        return self._standing(_key(run)) if _key(run) in self._seeds else None

    def _expect(self, run: Run) -> None:
        if run.experiment.purpose is Purpose.SELECTION:
            return
        self._seeds.setdefault(_key(run), set()).add(run.seed)
        self._labels[_key(run)] = run.label

    def _standing(self, key: Key) -> Standing:
        digest, task = key
        return Standing(
            task=task,
            label=self._labels[key],
            num_done=sum((digest, seed) in self._records.get(task, ()) for seed in self._seeds[key]),
            num_runs=len(self._seeds[key]),
            so_far=self._so_far.get(key),
        )


def standings_table(standings: Sequence[Standing]) -> Table:
    """Return the table that stays in the terminal while runs go on."""
    table = Table(
        Column("task", overflow="fold"),
        Column("strategy", overflow="fold"),
        *(Column(name, justify="right", no_wrap=True) for name in ("runs", "mean", "diff.", "95 % interval")),
        box=None,
        padding=(0, 2, 0, 0),
        header_style="dim",
    )
    for each in standings:
        so_far = each.so_far
        table.add_row(
            shown(each.task),
            shown(each.label),
            f"{each.num_done}/{each.num_runs}{_failures(each)}",
            points(so_far.mean if so_far else None),
            signed_points(so_far.difference if so_far else None),
            bracket(so_far.interval if so_far else None),
        )
    return table


def standing_text(standing: Standing | None) -> str:
    """Return where a strategy stands in a few words, for lines in a log; "" before it has a score."""
    so_far = standing.so_far if standing else None
    if so_far is None or so_far.mean is None:
        return ""
    text = f"so far {points(so_far.mean)} over {plural(so_far.num_finished, 'seed')}"
    if so_far.difference is None:
        return text
    interval = bracket(so_far.interval)
    return f"{text}, {signed_points(so_far.difference)} to plain fine-tuning" + (
        f" {interval}" if interval != NOTHING else ""
    )


def _failures(standing: Standing) -> str:
    so_far = standing.so_far
    return f", {so_far.num_failed} failed" if so_far and so_far.num_failed else ""


def _key(run: Run) -> Key:
    return (run.experiment.digest, run.experiment.task)
