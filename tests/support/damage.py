"""What a disk, a copy or a stranger can make of one file, and what a call on it may then say."""

from __future__ import annotations

import os
import shutil
import tempfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.support.commands import Outcome

TEXT = (".json", ".jsonl", ".md", ".txt", ".csv")


def flip(path: Path) -> None:
    """Flip one bit: in a text the lowest of a digit, so that it stays a valid number, else one of the second half."""
    data = bytearray(path.read_bytes())
    place = zlib.crc32(path.name.encode())
    if path.suffix in TEXT:
        digits = [at for at, byte in enumerate(data) if 48 <= byte <= 57] or list(range(len(data)))
        data[digits[place % len(digits)]] ^= 1
    elif data:
        data[len(data) // 2 + place % (len(data) - len(data) // 2)] ^= 0x40
    path.write_bytes(data)


def truncate(path: Path) -> None:
    """Leave the first two thirds."""
    os.truncate(path, path.stat().st_size * 2 // 3)


def empty(path: Path) -> None:
    """Leave nothing."""
    os.truncate(path, 0)


def remove(path: Path) -> None:
    """Take the file away."""
    path.unlink()


def become_folder(path: Path) -> None:
    """Put a folder in its place."""
    path.unlink()
    path.mkdir()


def become_link(path: Path) -> None:
    """Put a link in its place, to a file elsewhere in which one bit is otherwise."""
    elsewhere = Path(tempfile.mkdtemp(prefix="headstart-tests-")) / path.name
    shutil.copyfile(path, elsewhere)
    flip(elsewhere)
    path.unlink()
    path.symlink_to(elsewhere)


def become_fifo(path: Path) -> None:
    """Put a FIFO in its place: whoever opens it waits for ever."""
    path.unlink()
    os.mkfifo(path)


DAMAGE: dict[str, Callable[[Path], None]] = {
    "flip": flip,
    "truncate": truncate,
    "empty": empty,
    "remove": remove,
    "folder": become_folder,
    "link": become_link,
    "fifo": become_fifo,
}

SAME, NAMED, SILENT, TRACEBACK, UNNAMED, HANGS = "same", "named", "silent", "traceback", "unnamed", "hangs"
GOOD = frozenset({SAME, NAMED})


def files_of(folder: Path) -> Iterator[str]:
    """Yield the names of a folder's files that say something: all but locks."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.name != ".lock":
            yield str(path.relative_to(folder))


def judged(outcome: Outcome, answer: object, undamaged: object, name: str) -> str:
    """Say what a call on a folder with one damaged file did.

    Args:
        outcome: how the call ended.
        answer: what it answered.
        undamaged: what it answers on the undamaged folder.
        name: of the damaged file.

    Returns:
        "same" (the right answer: healed, or the file is not read), "named" (the file is named, whatever was answered),
        or what must never be: "silent" (another answer), "traceback", "unnamed" (refused without the file's name) or
        "hangs".
    """
    if outcome.code is None:
        return HANGS
    if outcome.crashed:
        return TRACEBACK
    if Path(name).name in outcome.said:
        return NAMED
    if outcome.code == 0:
        return SAME if answer == undamaged else SILENT
    return UNNAMED
