"""Predictions that survive a kill: finished pieces lie beside the output until all of them are there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet
from filelock import FileLock, Timeout

from headstart.atomic_files import atomic_path, json_text, remove, write_json
from headstart.errors import CheckpointError, UsageError
from headstart.machine import writing
from headstart.manifest import bytes_checksum
from headstart.safe_files import read_json
from headstart.temporary import PREFIX, discard, path_beside, remove_abandoned, remove_quietly

SUFFIX = ".partial"
KEY_FILE, LOCK_FILE, DONE_FILE = "key.json", ".lock", "done"
TRUNCATED = b"num_truncated"
CHECKSUM = "checksum"
"""In the key's file, of all else in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerKey:
    """Everything that answers depend on: equal keys give equal answers.

    Attributes:
        input: digest of the rows; `model`: of the model's folder.
        columns: how rows are read: options and names of columns.
        batch_size, precision, device: of the forward pass.
        chunk_rows: rows per piece.
        versions: of the libraries.
    """

    input: str
    model: str
    columns: str
    batch_size: int | None
    precision: str
    device: str
    chunk_rows: int
    versions: str


WORDS = {
    "input": "the rows",
    "model": "the model",
    "columns": "the columns, read or written, or how the file is read",
    "batch_size": "`batch_size`",
    "precision": "`precision`",
    "device": "the device",
    "chunk_rows": "the rows per piece",
    "versions": "the versions of the libraries",
}
"""What a key's fields are called in sentences."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """Answers to the rows of one chunk.

    Attributes:
        columns: the new columns.
        num_truncated: rows that lost tokens to the maximum length.
    """

    columns: pa.Table
    num_truncated: int

    @property
    def num_without_label(self) -> int:
        """The rows that got no label, where a row may get any number of them."""
        lists = [column for column in self.columns.columns if pa.types.is_list(column.type)]
        return sum(length == 0 for column in lists for length in pyarrow.compute.list_value_length(column).to_pylist())


@dataclass(frozen=True, slots=True)
class PartialFolder:
    """The folder `<out>.partial`: the key of its answers, and one Parquet file per finished chunk."""

    folder: Path

    def read(self, chunk: int, num_rows: int) -> Piece | None:
        """Return the finished answers to a chunk; None if there are none, or only such whose bytes changed."""
        for path in filter(Path.is_file, self.folder.glob(f"{_stem(chunk)}-*.parquet")):
            try:
                content = path.read_bytes()
                if path.name != _name(chunk, content):
                    continue
                columns = pyarrow.parquet.read_table(pa.BufferReader(content))
                num_truncated = int((columns.schema.metadata or {})[TRUNCATED])
            except (OSError, pa.ArrowException, KeyError, ValueError):
                continue
            if columns.num_rows == num_rows:
                return Piece(columns=columns.replace_schema_metadata(None), num_truncated=num_truncated)
        return None

    def write(self, chunk: int, piece: Piece) -> None:
        """Keep the answers to a chunk, whole or not at all, under a name that has the checksum of its bytes."""
        table = piece.columns.replace_schema_metadata({TRUNCATED: str(piece.num_truncated).encode()})
        with pa.BufferOutputStream() as stream:
            pyarrow.parquet.write_table(table, stream)
            content = stream.getvalue().to_pybytes()
        for damaged in self.folder.glob(f"{_stem(chunk)}-*.parquet"):
            remove(damaged)
        with atomic_path(self.folder / _name(chunk, content)) as temporary:
            temporary.write_bytes(content)

    def whole(self, suffix: str) -> Path:
        """Return where the output is written before it gets its name."""
        return self.folder / f"whole{suffix}"

    def has_pieces(self) -> bool:
        """Return whether anything is finished."""
        return any(self.folder.glob("answers-*.parquet"))

    def say_done(self) -> None:
        """Note that the next thing that happens is that the output gets its name."""
        (self.folder / DONE_FILE).touch()


def _stem(chunk: int) -> str:
    return f"answers-{chunk:08d}"


def _name(chunk: int, content: bytes) -> str:
    return f"{_stem(chunk)}-{bytes_checksum(content)}.parquet"


@contextmanager
def partial_folder(out: Path, key: AnswerKey) -> Iterator[PartialFolder]:
    """Open what an earlier call left beside `out`, or begin anew; no other process may do so at the same time.

    A block that ends well leaves nothing; one that raises leaves the finished chunks, for the next call.

    Raises:
        UsageError: if another process is at it, or the folder has another key.
        MachineError: if the disk is full, or the folder cannot be made for another such reason.
    """
    partial = PartialFolder(path_beside(out, SUFFIX))
    with writing(out):
        partial.folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(partial.folder / LOCK_FILE)
    _acquire(lock, out)
    is_finished = False
    try:
        for left in partial.folder.glob(f"{PREFIX}*"):
            remove_quietly(left)
        _require_same_key(partial, key)
        yield partial
        is_finished = True
    finally:
        # Windows cannot remove an open file.
        lock.release()
        if is_finished or not partial.has_pieces():
            with suppress(OSError):
                discard(partial.folder)


def remove_if_done(out: Path) -> None:
    """Remove the pieces of an output that is there, which a call left that was killed at its very end."""
    remove_abandoned(out.parent)
    folder = path_beside(out, SUFFIX)
    if out.exists() and (folder / DONE_FILE).exists():
        with suppress(OSError, Timeout), FileLock(folder / LOCK_FILE, blocking=False):
            discard(folder)


def _acquire(lock: FileLock, out: Path) -> None:
    try:
        with writing(out):
            lock.acquire(blocking=False)
    except Timeout:
        raise UsageError(f"another process is writing {out}", remedy="  Wait for it, or name another file.") from None


def _require_same_key(partial: PartialFolder, key: AnswerKey) -> None:
    path = partial.folder / KEY_FILE
    try:
        before = read_json(path)
        if before.pop(CHECKSUM, "") != _checksum(before):
            raise CheckpointError(f"{path} is damaged")
    except (FileNotFoundError, CheckpointError):
        before = {}
        _remove_pieces(partial)
    changed = [WORDS[field.name] for field in fields(key) if before.get(field.name) != getattr(key, field.name)]
    if changed and partial.has_pieces():
        raise UsageError(
            f"{partial.folder} holds an unfinished prediction, and since then changed: {', '.join(changed)}",
            remedy=f"  Call again as before to finish it, or remove {partial.folder} to begin anew.",
        )
    write_json(path, {**asdict(key), CHECKSUM: _checksum(asdict(key))})


def _checksum(values: dict[str, Any]) -> str:
    return bytes_checksum(json_text(values).encode())


def _remove_pieces(partial: PartialFolder) -> None:
    for path in partial.folder.glob("answers-*.parquet"):
        remove(path)
