"""How long the runs of a sweep still take."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from headstart.comparison.formats import duration

if TYPE_CHECKING:
    from headstart.experiments.experiment import Run
    from headstart.sweeps.executor import SweepEvent
    from headstart.training.callbacks import Progress

Key = tuple[str, int]
MIN_TIMED = 5
"""Updates that are measured before a time is said."""


class SweepClock:
    """Counts updates over all runs and says how long the rest takes at the speed seen so far.

    What a run needs beside its updates (loading, evaluation, writing) is known once a run has ended here. Where several
    go on at once, each is taken to be as fast as now until the end.
    """

    def __init__(self, steps: dict[Key, int]) -> None:
        self._steps = steps
        self._done: dict[Key, int] = {}
        self._begin: dict[Key, float] = {}
        self._updating: dict[Key, float] = {}
        self._latest: dict[Key, tuple[Progress, float]] = {}
        self._beside: list[float] = []
        self._ended: set[Key] = set()
        self._num_timed = 0

    @property
    def num_runs(self) -> int:
        """How many runs there are."""
        return len(self._steps)

    @property
    def num_steps(self) -> int:
        """The updates of all of them."""
        return sum(self._steps.values())

    @property
    def num_steps_done(self) -> int:
        """The updates that are done."""
        return sum(min(done, self._steps[key]) for key, done in self._done.items() if key in self._steps)

    def steps_done(self, run: Run) -> int:
        """Return how many of a run's updates are done."""
        return self._done.get(run.key, 0)

    def note(self, event: SweepEvent) -> None:
        """Take in what happened to a run."""
        run, key, now = event.run, event.run.key, time.monotonic()
        self._steps.setdefault(key, run.experiment.num_steps)
        if event.kind == "started":
            self._begin[key] = now
        elif event.record is not None:
            self._done[key] = self._steps[key]
            self._ended.add(key)
            if key in self._begin:
                self._beside.append(now - self._begin[key] - self._updating.get(key, 0.0))
        elif event.progress is not None:
            names = [stage.name for stage in run.experiment.plan]
            before = sum(stage.num_steps for stage in run.experiment.plan[: names.index(event.progress.stage)])
            self._done[key] = before + event.progress.step
            self._time(key, event.progress, now)

    def _time(self, key: Key, progress: Progress, now: float) -> None:
        """Count the time since the updates before, where those were of the same stage."""
        before, then = self._latest.get(key, (None, now))
        if before is not None and before.stage == progress.stage:
            self._updating[key] = self._updating.get(key, 0.0) + now - then
            self._num_timed += progress.step - before.step
        self._latest[key] = (progress, now)

    def seconds(self, event: SweepEvent) -> float | None:
        """Return the time that a run took from its start here to its end, with all that is done beside its updates."""
        begin = self._begin.get(event.run.key)
        return None if begin is None else time.monotonic() - begin

    def progress(self) -> str:
        """Say how many runs ended, and how long the others take where there are others."""
        left = f", {self.remaining()}" if len(self._ended) < self.num_runs else ""
        return f"{len(self._ended)} of {self.num_runs} runs{left}"

    def remaining(self) -> str:
        """Say how long all runs still take; before one has ended here, how long its updates do."""
        num_left = self.num_steps - self.num_steps_done
        if not num_left and not self._beside:
            return "updates done; evaluating and writing"
        if self._num_timed < MIN_TIMED:
            return "time left: measuring"
        at_once = max(1, len(self._begin.keys() - self._ended))
        updates = sum(self._updating.values()) / self._num_timed * num_left / at_once
        if not self._beside:
            return f"{duration(updates)} of updates left, then the evaluation"
        beside = (self.num_runs - len(self._ended)) * sum(self._beside) / len(self._beside) / at_once
        return f"{duration(updates + beside)} left"
