"""Who has runs done: the interface, and what it tells a listener."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from headstart.experiments.experiment import Run
from headstart.store.local import LocalStore
from headstart.store.record import RunRecord
from headstart.training.callbacks import Progress
from headstart.training.config import RunOptions

POLL_SECONDS = 2.0
"""Between two looks at a run that another process has."""


class Event(StrEnum):
    """What an executor tells its listener about a run."""

    SKIPPED = "skipped"
    STARTED = "started"
    PROGRESS = "progress"
    ENDED = "ended"
    ELSEWHERE = "elsewhere"
    """Another process has claimed the run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepEvent:
    """One thing that happened to one run; `record` comes with its end, `progress` with its updates."""

    kind: Event
    run: Run
    record: RunRecord | None = None
    progress: Progress | None = None


SweepListener = Callable[[SweepEvent], None]


class Executor(Protocol):
    """Has runs done, in a store and with workers that are its own business."""

    def execute(self, runs: Sequence[Run]) -> list[RunRecord]:
        """Have all runs finished: skip what is, resume what was cut off, try errors again, wait for other processes.

        A run that fails is recorded and the others go on. Returns the records in the order of `runs`.
        """
        ...

    def elsewhere(self, store: LocalStore, options: RunOptions) -> Executor:
        """Return an executor with the same workers and listener that keeps its runs in another store."""
        ...
