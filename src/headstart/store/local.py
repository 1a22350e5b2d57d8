"""A store on this machine's disk: who works on which run, and what is finished."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from headstart.errors import CheckpointError, NewerError, UsageError
from headstart.store.json_records import T, read_record, write_record
from headstart.store.layout import RunFolder, read_json, write_json
from headstart.store.older_records import Recorded, completed, recorded_setting
from headstart.store.record import RunRecord, RunStatus
from headstart.store.run_manifest import damaged_files, finish_run
from headstart.store.schema import SCHEMA_VERSION
from headstart.temporary import PREFIX, remove, remove_abandoned

KIND = "headstart store"
MARKER = "store.json"
"""The file that makes a folder a store."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LocalStore:
    """A folder of runs. Reading makes nothing; the folder appears with the first thing that is written.

    Several processes may share one store: each claims a run before it works on it.

    Raises:
        UsageError: if `root` is something else than a store.
        NewerError: if a newer headstart wrote it.
    """

    root: Path

    def __post_init__(self) -> None:
        object.__setattr__(self, "root", Path(self.root))
        _require_store(self.root)

    @property
    def exists(self) -> bool:
        """Whether anything was written yet."""
        return self._marker.is_file()

    def mark(self) -> None:
        """Make the folder a store of this schema, so that an older headstart does not take new runs for damaged."""
        schema = _schema_of(self._marker) if self.exists else None
        if schema == SCHEMA_VERSION:
            return
        if schema is not None:
            _log.warning(
                "%s holds runs of an older headstart (schema %s): reports show them, new runs do not reuse them",
                self.root,
                schema,
            )
        write_json(self._marker, {"kind": KIND, "schema_version": SCHEMA_VERSION})

    def run_folder(self, digest: str, seed: int) -> RunFolder:
        """Return the folder of a run, which need not exist."""
        return RunFolder(self.root / digest / f"seed-{seed}")

    def run_folders(self) -> list[RunFolder]:
        """Return the folders of all runs that were ever begun, sorted by experiment and seed."""
        found = [(path.parent.name, seed) for path in self.root.glob("*/seed-*") if (seed := _seed(path)) is not None]
        return [self.run_folder(digest, seed) for digest, seed in sorted(found)]

    def tidy(self, runs: Iterable[tuple[str, int]]) -> None:
        """Remove what dead processes left in the store's root, and where some runs lie, by digest and seed."""
        folders = [self.run_folder(digest, seed).folder for digest, seed in runs]
        for folder in dict.fromkeys([self.root, *(each.parent for each in folders), *folders]):
            remove_abandoned(folder)

    @contextmanager
    def claim(self, digest: str, seed: int) -> Iterator[bool]:
        """Try to claim a run for this process, without waiting; yields whether it is ours inside the block.

        The claim is an operating-system lock: it ends with the block or with the process, however that dies. Look
        whether the run is finished only inside: another process may have finished it a moment ago.
        """
        folder = self.run_folder(digest, seed)
        self.mark()
        folder.folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder.lock_file)
        try:
            lock.acquire(blocking=False)
        except Timeout:
            yield False
            return
        try:
            _remove_leftovers(folder)
            yield True
        finally:
            lock.release()

    def is_finished(self, digest: str, seed: int) -> bool:
        """Return whether a run has its result. A damaged result does not count: the run is done again.

        Raises:
            NewerError: if a newer headstart wrote the result, which is then not repeated.
        """
        return _finished(self.run_folder(digest, seed)) is not None

    def record(self, digest: str, seed: int) -> RunRecord | None:
        """Return how a run ended, None when it has not or its record is damaged.

        Raises:
            NewerError: if a newer headstart wrote the record.
        """
        return self._ended(self.run_folder(digest, seed), {})

    def records(self) -> list[RunRecord]:
        """Return the records of all ended runs by experiment and seed; damaged ones are named in a logged warning.

        Raises:
            NewerError: if a newer headstart wrote one of them.
        """
        experiments: dict[str, Recorded] = {}
        found = (self._ended(folder, experiments) for folder in self.run_folders())
        return [record for record in found if record is not None]

    def _ended(self, folder: RunFolder, experiments: dict[str, Recorded]) -> RunRecord | None:
        """Return how a run ended, completed by what lies beside it where an older headstart wrote less."""
        record = _finished(folder) or _read_record(folder.failed_json)
        if record is None or record.setting is not None:
            return record
        digest = record.experiment_digest
        if digest not in experiments:
            experiments[digest] = recorded_setting(self.experiment_json(digest))
        return completed(record, experiments[digest], folder.started_json)

    def finish(self, record: RunRecord) -> None:
        """Store the record of a finished run. From here on it counts, and an earlier failure no longer does."""
        if record.status is not RunStatus.FINISHED:
            raise ValueError(f"the run did not finish: {record.status}")
        folder = self.run_folder(record.experiment_digest, record.seed)
        self.mark()
        finish_run(folder, record)

    def fail(self, record: RunRecord) -> None:
        """Store the record of a run that diverged or stopped with an error."""
        if record.status is RunStatus.FINISHED:
            raise ValueError("the run finished")
        self.mark()
        write_record(self.run_folder(record.experiment_digest, record.seed).failed_json, record)

    def experiment_json(self, digest: str) -> Path:
        """Return the file that says what an experiment is."""
        return self.root / digest / "experiment.json"

    def write_experiment(self, digest: str, experiment: Any) -> None:
        """Store what an experiment is, a dataclass; what is there already stays: equal digests mean equal results."""
        path = self.experiment_json(digest)
        if not path.is_file():
            self.mark()
            write_record(path, experiment)

    def read_experiment(self, kind: type[T], digest: str) -> T:
        """Return what `write_experiment` stored, of the type `kind`.

        Raises:
            UsageError: if the store knows no such experiment.
            NewerError: if a newer headstart wrote the file.
            CheckpointError: if the file is damaged.
        """
        path = self.experiment_json(digest)
        if not path.is_file():
            raise UsageError(
                f"no experiment {digest!r} in {self.root}", remedy="  `headstart runs` lists what a store holds."
            )
        return read_record(kind, path)

    @property
    def _marker(self) -> Path:
        return self.root / MARKER


def existing_store(root: Path) -> LocalStore:
    """Return the store in a folder that is there.

    Raises:
        UsageError: if the folder does not exist or is not a store.
    """
    if not root.is_dir():
        raise UsageError(
            f"no such store: {root}", remedy="  Give the folder that `headstart compare` wrote its runs to."
        )
    return LocalStore(root)


def _require_store(root: Path) -> None:
    marker = root / MARKER
    if marker.is_file():
        _schema_of(marker)
    elif root.exists() and not root.is_dir():
        raise UsageError(f"{root} is a file, not a store", remedy="  Give a folder that is new, empty or a store.")
    # A store that another process is just making holds only names that start with a dot.
    elif root.is_dir() and any(not path.name.startswith(".") for path in root.iterdir()) and not marker.is_file():
        raise UsageError(
            f"{root} holds files but is not a headstart store: it has no store.json",
            remedy="  Give a folder that is new, empty or a store.",
        )


def _schema_of(marker: Path) -> int:
    """Return the schema of a store, which is one that we read."""
    values = read_json(marker)
    schema = values.get("schema_version")
    if values.get("kind") != KIND or not isinstance(schema, int):
        raise UsageError(f"{marker} is not from headstart", remedy="  Give a folder that is new, empty or a store.")
    if schema > SCHEMA_VERSION:
        raise NewerError(marker.parent, schema, SCHEMA_VERSION)
    return schema


def _seed(folder: Path) -> int | None:
    text = folder.name.removeprefix("seed-")
    return int(text) if text.isdecimal() and folder.is_dir() else None


def _remove_leftovers(folder: RunFolder) -> None:
    """Remove what a killed process was writing; the caller holds the claim, so nobody else writes here."""
    for path in list(folder.folder.rglob(f"{PREFIX}*")):
        remove(path)


def _finished(folder: RunFolder) -> RunRecord | None:
    """Return the record of a finished run; None, after a warning, when it is not the one that was written."""
    if not folder.run_json.exists():
        return None
    damages = damaged_files(folder, [folder.run_json])
    for damage in damages:
        _log.warning("%s; the run does not count", damage)
    return None if damages else _read_record(folder.run_json)


def _read_record(path: Path) -> RunRecord | None:
    """Return the record in a file; None when the file is missing, or, after a warning, when it is damaged."""
    try:
        return read_record(RunRecord, path)
    except FileNotFoundError:
        return None
    except CheckpointError as error:
        _log.warning("%s; it does not count", error)
    return None
