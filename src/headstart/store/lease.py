"""Claims for disks whose locks cannot be trusted, as of networks: a lease that is kept by a heartbeat.

The holder of a lease changes its file every few seconds. Who finds the same content for long enough, by its own
monotonic clock, takes the lease over by making the next one; of several only one can, since no file is made twice. No
two clocks are ever compared, so it does not matter what they say. A holder that was taken over (a machine that slept)
finds the next lease, and may not write any more.
"""

from __future__ import annotations

import os
import re
import threading
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from headstart.atomic_files import write_text
from headstart.errors import HeadstartError

BEAT_SECONDS = 5.0
DEAD_SECONDS = 60.0
"""Of a lease that does not change: twelve beats, so that a slow network is not taken for a death."""
RELEASED = "released"
_NAME = re.compile(r"\.lease-(\d{1,9})")


class ClaimLostError(HeadstartError):
    """Another process took a claim over, since this one gave no sign of life."""


class Lease:
    """A lease that this process holds, from its making to its release.

    Attributes:
        is_lost: whether another process took it over, as far as is known.
    """

    def __init__(self, folder: Path, number: int, owner: str, beat: Callable[[threading.Event], bool]) -> None:
        self.is_lost = False
        self._folder, self._number, self._owner, self._beat = folder, number, owner, beat
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._keep, daemon=True)
        self._thread.start()

    def _keep(self) -> None:
        count = 0
        while not self._beat(self._ends):
            count += 1
            with suppress(OSError):  # the next beat may come through; too long a silence loses the lease
                if self._is_taken_over():
                    self.is_lost = True
                    return
                write_text(_path(self._folder, self._number), f"{self._owner} {count}")

    def _is_taken_over(self) -> bool:
        return _latest(self._folder) != self._number

    def require_held(self) -> None:
        """Hold that nobody took the lease over.

        Raises:
            ClaimLostError: if somebody did.
        """
        self.is_lost = self.is_lost or self._is_taken_over()
        if self.is_lost:
            raise ClaimLostError(f"another process took over what is done in {self._folder}")

    def release(self) -> None:
        """Let another process take it at once."""
        self._ends.set()
        self._thread.join()
        with suppress(OSError):
            if not self._is_taken_over():
                write_text(_path(self._folder, self._number), RELEASED)


class Leases:
    """What one process has seen of leases, and when.

    Args:
        now: seconds of a clock that never goes back.
        beat: waits for the time of the next beat; returns whether the lease ends.
    """

    def __init__(
        self,
        now: Callable[[], float] = time.monotonic,
        beat: Callable[[threading.Event], bool] = lambda ends: ends.wait(BEAT_SECONDS),
    ) -> None:
        self._now, self._beat = now, beat
        self._seen: dict[Path, tuple[str, float]] = {}

    def take(self, folder: Path) -> Lease | None:
        """Return the lease of a folder; None while another process holds it."""
        number = _latest(folder)
        if number and not self._is_free(_path(folder, number)):
            return None
        owner = uuid.uuid4().hex
        try:
            descriptor = os.open(_path(folder, number + 1), os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
        except FileExistsError:
            return None
        with os.fdopen(descriptor, "w") as file:
            file.write(f"{owner} 0")
        for old in _numbers(folder):
            if old <= number:
                _path(folder, old).unlink(missing_ok=True)
        return Lease(folder, number + 1, owner, self._beat)

    def _is_free(self, path: Path) -> bool:
        """Whether a lease is released, or showed no life for long."""
        try:
            content = path.read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:  # a moment ago it was taken over
            return False
        if content == RELEASED:
            return True
        before, since = self._seen.get(path, (None, 0.0))
        if content != before:
            self._seen[path] = (content, self._now())
            return False
        return self._now() - since > DEAD_SECONDS


def _path(folder: Path, number: int) -> Path:
    return folder / f".lease-{number}"


def _numbers(folder: Path) -> list[int]:
    found = (_NAME.fullmatch(entry) for entry in os.listdir(folder))
    return [int(each[1]) for each in found if each]


def _latest(folder: Path) -> int:
    """Return the number of the latest lease, from 1; 0 where there was none."""
    return max(_numbers(folder), default=0)
