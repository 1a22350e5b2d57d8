"""What a person sees while runs go on: what runs, how far it is, how long it still takes."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from headstart.cli.console import TextConsole
from headstart.cli.flags import error_in_flags
from headstart.cli.standings import Standings, standing_text, standings_table
from headstart.cli.sweep_clock import SweepClock
from headstart.comparison.formats import duration, error_line
from headstart.metrics import written
from headstart.store.record import RunRecord, RunStatus

if TYPE_CHECKING:
    from headstart.experiments.experiment import Run
    from headstart.sweeps.executor import SweepEvent, SweepListener

PLAIN_SECONDS = 30.0
"""Between two lines about one run, where the output does not go to a terminal."""


@contextmanager
def sweep_display(runs: Sequence[Run], *, quiet: bool, is_settled: bool = True) -> Iterator[SweepListener]:
    """Show a sweep: a live table and bars on a terminal, plain lines elsewhere, nothing when quiet; all on stderr.

    It is not settled which runs there will be where a learning rate is still to be chosen.
    """
    if quiet:
        yield lambda event: None
        return
    console = TextConsole(file=sys.stderr, highlight=False)
    clock = SweepClock({run.key: run.experiment.num_steps for run in runs})
    standings = Standings(runs if is_settled else ())
    if not console.is_terminal:
        yield _PlainDisplay(console, clock, standings)
        return
    bars = Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=None),
        TextColumn("{task.fields[note]}"),
        TimeElapsedColumn(),
        console=console,
        expand=True,
    )

    def renderable() -> Group | Progress:
        """The table says nothing while there is one run."""
        return Group(standings_table(standings.all()), bars) if clock.num_runs > 1 else bars

    # The bars are drawn as a part of it, so they are never started on their own.
    with Live(get_renderable=renderable, console=console, refresh_per_second=4):
        yield _LiveDisplay(bars, clock, standings)


@contextmanager
def row_display(what: str, *, quiet: bool) -> Iterator[Callable[[int, int], None]]:
    """Show how many rows of a file are done; yields the listener (rows done, rows in all)."""
    console = TextConsole(file=sys.stderr)
    if quiet or not console.is_terminal:
        yield lambda done, total: None
        return
    with Progress(TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), console=console) as bars:
        bar = bars.add_task(what)
        yield lambda done, total: bars.update(bar, completed=done, total=total)


@contextmanager
def byte_display(what: str, total: int, *, quiet: bool) -> Iterator[Callable[[int], None]]:
    """Show how many of `total` bytes are done; yields the listener (bytes since its last call)."""
    console = TextConsole(file=sys.stderr)
    if quiet or not console.is_terminal:
        yield lambda num_bytes: None
        return
    columns = (TextColumn(what), BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as bars:
        bar = bars.add_task(what, total=total)
        yield lambda num_bytes: bars.advance(bar, num_bytes)


class _LiveDisplay:
    """The table of what is done, bars for the sweep and for each run that goes on; a line for each run that ends."""

    def __init__(self, bars: Progress, clock: SweepClock, standings: Standings) -> None:
        self._bars, self._clock, self._standings = bars, clock, standings
        self._all: TaskID = bars.add_task("all runs", total=clock.num_steps, note="")
        self._going_on: dict[tuple[str, int], TaskID] = {}

    def __call__(self, event: SweepEvent) -> None:
        self._clock.note(event)
        self._standings.note(event)
        self._bars.update(
            self._all, completed=self._clock.num_steps_done, total=self._clock.num_steps, note=self._clock.remaining()
        )
        key = event.run.key
        if event.kind == "started":
            self._going_on[key] = self._bars.add_task(
                escape(str(event.run)), total=event.run.experiment.num_steps, note="loading"
            )
        elif event.progress is not None and key in self._going_on:
            progress = event.progress
            loss = "" if progress.loss is None else f", loss {progress.loss:.3f}"
            note = f"{progress.stage} {progress.step}/{progress.num_steps}{loss}"
            self._bars.update(self._going_on[key], completed=self._clock.steps_done(event.run), note=note)
        elif event.record is not None:
            if key in self._going_on:
                self._bars.remove_task(self._going_on.pop(key))
            self._bars.console.print(outcome_line(event, self._clock.seconds(event)))


class _PlainDisplay:
    """Lines for a log file: starts, ends with where the strategy stands, and now and then where a run is."""

    def __init__(self, console: Console, clock: SweepClock, standings: Standings) -> None:
        self._console, self._clock, self._standings = console, clock, standings
        self._last = 0.0

    def __call__(self, event: SweepEvent) -> None:
        self._clock.note(event)
        self._standings.note(event)
        if event.record is not None:
            standing = standing_text(self._standings.of(event.run))
            where = (standing, self._clock.progress()) if self._clock.num_runs > 1 else ()
            line = outcome_line(event, self._clock.seconds(event))
            self._console.print("; ".join((line, *map(escape, filter(None, where)))), soft_wrap=True)
        elif event.kind == "started":
            self._console.print(f"{event.run}: started", soft_wrap=True, markup=False)
            self._last = time.monotonic()
        elif event.progress is not None and time.monotonic() - self._last >= PLAIN_SECONDS:
            self._last = time.monotonic()
            progress = event.progress
            self._console.print(
                f"{event.run}: {progress.stage} {progress.step}/{progress.num_steps}, {self._clock.remaining()}",
                soft_wrap=True,
                markup=False,
            )


def outcome_line(event: SweepEvent, seconds: float | None = None) -> str:
    """Return the line about a run that ended: its score and how long all of it took, or how it failed.

    Args:
        event: the run's end.
        seconds: from its start to its end; None for what its record counts.
    """
    record = event.record
    if record is None:
        raise ValueError("the run has not ended")
    if record.status is not RunStatus.FINISHED:
        return f"[red]✗[/] {escape(f'{event.run}: {record.status}: {error_line(error_in_flags(record.error))}')}"
    score = _scores(record)
    again = (
        " (was finished before)"
        if event.kind == "skipped"
        else f" in {duration(record.seconds if seconds is None else seconds)}"
    )
    return f"[green]✓[/] {escape(f'{event.run}: {score}{again}')}"


def _scores(record: RunRecord) -> str:
    if record.metric not in record.scores:
        return "trained"
    text = f"{record.metric} {written(record.metric, record.scores[record.metric])}"
    first = record.stages[0]
    if len(record.stages) > 1 and record.metric in first.scores:
        text += f" (Stage 1, {first.name}: {written(record.metric, first.scores[record.metric])})"
    return text
