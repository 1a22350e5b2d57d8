"""What a process does that does runs: one after another, as they are sent to it.

A process that dies takes nothing with it but the run that it was doing: the run's claim ends with it, and what was
stored of the run stays.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from headstart.processes import Pipe, that_travels
from headstart.store.record import RunRecord
from headstart.sweeps.executor import Event, SweepEvent, SweepListener
from headstart.sweeps.order import Order

if TYPE_CHECKING:
    from headstart.experiments.run_data import RunDataCache

SECONDS_BETWEEN = 0.2
"""Between two messages of how far a run is."""


@dataclass(frozen=True, slots=True)
class Done:
    """The answer to an order: the run's record, None while a process that is no worker of ours has the run."""

    record: RunRecord | None


@dataclass(frozen=True, slots=True)
class Failed:
    """The answer to an order that no run could be done after: a full disk, say."""

    error: Exception


Message = SweepEvent | Done | Failed


def do_runs(pipe: Pipe) -> None:
    """Do the runs that come through a pipe."""
    from headstart.experiments.run_data import RunDataCache
    from headstart.models.own_process import prepare_process

    prepare_process()
    cache, listen = RunDataCache(), _seldom(pipe.say)
    for order in pipe.orders():
        pipe.say(_answer(order, cache, listen))


def _answer(order: Order, cache: RunDataCache, listener: SweepListener) -> Done | Failed:
    from headstart.sweeps.attempt import Attempts

    try:
        return Done(Attempts(order.store, order.options, listener, cache).attempt(order.run))
    except Exception as error:
        return Failed(that_travels(error))


def _seldom(listener: SweepListener) -> SweepListener:
    """Return a listener that passes events on, but for updates that follow too fast; the last of a stage is told."""
    last = 0.0

    def listen(event: SweepEvent) -> None:
        nonlocal last
        progress = event.progress
        if event.kind is Event.PROGRESS and progress is not None and progress.step < progress.num_steps:
            if time.monotonic() - last < SECONDS_BETWEEN:
                return
            last = time.monotonic()
        listener(event)

    return listen
