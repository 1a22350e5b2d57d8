"""Small files are read in one way: regular files only, of a bounded size, and what cannot be read is said.

A folder that somebody else made may hold a pipe that never ends, a device, a link to somewhere else or a file of any
size where a small text is expected. Whoever reads a text, JSON or YAML of a store, a model folder or a recipe reads it
here.
"""

from __future__ import annotations

import errno
import json
import os
import stat
from pathlib import Path
from typing import Any, Literal

from headstart.errors import CheckpointError, DamageError

MOST_BYTES = 1 << 26
"""Of a small file, by default: 64 MiB, more than any vocabulary or record that we know."""
_BLOCK_BYTES = 1 << 16
_WITHOUT_WAITING = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
"""Otherwise opening a pipe waits until somebody writes into it."""
_OF_THE_MACHINE = (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EIO)
"""Errors that say nothing about the file: they pass on as they are."""


def read_bytes(path: Path, *, most_bytes: int = MOST_BYTES) -> bytes:
    """Return a small file's content.

    Args:
        path: of the file.
        most_bytes: a larger file is refused, before any of it is read.

    Raises:
        FileNotFoundError: if there is none.
        DamageError: if it is no regular file, or too large.
        CheckpointError: if it cannot be read.
    """
    try:
        descriptor = descriptor_of(path)
        try:
            content = _content(descriptor, path, most_bytes)
        finally:
            os.close(descriptor)
    except FileNotFoundError:
        raise
    except OSError as error:
        if error.errno in _OF_THE_MACHINE:
            raise
        raise CheckpointError(f"{path} cannot be read: {error.strerror or error}") from error
    return content


def descriptor_of(path: Path) -> int:
    """Open whatever is at a path for reading, without waiting; return its descriptor, which the caller closes.

    Raises:
        OSError: if it cannot be opened.
    """
    return os.open(path, _WITHOUT_WAITING)


def read_text(
    path: Path,
    *,
    most_bytes: int = MOST_BYTES,
    errors: Literal["strict", "replace"] = "strict",
) -> str:
    """Return the text of a small file in UTF-8, as `read_bytes` reads it; `errors` as Python decodes.

    Raises:
        FileNotFoundError: if there is none.
        DamageError: if it is no small regular file, or no text.
        CheckpointError: if it cannot be read.
    """
    try:
        return read_bytes(path, most_bytes=most_bytes).decode("utf-8", errors)
    except UnicodeDecodeError as error:
        raise DamageError(path, f"it is no text in UTF-8: {error}") from error


def read_json_value(path: Path, *, most_bytes: int = MOST_BYTES) -> Any:
    """Return what a small JSON file holds, as `read_bytes` reads it.

    Raises:
        FileNotFoundError: if there is none.
        DamageError: if it is no small regular file, or not JSON that can be read.
        CheckpointError: if it cannot be read.
    """
    return json_value(read_bytes(path, most_bytes=most_bytes), path)


def json_value(content: bytes, path: Path) -> Any:
    """Return what the JSON that is a file's content says.

    Raises:
        DamageError: if it is none, or nested so deeply that it cannot be read.
    """
    try:
        return json.loads(content.decode("utf-8"))
    except RecursionError as error:
        raise DamageError(path, "it is nested too deeply") from error
    except ValueError as error:
        raise DamageError(path, str(error)) from error


def require_file(path: Path) -> None:
    """Refuse what is no regular file, without opening it: a pipe would be waited for, and a device has no end.

    Raises:
        DamageError: if it is none, or a link that leads to nothing.
    """
    try:
        mode = path.stat().st_mode
    except OSError as error:
        if error.errno in _OF_THE_MACHINE:
            raise
        raise DamageError(path, f"it cannot be read: {error.strerror or error}") from error
    if not stat.S_ISREG(mode):
        raise DamageError(path, f"it should be a file, and is {_kind(mode)}")


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON file that holds an object.

    Raises:
        FileNotFoundError: if there is none.
        DamageError: if it is no small regular file, or holds no JSON object.
        CheckpointError: if it cannot be read.
    """
    return json_object(read_bytes(path), path)


def json_object(content: bytes, path: Path) -> dict[str, Any]:
    """Return the JSON object that is a file's content.

    Raises:
        DamageError: if it is none.
    """
    values = json_value(content, path)
    if not isinstance(values, dict):
        raise DamageError(path, "it should hold a JSON object")
    return values


def link_on_the_way(path: Path, root: Path) -> Path | None:
    """Return the first link on the way from a root, which may be one, to a path in it, or that path; None for none."""
    way = [each for each in (path, *path.parents) if each.is_relative_to(root) and each != root]
    return next((each for each in reversed(way) if each.is_symlink()), None)


def refuse_linked(path: Path, root: Path) -> None:
    """Refuse links on the way from a root to a path in it: what is written would go elsewhere.

    Raises:
        DamageError: naming the first one.
    """
    _refuse(link_on_the_way(path, root))


def refuse_links(folder: Path, root: Path) -> None:
    """Refuse links on the way from a root to a folder in it, and in the folder.

    Raises:
        DamageError: naming the first one.
    """
    refuse_linked(folder, root)
    inside = (Path(base) / name for base, folders, files in os.walk(folder) for name in (*folders, *files))
    _refuse(next(filter(Path.is_symlink, inside), None))


def _refuse(link: Path | None) -> None:
    if link is not None:
        remedy = "  Remove the link, or put what it leads to in its place."
        raise DamageError(link, "it is a link, through which nothing is written", remedy=remedy)


def _content(descriptor: int, path: Path, most_bytes: int) -> bytes:
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        raise DamageError(path, f"it should be a file, and is {_kind(status.st_mode)}")
    if status.st_size > most_bytes:
        raise DamageError(path, f"it has {status.st_size:,} bytes; at most {most_bytes:,} are read")
    content = b""
    while block := os.read(descriptor, max(status.st_size - len(content), _BLOCK_BYTES)):
        content += block
        if len(content) > most_bytes:
            raise DamageError(path, f"it grows while it is read; at most {most_bytes:,} bytes are read")
    return content


def _kind(mode: int) -> str:
    if stat.S_ISDIR(mode):
        return "a folder"
    return "a pipe" if stat.S_ISFIFO(mode) else "a device or a socket"
