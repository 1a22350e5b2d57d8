"""Bounds of a table in memory, which no table needs and a bomb exceeds, and the bytes of a text file held to them."""

from __future__ import annotations

import gzip
import io
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

MOST_LINE_BYTES = 1 << 27
"""Of one line of a table; memory for several copies of it is taken while it is read."""
MOST_DOCUMENT_BYTES = 1 << 29
"""Of one line of JSON, which may be a whole document."""
MOST_PACKED_RATIO, FREE_BYTES = 200, 1 << 28
"""Unpacked to packed bytes, looked at beyond so many unpacked ones: texts come to about 20."""
VALUE_BYTES = 8
"""What a value in memory counts at least, where a file says nothing of it but that it is there."""
_BLOCK_BYTES = 1 << 18


class BoundError(ValueError):
    """A file that asks for more memory than a table of its size can need."""


def most_bytes(packed: int) -> int:
    """Return the most bytes that a file of so many may unpack to."""
    return max(FREE_BYTES, MOST_PACKED_RATIO * packed)


def require_bytes(unpacked: int, packed: int, way_on: str) -> None:
    """Refuse what unpacks to more than a table of its size can need.

    Args:
        unpacked: bytes that are about to be taken.
        packed: bytes of the file.
        way_on: a clause that says what to do where it is to be so.

    Raises:
        BoundError: with all three.
    """
    if unpacked > most_bytes(packed):
        raise BoundError(
            f"has {packed:,} bytes and unpacks to {unpacked:,} or more, of which {most_bytes(packed):,} are read "
            f"({MOST_PACKED_RATIO} times its size, at least {FREE_BYTES >> 20} MiB); {way_on}"
        )


class _Bounded(io.RawIOBase):
    """Passes bytes on until a line, or all of them, are too many."""

    def __init__(self, source: io.BufferedIOBase, most_line_bytes: int, most_bytes: int | None) -> None:
        self._source, self._most_line_bytes, self._most_bytes = source, most_line_bytes, most_bytes
        self._in_line, self._in_all = 0, 0

    def readable(self) -> bool:
        return True

    def readinto(self, target: Any) -> int:
        block = self._source.read1(len(memoryview(target)))
        memoryview(target)[: len(block)] = block
        last = max(block.rfind(b"\n"), block.rfind(b"\r"))
        self._in_line = self._in_line + len(block) if last < 0 else len(block) - last
        self._in_all += len(block)
        if self._in_line > self._most_line_bytes:
            raise BoundError(f"has a line of more than {self._most_line_bytes >> 20} MiB: is it a table?")
        if self._most_bytes is not None and self._in_all > self._most_bytes:
            raise BoundError(
                f"unpacks to more than {MOST_PACKED_RATIO} times its size; where it is to be so, unpack it and give "
                "the unpacked file"
            )
        return len(block)


@contextmanager
def bounded_bytes(path: Path, most_line_bytes: int = MOST_LINE_BYTES) -> Iterator[io.BufferedReader]:
    """Open a file, unpacked where its suffix says so; reading on raises a `BoundError` where a bound is exceeded.

    Raises:
        OSError: if it cannot be opened, or is a pipe or a device.
    """
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise OSError(0, "it is no file, but a pipe or a device")
    with path.open("rb") as plain:
        if path.suffix.lower() == ".gz":
            with gzip.open(plain) as unpacked:
                bounded = _Bounded(unpacked, most_line_bytes, most_bytes(status.st_size))
                yield io.BufferedReader(bounded, _BLOCK_BYTES)
        elif stat.S_ISREG(status.st_mode) and status.st_size <= most_line_bytes:
            yield plain  # No line of it can be too long, and lines of a file as it is are read most quickly.
        else:
            yield io.BufferedReader(_Bounded(plain, most_line_bytes, None), _BLOCK_BYTES)
