"""Processes that do runs: each has its share of the machine, one run at a time, and a pipe to who sends them.

What goes through a pipe are our own values, between processes of one call. A worker that dies takes nothing with it but
the run that it was doing: the run's claim ends with the process, and what was stored of it stays.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import pickle
import signal
import time
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any

from headstart.experiments.experiment import Run
from headstart.store.local import LocalStore
from headstart.store.record import RunRecord
from headstart.sweeps.executor import Event, SweepEvent, SweepListener
from headstart.training.config import RunOptions

if TYPE_CHECKING:
    from multiprocessing.context import SpawnProcess

    from headstart.experiments.run_data import RunDataCache

THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS")
"""Variables that libraries take their number of threads from, when they are loaded."""
GPUS = "CUDA_VISIBLE_DEVICES"
SECONDS_BETWEEN = 0.2
"""Between two messages of how far a run is."""
SECONDS_TO_END = 5.0
"""That a worker has to end by itself, once nothing is to be done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A run to do, and the store that keeps it."""

    run: Run
    store: LocalStore
    options: RunOptions


@dataclass(frozen=True, slots=True)
class Done:
    """The answer to an order: the run's record, None while a process that is no worker of ours has the run."""

    record: RunRecord | None


@dataclass(frozen=True, slots=True)
class Failed:
    """The answer to an order that no run could be done after: a full disk, say."""

    error: Exception


Message = SweepEvent | logging.LogRecord | Done | Failed


class Worker:
    """A process with a share of the machine.

    Attributes:
        environment: variables that say which share it has, such as a number of threads.
        order: what it was sent last.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.environment = environment
        self.order: Order | None = None
        self.connection, self._process = self._started()

    def _started(self) -> tuple[Connection, SpawnProcess]:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=work, args=(theirs,), daemon=True)
        with _variables(self.environment):
            process.start()
        theirs.close()
        return ours, process

    @property
    def pid(self) -> int:
        """The number of the process."""
        return self._process.pid or 0

    def send(self, order: Order) -> None:
        """Have a run done. A worker that is dead is noticed when its answer is received."""
        self.order = order
        try:
            self.connection.send(order)
        except OSError:
            return

    def receive(self) -> Message | None:
        """Return what the worker says next; None where it died."""
        try:
            said: Message = self.connection.recv()
        except (EOFError, OSError):
            return None
        return said

    def death(self) -> str:
        """Say how a dead worker ended."""
        self._process.join(SECONDS_TO_END)
        code = self._process.exitcode
        if code is not None and code < 0:
            return f"it was ended by the signal {signal.Signals(-code).name}"
        return f"it ended with the exit code {code}"

    def end(self) -> None:
        """End the process now, whatever it does; the store bears that."""
        self._process.kill()
        self._process.join()
        self.connection.close()

    def dismiss(self) -> None:
        """Let the process end, which does nothing at the moment."""
        self.connection.close()
        self._process.join(SECONDS_TO_END)
        if self._process.is_alive():
            self.end()


def work(connection: Connection) -> None:
    """Do what comes through a pipe, until the other end is closed: the life of a worker."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Control-C reaches all processes; who sends runs decides.
    from headstart.experiments.run_data import RunDataCache
    from headstart.models.quiet import quiet_transformers

    quiet_transformers()
    speaker, cache = _Speaker(connection), RunDataCache()
    root = logging.getLogger()
    root.handlers = [_Sender(speaker)]
    while True:
        try:
            order = connection.recv()
        except (EOFError, OSError):
            return
        speaker.say(_answer(order, cache, speaker.listen))


def _answer(order: Order, cache: RunDataCache, listener: SweepListener) -> Done | Failed:
    from headstart.sweeps.attempt import Attempts

    try:
        return Done(Attempts(order.store, order.options, listener, cache).attempt(order.run))
    except Exception as error:
        return Failed(_that_travels(error))


def _that_travels(error: Exception) -> Exception:
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return RuntimeError("".join(traceback.format_exception(error)))
    return error


class _Speaker:
    """The worker's end of the pipe. Where nobody listens any more, the process ends at once: its run is claimed."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._last = 0.0

    def say(self, message: Message) -> None:
        try:
            self._connection.send(message)
        except OSError:
            os._exit(1)

    def listen(self, event: SweepEvent) -> None:
        """Pass an event on, but for updates that follow too fast."""
        progress = event.progress
        if event.kind is Event.PROGRESS and progress is not None and progress.step < progress.num_steps:
            if time.monotonic() - self._last < SECONDS_BETWEEN:
                return
            self._last = time.monotonic()
        self.say(event)


class _Sender(logging.Handler):
    """Passes what is logged on to the process that shows things."""

    def __init__(self, speaker: _Speaker) -> None:
        super().__init__()
        self._speaker = speaker

    def emit(self, record: logging.LogRecord) -> None:
        record.msg, record.args, record.exc_info = record.getMessage(), None, None
        self._speaker.say(record)


@contextmanager
def _variables(values: Mapping[str, str]) -> Iterator[None]:
    """Set variables of the environment inside the block: a process that starts in it has them."""
    before: dict[str, Any] = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
