"""Where everything lies in a store, and how a file gets there: whole or not at all."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headstart.errors import CheckpointError
from headstart.machine import writing
from headstart.safe_files import json_value, read_bytes
from headstart.temporary import remove_abandoned, temporary_path


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
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
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


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON file that holds an object.

    Raises:
        CheckpointError: if the file is damaged.
        FileNotFoundError: if the file is missing.
    """
    return json_object(read_bytes(path), path)


def json_object(content: bytes, path: Path) -> dict[str, Any]:
    """Return the JSON object that is a file's content.

    Raises:
        CheckpointError: if it is none.
    """
    values = json_value(content, path)
    if not isinstance(values, dict):
        raise CheckpointError(f"{path} is damaged: it should hold a JSON object")
    return values


def remove(path: Path) -> None:
    """Remove a file, a link (not what it leads to), or a folder with all that is in it; nothing where there is none."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def file_part(name: str) -> str:
    """Return the name of a task or of rows as a part of a file's name."""
    return name.replace("/", "-")


@dataclass(frozen=True, slots=True)
class RunFolder:
    """The folder of one run, and the names in it.

    Stages are numbered from 1 in folder names and from 0 in arguments, as in a strategy's plan.
    """

    folder: Path

    @property
    def digest(self) -> str:
        """Of the run's experiment."""
        return self.folder.parent.name

    @property
    def seed(self) -> int:
        """The run's seed."""
        return int(self.folder.name.removeprefix("seed-"))

    @property
    def started_json(self) -> Path:
        """Provenance, written when the run begins."""
        return self.folder / "started.json"

    @property
    def run_json(self) -> Path:
        """The run's record; its presence is what "finished" means."""
        return self.folder / "run.json"

    @property
    def failed_json(self) -> Path:
        """The record of a run that diverged or stopped with an error."""
        return self.folder / "failed.json"

    @property
    def lock_file(self) -> Path:
        """The file whose lock claims the run."""
        return self.folder / ".lock"

    def predictions(self, rows: str) -> Path:
        """Return the file of the predictions for one split, or for the rows of another task or file."""
        return self.folder / f"predictions.{file_part(rows)}.parquet"

    def stage_folder(self, index: int, name: str) -> Path:
        """Return the folder of the stage at `index` (from 0) of the plan."""
        return self.folder / f"{index + 1}-{name}"

    def stage_json(self, index: int, name: str) -> Path:
        """Return the record of a finished stage."""
        return self.stage_folder(index, name) / "stage.json"


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
