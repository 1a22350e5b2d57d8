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
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from headstart.cli.flags import error_in_flags
from headstart.cli.standings import Standings, standing_text, standings_table
from headstart.comparison.formats import duration, last_line
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
    console = Console(file=sys.stderr, highlight=False)
    clock = _Clock({(run.experiment.digest, run.seed): run.experiment.num_steps for run in runs})
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
    console = Console(file=sys.stderr)
    if quiet or not console.is_terminal:
        yield lambda done, total: None
        return
    with Progress(TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), console=console) as bars:
        bar = bars.add_task(what)
        yield lambda done, total: bars.update(bar, completed=done, total=total)


class _Clock:
    """Counts updates over all runs and says how long the rest takes at the speed seen so far."""

    def __init__(self, steps: dict[tuple[str, int], int]) -> None:
        self._steps = steps
        self._done: dict[tuple[str, int], int] = {}
        self._seen = 0
        self._begin: float | None = None

    @property
    def num_runs(self) -> int:
        return len(self._steps)

    @property
    def num_steps(self) -> int:
        return sum(self._steps.values())

    @property
    def num_steps_done(self) -> int:
        return sum(min(done, self._steps[key]) for key, done in self._done.items() if key in self._steps)

    def note(self, event: SweepEvent) -> None:
        run = event.run
        key = (run.experiment.digest, run.seed)
        self._steps.setdefault(key, run.experiment.num_steps)
        if event.record is not None:
            self._done[key] = self._steps[key]
        elif event.progress is not None:
            self._begin = self._begin or time.monotonic()
            names = [stage.name for stage in run.experiment.plan]
            before = sum(stage.num_steps for stage in run.experiment.plan[: names.index(event.progress.stage)])
            self._done[key] = before + event.progress.step
            self._seen += 1

    def progress(self) -> str:
        """Say how many runs ended, and how long the others take where there are others."""
        ended = sum(self._done.get(key, 0) >= steps for key, steps in self._steps.items())
        left = f", {self.remaining()}" if ended < self.num_runs else ""
        return f"{ended} of {self.num_runs} runs{left}"

    def remaining(self) -> str:
        if self._begin is None or self._seen < 5:
            return "time left: measuring"
        per_step = (time.monotonic() - self._begin) / self._seen
        return f"{duration(per_step * (self.num_steps - self.num_steps_done))} left"


class _LiveDisplay:
    """The table of what is done, bars for the sweep and for the run that goes on; a line for each run that ends."""

    def __init__(self, bars: Progress, clock: _Clock, standings: Standings) -> None:
        self._bars, self._clock, self._standings = bars, clock, standings
        self._all: TaskID = bars.add_task("all runs", total=clock.num_steps, note="")
        self._one: TaskID | None = None

    def __call__(self, event: SweepEvent) -> None:
        self._clock.note(event)
        self._standings.note(event)
        self._bars.update(
            self._all, completed=self._clock.num_steps_done, total=self._clock.num_steps, note=self._clock.remaining()
        )
        if event.kind == "started":
            self._one = self._bars.add_task(
                escape(str(event.run)), total=event.run.experiment.num_steps, note="loading"
            )
        elif event.progress is not None and self._one is not None:
            progress = event.progress
            loss = "" if progress.loss is None else f", loss {progress.loss:.3f}"
            self._bars.update(self._one, advance=1, note=f"{progress.stage} {progress.step}/{progress.num_steps}{loss}")
        elif event.record is not None:
            if self._one is not None:
                self._bars.remove_task(self._one)
                self._one = None
            self._bars.console.print(outcome_line(event))


class _PlainDisplay:
    """Lines for a log file: starts, ends with where the strategy stands, and now and then where a run is."""

    def __init__(self, console: Console, clock: _Clock, standings: Standings) -> None:
        self._console, self._clock, self._standings = console, clock, standings
        self._last = 0.0

    def __call__(self, event: SweepEvent) -> None:
        self._clock.note(event)
        self._standings.note(event)
        if event.record is not None:
            where = "; ".join(filter(None, (standing_text(self._standings.of(event.run)), self._clock.progress())))
            self._console.print(f"{outcome_line(event)}; {escape(where)}", soft_wrap=True)
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


def outcome_line(event: SweepEvent) -> str:
    """Return the line about a run that ended: its score, or how it failed."""
    record = event.record
    if record is None:
        raise ValueError("the run has not ended")
    if record.status is not RunStatus.FINISHED:
        return f"[red]✗[/] {escape(f'{event.run}: {record.status}: {last_line(error_in_flags(record.error))}')}"
    score = _scores(record)
    again = " (was finished before)" if event.kind == "skipped" else f" in {duration(record.seconds)}"
    return f"[green]✓[/] {escape(f'{event.run}: {score}{again}')}"


def _scores(record: RunRecord) -> str:
    if record.metric not in record.scores:
        return "trained"
    text = written(record.metric, record.scores[record.metric])
    if len(record.stages) > 1:
        first = record.stages[0]
        text += f" (Stage 1, {first.name}: {100 * first.scores[record.metric]:.2f})"
    return text
