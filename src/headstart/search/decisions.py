"""What a search decided, written once and read by a call that goes on: held to the checksums beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

from headstart.atomic_files import json_text, write_text
from headstart.errors import DamageError
from headstart.manifest import MANIFEST_FILE, FileMark, Manifest, require_whole
from headstart.store.json_records import dump, read_record

T = TypeVar("T")


def write_decision(path: Path, value: Any) -> None:
    """Write a dataclass as a JSON file, after its checksum; both whole or not at all.

    Raises:
        DamageError: if the checksums of the decisions before it are damaged.
    """
    text = json_text(dump(value))
    try:
        before = Manifest.read(path.parent)
    except DamageError as error:
        raise DamageError(error.path, error.what, remedy=_begin_anew(path)) from error
    files = dict(before.files) if before is not None else {}
    Manifest(files | {path.name: FileMark.of_bytes(text.encode())}).write(path.parent)
    write_text(path, text)


def read_decision(kind: type[T], path: Path) -> T:
    """Return what `write_decision` wrote; an older headstart wrote no checksums.

    Raises:
        DamageError: if its bytes, or the checksums, changed.
        CheckpointError: if it is not what its kind is.
    """
    require_whole(path.parent, [path.name], remedy=_begin_anew(path))
    return read_record(kind, path)


def forget_decisions(folder: Path, *, last: str) -> None:
    """Remove all that `write_decision` wrote into a folder; a call that is killed leaves the `last` file.

    Raises:
        DamageError: if the checksums are damaged.
    """
    manifest = Manifest.read(folder)
    names = set(manifest.files) if manifest is not None else set()
    for name in (*(names - {last}), MANIFEST_FILE, last):
        (folder / name).unlink(missing_ok=True)


def _begin_anew(path: Path) -> str:
    return f"  Remove {path.parent} and give the same command again: the search begins anew."
