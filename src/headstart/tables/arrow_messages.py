"""What the messages of an Arrow file or stream unpack to: each buffer declares it, and no reader tells before."""

from __future__ import annotations

import struct
from collections.abc import Iterator

import pyarrow as pa

from headstart.tables.bounded_bytes import BoundError, require_bytes

_END_BYTES = 10
"""Of an Arrow file, behind its index: the index's length and a mark."""


def require_unpacked(source: pa.NativeFile, way_on: str) -> None:
    """Refuse an Arrow file or stream whose buffers unpack to more than a table of its size can need.

    Args:
        source: the file, open; where it stands afterwards is not defined.
        way_on: a clause that says what to do where it is to be so.

    Raises:
        BoundError: if they do, or say nothing that can be.
        pyarrow.ArrowException, OSError: if a message cannot be read.
    """
    try:
        pa.ipc.open_file(source)
        messages = _messages_of_file(source)
    except pa.ArrowInvalid:
        source.seek(0)
        messages = iter(pa.ipc.MessageReader.open_stream(source))
    try:
        require_bytes(sum(map(_unpacked_bytes, messages)), source.size(), way_on)
    except struct.error as error:
        raise BoundError(f"cannot be read as Arrow: a message leads out of itself ({error})") from error


def _messages_of_file(source: pa.NativeFile) -> Iterator[pa.ipc.Message]:
    """Yield the messages that an Arrow file's index names.

    Source: Apache Arrow, columnar format, "IPC file format"; the index is that of File.fbs.
    """
    size = source.size()
    source.seek(size - _END_BYTES)
    (length,) = struct.unpack("<i", source.read(4))
    source.seek(size - _END_BYTES - length)
    index = memoryview(source.read(length))
    for field in (2, 3):
        for place in _Table.root(index).structs(field, "<q16x"):
            source.seek(place[0])
            yield pa.ipc.read_message(source)


def _unpacked_bytes(message: pa.ipc.Message) -> int:
    """Return the bytes that the buffers of an Arrow message unpack to; 0 where they are not compressed.

    Source: Apache Arrow, columnar format, "Buffer compression"; the tables are those of Message.fbs.
    """
    if message.body is None or message.type not in ("record batch", "dictionary"):
        return 0
    about, body = memoryview(message.metadata), memoryview(message.body)
    table = _Table.root(about).table(2)
    batch = table.table(1) if message.type == "dictionary" else table
    if not batch.has(3):
        return 0
    starts = (place for place, length in batch.structs(2, "<qq") if length)
    return sum(max(0, struct.unpack_from("<q", body, place)[0]) for place in starts)


class _Table:
    """A table of FlatBuffers: its fields stand where a second table, of offsets, says."""

    def __init__(self, content: memoryview, place: int) -> None:
        self._content, self._place = content, place
        self._offsets = place - struct.unpack_from("<i", content, place)[0]

    @classmethod
    def root(cls, content: memoryview) -> _Table:
        """Return the table that a content is."""
        return cls(content, struct.unpack_from("<I", content)[0])

    def has(self, field: int) -> bool:
        """Whether a field is there."""
        return self._offset(field) > 0

    def table(self, field: int) -> _Table:
        """Return the table that a field refers to."""
        return _Table(self._content, self._target(field))

    def structs(self, field: int, layout: str) -> Iterator[tuple[int, ...]]:
        """Yield the structs of this layout in the vector that a field refers to; nothing where it is left out."""
        if not self.has(field):
            return
        place = self._target(field)
        (number,) = struct.unpack_from("<I", self._content, place)
        for each in range(number):
            yield struct.unpack_from(layout, self._content, place + 4 + struct.calcsize(layout) * each)

    def _offset(self, field: int) -> int:
        (length,) = struct.unpack_from("<H", self._content, self._offsets)
        inside = 4 + 2 * field
        return struct.unpack_from("<H", self._content, self._offsets + inside)[0] if inside < length else 0

    def _target(self, field: int) -> int:
        place = self._place + self._offset(field)
        return int(place + struct.unpack_from("<I", self._content, place)[0])
