"""Temporary names that say whose they are, so that what a dead process left is recognised and removed.

A name is `.tmp-<machine>.<process>.<start>-<random>-<name>`. A process number is used again sooner or later, and is
another process in another container; with the time of its start, and a mark of the machine and its processes, it is
one process only. What comes from elsewhere, or from an older headstart, counts as abandoned when nothing in it was
written for a day.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

from headstart.errors import UsageError

PREFIX = ".tmp-"
"""Names that start so are unfinished: nobody reads them."""
OLDER_PREFIX = ".headstart-export-"
"""How older versions began the names of folders that an export worked in."""
QUIET_SECONDS = 24 * 3600.0
"""How long something of an unknown process has to be untouched to be abandoned."""
MOST_BYTES = 200
"""Of the last part: file systems take 255 bytes in all."""
_MAKER = re.compile(r"\.tmp-([0-9a-f]{8})\.(\d+)\.(\d+)-[0-9a-f]{8}-")


def require_name(path: Path) -> None:
    """Refuse a path that something new cannot be renamed to.

    Raises:
        UsageError: if it has no name of its own, as `.` has none.
    """
    if path.name in ("", ".."):
        raise UsageError(
            f"{path} has no name of its own that something new can have", remedy="  Give it one: my-model."
        )


def path_beside(path: Path, suffix: str) -> Path:
    """Return the path in the same folder whose name is that of `path`, and then the suffix.

    Raises:
        UsageError: if `path` has no name of its own, as `.` has none.
    """
    require_name(path)
    return path.with_name(path.name + suffix)


def temporary_path(path: Path) -> Path:
    """Return a path beside `path` for what is going to be renamed to it; the suffix is that of `path`.

    Raises:
        UsageError: if `path` has no name of its own, as `.` has none.
    """
    require_name(path)
    name = os.fsencode(path.name)[-MOST_BYTES:].decode(errors="ignore")
    pid = os.getpid()
    return path.with_name(f"{PREFIX}{_machine()}.{pid}.{_started(pid) or 0}-{secrets.token_hex(4)}-{name}")


def is_temporary(name: str) -> bool:
    """Whether a name is that of something unfinished."""
    return name.startswith((PREFIX, OLDER_PREFIX))


def is_abandoned(path: Path) -> bool:
    """Whether the process that was writing `path`, a temporary name, is dead."""
    made = _MAKER.match(path.name)
    if made is not None and made[1] == _machine() and os.name != "nt":
        return _started(int(made[2])) != int(made[3])
    return (made is not None or path.name.startswith(OLDER_PREFIX)) and is_quiet(path)


def remove_abandoned(folder: Path) -> None:
    """Remove what dead processes left in a folder; its own folders are not looked into. What resists stays."""
    with suppress(OSError):
        with os.scandir(folder) as entries:
            found = [folder / entry.name for entry in entries if is_temporary(entry.name)]
        for path in found:
            if is_abandoned(path):
                remove_quietly(path)


def remove_quietly(path: Path) -> None:
    """Remove a file or a folder with all that is in it; what resists stays."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()


def discard(folder: Path) -> None:
    """Remove a folder, which loses its name first: nobody finds half of it, whatever happens meanwhile.

    Raises:
        OSError: if it cannot lose its name.
    """
    last = temporary_path(folder)
    os.replace(folder, last)
    remove_quietly(last)


@contextmanager
def temporary_folder(beside: Path) -> Iterator[Path]:
    """Yield a new folder beside `beside`, for this user alone, and remove it after the block.

    What dead processes left there is removed before.
    """
    beside.parent.mkdir(parents=True, exist_ok=True)
    remove_abandoned(beside.parent)
    folder = temporary_path(beside)
    folder.mkdir(mode=0o700)
    try:
        yield folder
    finally:
        remove_quietly(folder)


@cache
def _machine() -> str:
    """Return a mark of this machine since it was started, and of the processes that see each other on it."""
    parts = [platform.node()]
    with suppress(OSError):
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text())
    with suppress(OSError):
        parts.append(os.readlink("/proc/self/ns/pid"))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:8]


def _started(pid: int) -> int | None:
    """Return when a process was started, in the system's unit; 0 where only its life is known; None if it is dead."""
    if os.path.isdir("/proc/self"):
        try:
            # The name, which may hold anything, stands in parentheses; state and start are the 3rd and 22nd field.
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            return None if fields[0] in "ZX" else int(fields[19])
        except (OSError, ValueError, IndexError):
            return None
    if os.name == "nt":  # where `os.kill` would end it
        return 0
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except OSError:
        return 0
    return 0


def is_quiet(path: Path) -> bool:
    """Whether nothing in a file or folder was written for a day."""
    try:
        inside = () if path.is_symlink() else path.rglob("*")  # What a link leads to lies elsewhere.
        latest: float = max(each.lstat().st_mtime for each in (path, *inside))
    except OSError:
        return False
    return time.time() - latest > QUIET_SECONDS
