"""Processes that work for this one: each has its share of the machine, and a pipe to here.

What goes through a pipe are our own values, between processes of one call.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import pickle
import signal
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from multiprocessing.context import SpawnProcess

LESS_MEMORY = "  Where memory is too little, give fewer `jobs` or a smaller `batch_size`."
"""What to do about a process that died."""
SECONDS_TO_END = 5.0
"""That a process has to end by itself, once nothing is to be done."""


class Worker:
    """A process with a share of the machine.

    Args:
        work: what it does with its end of the pipe; in a module, so that the process finds it.
        environment: variables that say which share it has, such as a number of threads.

    Attributes:
        order: what it was sent last.
    """

    def __init__(self, work: Callable[[Pipe], None], environment: Mapping[str, str]) -> None:
        self.environment = environment
        self.order: Any = None
        self.connection, self._process = self._started(work)

    def _started(self, work: Callable[[Pipe], None]) -> tuple[Connection, SpawnProcess]:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=_live, args=(work, theirs), daemon=True)
        with _variables(self.environment):
            process.start()
        theirs.close()
        return ours, process

    @property
    def pid(self) -> int:
        """The number of the process."""
        return self._process.pid or 0

    def send(self, order: Any) -> None:
        """Have something done, and remember what. That a worker is dead is noticed when it is listened to."""
        self.order = order
        try:
            self.connection.send(order)
        except OSError:
            return

    def receive(self) -> Any:
        """Return what the worker says next; None where it died. What it logged is logged here."""
        try:
            said = self.connection.recv()
            while isinstance(said, logging.LogRecord):
                logging.getLogger(said.name).handle(said)
                said = self.connection.recv()
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
        """End the process now, whatever it does."""
        self._process.kill()
        self._process.join()
        self.connection.close()

    def dismiss(self) -> None:
        """Let the process end, which does nothing at the moment."""
        self.connection.close()
        self._process.join(SECONDS_TO_END)
        if self._process.is_alive():
            self.end()


class Pipe:
    """The worker's end of the pipe. Where nobody listens any more, the process ends at once."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def say(self, message: Any) -> None:
        """Send something to who started this process."""
        try:
            self._connection.send(message)
        except OSError:
            os._exit(1)

    def orders(self) -> Iterator[Any]:
        """Yield what is sent here, until the other end is closed."""
        while True:
            try:
                order = self._connection.recv()
            except (EOFError, OSError):
                return
            yield order


def _live(work: Callable[[Pipe], None], connection: Connection) -> None:
    """Be a worker, from the beginning to the end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Control-C reaches all processes; who started them decides.
    pipe = Pipe(connection)
    logging.getLogger().handlers = [_Sender(pipe)]
    work(pipe)


def that_travels(error: Exception) -> Exception:
    """Return an error as it is, where another process can have it so, or its words."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return RuntimeError("".join(traceback.format_exception(error)))
    return error


class _Sender(logging.Handler):
    """Passes what is logged on to the process that shows things."""

    def __init__(self, pipe: Pipe) -> None:
        super().__init__()
        self._pipe = pipe

    def emit(self, record: logging.LogRecord) -> None:
        record.msg, record.args, record.exc_info = record.getMessage(), None, None
        self._pipe.say(record)


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
