"""How a file gets to its place: whole or not at all."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from headstart.machine import writing
from headstart.temporary import remove_abandoned, remove_quietly, temporary_path


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary path in `path`'s folder for a block to write; afterwards it is renamed to `path`.

    The bytes reach the disk before the name does, so whoever finds `path` finds all of it. When the block raises, the
    temporary file is removed and `path` stays as it was. The folder is made if it is missing; the suffix is `path`'s.

    Raises:
        FileNotFoundError: if the block wrote nothing.
        MachineError: if the disk is full or read-only, or the file cannot be written for another such reason.
    """
    temporary = temporary_path(path)
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield temporary
            flush_to_disk(temporary)
            os.replace(temporary, path)
        finally:
            remove_quietly(temporary)
        _flush_folder_to_disk(path.parent)


@contextmanager
def output_path(path: Path) -> Iterator[Path]:
    """`atomic_path` for a file that a person asked for: what dead processes left beside it is removed first."""
    remove_abandoned(path.parent)
    with atomic_path(path) as temporary:
        yield temporary


def write_json(path: Path, values: Any) -> None:
    """Write values as indented JSON, whole or not at all.

    Raises:
        ValueError: if a number is not finite, for which JSON has no word.
    """
    write_text(path, json_text(values))


def json_text(values: Any) -> str:
    """Return values as indented JSON.

    Raises:
        ValueError: if a number is not finite, for which JSON has no word.
    """
    return json.dumps(values, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def write_text(path: Path, text: str) -> None:
    """Write text as UTF-8 with line feeds, whole or not at all."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def write_output(path: Path, text: str) -> None:
    """`write_text` for a file that a person asked for: what dead processes left beside it is removed first."""
    remove_abandoned(path.parent)
    write_text(path, text)


def remove(path: Path) -> None:
    """Remove a file, a link (not what it leads to), or a folder with all that is in it; nothing where there is none."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def flush_to_disk(path: Path) -> None:
    """Return when a file's bytes are on the disk."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _flush_folder_to_disk(folder: Path) -> None:
    """Make a rename survive a power cut. Windows has no such call and needs none."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
