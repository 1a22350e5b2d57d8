"""Every state in which `kill -9` can leave a folder, taken from one undisturbed call.

A killed process leaves on disk what its file operations so far have made of it: what it holds in memory is lost,
and the system drops its locks. So the folder is copied just before each operation that changes it (opening for
writing, flushing, renaming, removing, making a folder), and a call on such a copy finds what it would find after a kill
at that instant. Compared with killing one call for every operation, this takes one call instead of n.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CHANGES = {
    "os.rename": (0, 1),
    "os.remove": (0,),
    "os.mkdir": (0,),
    "os.rmdir": (0,),
    "os.link": (0, 1),
    "os.symlink": (1,),
    "os.truncate": (0,),
}
"""Audited operations that change a folder, and which of their arguments are paths."""

WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


@dataclass(frozen=True, slots=True)
class TakeStates:
    """Copy a folder before every operation of this process that changes it.

    Attributes:
        folder: the folder that is watched.
        states: where its states go: `00000`, `00001`, ...; equal ones that follow each other only once.
    """

    folder: Path
    states: Path

    def __call__(self) -> None:
        """Watch from now on."""
        self.states.mkdir(parents=True, exist_ok=True)
        last: list[object] = [None]
        busy = [False]

        def take() -> None:
            if busy[0]:
                return
            busy[0] = True
            try:
                now = _signature(self.folder)
                if now != last[0]:
                    last[0] = now
                    to = self.states / f"{len(os.listdir(self.states)):05d}"
                    shutil.copytree(self.folder, to, symlinks=True, copy_function=shutil.copy2)
            finally:
                busy[0] = False

        watch_changes(self.folder, take)


def watch_changes(folder: Path, act: Callable[[], None]) -> None:
    """Call `act` just before every operation of this process that changes something below a folder."""
    root = str(folder.resolve())

    def is_inside(path: object) -> bool:
        if isinstance(path, (str, bytes, os.PathLike)):
            return os.path.abspath(os.fsdecode(path)).startswith(root)
        return True  # By an open file or folder: which one is not said.

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            path, _, flags = arguments
            if isinstance(flags, int) and flags & WRITING and not isinstance(path, int) and is_inside(path):
                act()
        elif event in CHANGES and any(is_inside(arguments[place]) for place in CHANGES[event]):
            act()

    flush = os.fsync

    def fsync(file: Any) -> None:
        act()
        flush(file)

    os.fsync = fsync
    sys.addaudithook(hook)


def _signature(folder: Path) -> tuple[object, ...]:
    found: list[object] = []
    for path in sorted(folder.rglob("*")):
        try:
            facts = path.lstat()
        except FileNotFoundError:
            continue
        is_file = path.is_file()
        found.append((str(path), facts.st_size if is_file else 0, facts.st_mtime_ns if is_file else 0, facts.st_ino))
    return tuple(found)


def restore(state: Path, folder: Path) -> None:
    """Put a folder back into a state."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(state, folder, symlinks=True)
