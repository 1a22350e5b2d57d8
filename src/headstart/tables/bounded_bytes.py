"""The bytes of a text file, plain or gzipped, with bounds that no text needs and a bomb exceeds."""

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
_BLOCK_BYTES = 1 << 18


class BoundError(ValueError):
    """A file that asks for more memory than a table of its size can need."""


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
        OSError: if it cannot be opened, or is a device.
    """
    status = path.stat()
    if not (stat.S_ISREG(status.st_mode) or stat.S_ISFIFO(status.st_mode)):
        raise OSError(0, "it is no file")
    with path.open("rb") as plain:
        if path.suffix.lower() == ".gz":
            most_bytes = max(FREE_BYTES, MOST_PACKED_RATIO * status.st_size)
            with gzip.open(plain) as unpacked:
                yield io.BufferedReader(_Bounded(unpacked, most_line_bytes, most_bytes), _BLOCK_BYTES)
        else:
            yield io.BufferedReader(_Bounded(plain, most_line_bytes, None), _BLOCK_BYTES)
