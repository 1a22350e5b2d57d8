"""Where everything lies in a store, and how a file gets there: whole or not at all."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headstart.errors import CheckpointError, DamageError

TEMPORARY_PREFIX = ".tmp-"
"""Names that start so are unfinished files of a killed process: nobody reads them."""

MOST_BYTES = 1 << 26
"""Of a record, far more than one has."""


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary path in `path`'s folder for a block to write; afterwards it is renamed to `path`.

    The bytes reach the disk before the name does, so whoever finds `path` finds all of it. When the block raises, the
    temporary file is removed and `path` stays as it was. The folder is made if it is missing; the suffix is `path`'s.

    Raises:
        FileNotFoundError: if the block wrote nothing.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{TEMPORARY_PREFIX}{secrets.token_hex(4)}-{path.name}")
    try:
        yield temporary
        flush_to_disk(temporary)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    _flush_folder_to_disk(path.parent)


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


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON file that holds an object.

    Raises:
        CheckpointError: if the file is damaged.
        FileNotFoundError: if the file is missing.
    """
    return json_object(small_file(path), path)


def small_file(path: Path) -> bytes:
    """Return the content of a file that is one, and as small as those that headstart writes.

    Raises:
        DamageError: if it is something else, such as a pipe, which could be read for ever, or cannot be read.
        FileNotFoundError: if it is missing.
    """
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise DamageError(path, "it is no file")
        if status.st_size > MOST_BYTES:
            raise DamageError(path, f"it has {status.st_size} bytes, more than headstart writes")
        return path.read_bytes()
    except FileNotFoundError:
        raise
    except OSError as error:
        raise DamageError(path, f"it cannot be read: {error.strerror or error}") from error


def json_object(content: bytes, path: Path) -> dict[str, Any]:
    """Return the JSON object that is a file's content.

    Raises:
        CheckpointError: if it is none.
    """
    try:
        values = json.loads(content.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{path} is damaged: {error}") from error
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
