"""What a run reads and what it leaves, as values that go to another machine and back."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from tempfile import gettempdir

from headstart.atomic_files import atomic_path
from headstart.cache import cache_folder
from headstart.experiments.run_data import RunDataCache
from headstart.experiments.task_rows import ReadRows, TaskRows
from headstart.manifest import MANIFEST_FILE
from headstart.models.source import HUB_FILES, ModelSource
from headstart.store.layout import RunFolder
from headstart.temporary import temporary_folder

Files = Mapping[str, bytes]
"""Contents by name, with `/`, in the order in which they are to be written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SentModel:
    """A model's files, and what they are known by."""

    name: str
    revision: str
    files: Files

    def placed(self) -> ModelSource:
        """Write the files where runs on this machine find them, unless they are there, and say where.

        Raises:
            MachineError: if they cannot be written.
        """
        root = cache_folder() or Path(gettempdir()) / "headstart"
        folder = root / "models" / self.revision.replace(":", "-").replace("/", "-")
        if not folder.is_dir():
            with temporary_folder(folder) as temporary:
                write_files(temporary, self.files)
                try:
                    os.rename(temporary, folder)
                except OSError:
                    if not folder.is_dir():  # another process was faster
                        raise
        return ModelSource(name=self.name, path=folder, revision=self.revision)


def sent_model(source: ModelSource) -> SentModel:
    """Return a model's files: those that the hub would be asked for."""
    paths = [path for path in sorted(source.path.rglob("*")) if path.is_file() and _is_of_model(path)]
    files = {path.relative_to(source.path).as_posix(): path.read_bytes() for path in paths}
    return SentModel(name=source.name, revision=source.revision, files=files)


def _is_of_model(path: Path) -> bool:
    return any(fnmatch(path.name, pattern) for pattern in HUB_FILES)


def cache_of(rows: ReadRows, model: SentModel) -> RunDataCache:
    """Return what runs share on a machine that has neither the rows nor the model of its own."""
    return RunDataCache(TaskRows(given=rows), model.placed())


def files_of_run(folder: RunFolder) -> Files:
    """Return all that a store holds of a run and of its experiment, by names in the store."""
    experiment = folder.folder.parent
    paths = [*(path for path in experiment.glob("*") if path.is_file()), *folder.folder.rglob("*")]
    kept = [path for path in paths if path.is_file() and not path.name.startswith(".")]
    store = experiment.parent
    return {path.relative_to(store).as_posix(): path.read_bytes() for path in sorted(kept, key=_place)}


def _place(path: Path) -> tuple[int, Path]:
    """Return the place in the order of writing: checksums come after all else, and records after them."""
    records = ("stage.json", "checkpoint.json", "run.json", "failed.json")
    return (1 if path.name == MANIFEST_FILE else 2 + records.index(path.name) if path.name in records else 0), path


def write_files(root: Path, files: Files) -> None:
    """Write files into a folder, in their order, each whole or not at all.

    Raises:
        MachineError: if they cannot be written.
    """
    for name, content in files.items():
        with atomic_path(root / name) as temporary:
            temporary.write_bytes(content)


def take_in(folder: RunFolder, files: Files) -> None:
    """Have a run's folder hold what came from another machine, and nothing else of the run.

    Raises:
        MachineError: if it cannot be written.
    """
    store = folder.folder.parents[1]
    own = f"{folder.digest}/{folder.folder.name}/"
    came = {name: content for name, content in files.items() if name.startswith(own)}
    for path in sorted(folder.folder.rglob("*"), reverse=True):
        name = path.relative_to(store).as_posix()
        if path.is_dir():
            if not any(path.iterdir()):
                path.rmdir()
        elif name not in came and not path.name.startswith("."):
            path.unlink()
    write_files(store, came)
