"""The command line in processes of its own that start at once: forked from one that has imported everything."""

from __future__ import annotations

import io
import os
import select
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import connection
from pathlib import Path
from unittest import mock

from tests.support.paths import REPOSITORY
from tests.support.processes import CONTEXT

MOST_WORK = 60.0
"""Seconds of processor time after which a call is stopped and counts as endless, however busy the machine is."""
STANDS_STILL = 20.0
"""Seconds after which a call that does nothing is stopped: it waits for what never comes."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a call ended.

    Attributes:
        code: the exit code; below 0 for a signal; None where it had to be stopped.
        said: standard output and standard error, in the order in which they were written.
    """

    code: int | None
    said: str

    @property
    def crashed(self) -> bool:
        """Whether a person would read a traceback, or nothing at all."""
        return "Traceback (most recent call last)" in self.said or (self.code is not None and self.code < 0)


def call(
    arguments: tuple[object, ...],
    folder: Path,
    *,
    before: Callable[[], None] | None = None,
    cache: Path | None = None,
    seconds: float = MOST_WORK,
    kill_after: float | None = None,
    environment: dict[str, str] | None = None,
) -> Outcome:
    """Call `headstart` in a folder.

    Args:
        arguments: the verb and what follows it.
        folder: the working directory.
        before: called in the new process first, such as to watch its file operations; must pickle.
        cache: the folder of what can be made again; by default the tests' own.
        seconds: of processor time, after which the call is stopped.
        kill_after: seconds after which the call is killed, as by `kill -9`.
        environment: what its environment has beside this process's.
    """
    reader, writer = CONTEXT.Pipe(duplex=False)
    paths = os.pathsep.join(str(REPOSITORY / part) for part in ("src", "runtime/src", ""))
    own = {"PYTHONPATH": paths, "COLUMNS": "200"}
    environment = {**os.environ, **own, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", **(environment or {})}
    if cache is not None:
        environment["HEADSTART_CACHE"] = str(cache)
    process = CONTEXT.Process(target=_run, args=(writer, environment, folder, tuple(map(str, arguments)), before))
    with mock.patch.dict(os.environ, environment):
        process.start()
    writer.close()
    watch = _Watch(process.pid or 0, seconds, kill_after)
    said = b""
    while not watch.is_over():
        if select.select([reader.fileno()], [], [], watch.pause())[0]:
            chunk = os.read(reader.fileno(), 1 << 16)
            if not chunk:
                process.join()
                break
            said += chunk
    stopped = process.exitcode is None
    process.kill()
    process.join()
    reader.close()
    code = None if stopped and kill_after is None else process.exitcode
    process.close()
    return Outcome(code, said.decode(errors="replace"))


class _Watch:
    """Says when a process has had its time."""

    def __init__(self, pid: int, seconds: float, kill_after: float | None) -> None:
        self.stat, self.seconds = Path(f"/proc/{pid}/stat"), seconds
        self.end = None if kill_after is None else time.monotonic() + kill_after
        self.worked, self.moved_at = 0.0, time.monotonic()

    def pause(self) -> float:
        """Return for how many seconds nobody needs to look."""
        return 0.5 if self.end is None else max(0.0, min(0.5, self.end - time.monotonic()))

    def is_over(self) -> bool:
        """Return whether the process is to be stopped."""
        now = time.monotonic()
        if self.end is not None:
            return now >= self.end
        try:
            fields = self.stat.read_text().rpartition(")")[2].split()
        except FileNotFoundError:
            return now - self.moved_at > STANDS_STILL  # It ended: what it said last is still to be read.
        worked = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        if worked > self.worked:
            self.worked, self.moved_at = worked, now
        return worked > self.seconds or now - self.moved_at > STANDS_STILL


def _run(
    writer: connection.Connection,
    environment: dict[str, str],
    folder: Path,
    arguments: tuple[str, ...],
    before: Callable[[], None] | None,
) -> None:
    os.dup2(writer.fileno(), 1)
    os.dup2(writer.fileno(), 2)
    writer.close()
    # The ones of the process that this one was forked from may remember a place in a file.
    sys.stdout = io.TextIOWrapper(io.FileIO(1, "w", closefd=False), encoding="utf-8", line_buffering=True)
    sys.stderr = io.TextIOWrapper(io.FileIO(2, "w", closefd=False), encoding="utf-8", line_buffering=True)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.clear()
    os.environ |= environment
    os.chdir(folder)
    import torch

    from headstart.cli.main import main

    torch.set_num_threads(1)
    sys.argv = ["headstart", *arguments]
    if before is not None:
        before()
    main()
