"""A new folder that appears whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from headstart.atomic_files import flush_to_disk
from headstart.errors import UsageError
from headstart.machine import writing
from headstart.manifest import write_manifest
from headstart.temporary import remove_abandoned, remove_quietly, temporary_path


@contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """Yield a temporary folder beside `folder` for a block to fill; afterwards it is renamed to `folder`.

    Before that it gets the checksums of all its files. When the block raises, nothing of it is left. What a killed
    process left beside `folder` is removed first.

    Raises:
        UsageError: if `folder` is there already and not empty, or a file.
        MachineError: if the disk is full or read-only, or the folder cannot be written for another such reason.
    """
    require_empty(folder)
    temporary = temporary_path(folder)
    with writing(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        remove_abandoned(folder.parent)
        temporary.mkdir()
        try:
            yield temporary
            write_manifest(temporary)
            for path in temporary.rglob("*"):
                if path.is_file():
                    flush_to_disk(path)
            require_empty(folder)
            if folder.is_dir():
                folder.rmdir()
            os.replace(temporary, folder)
        finally:
            remove_quietly(temporary)


def require_empty(folder: Path) -> None:
    """Refuse to write into what is there already: a model's own source folder among it.

    Raises:
        UsageError: if `folder` is a file or a folder that is not empty.
    """
    if folder.is_file() or (folder.is_dir() and any(folder.iterdir())):
        raise UsageError(
            f"{folder} is there already",
            allowed="  A model is written into a new or an empty folder.",
            remedy="  Name another folder, or remove this one.",
        )
