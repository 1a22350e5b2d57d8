"""The runs of a store on this machine's disk: who works on which one, and what is finished."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from headstart.atomic_files import remove
from headstart.errors import UsageError
from headstart.manifest import Damage
from headstart.safe_files import link_on_the_way, refuse_linked, refuse_links
from headstart.store.damage import DamagedRun, StoreDamage
from headstart.store.layout import EXPERIMENT_FILE, RunFolder
from headstart.store.marker import is_store, require_store, write_marker
from headstart.store.older_records import Recorded, completed, names_of, recorded_setting
from headstart.store.record import RunRecord, RunStatus
from headstart.store.run_manifest import fail_run, finish_run
from headstart.store.run_reading import read_run, read_run_for_report
from headstart.temporary import PREFIX, remove_abandoned, remove_quietly

FILES_OF_A_RUN = (".json", ".parquet")
MOST_DIGITS = 20
"""Of a seed in the name of a folder."""
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
        require_store(self.root)

    @property
    def exists(self) -> bool:
        """Whether anything was written yet."""
        return is_store(self.root)

    def mark(self) -> None:
        """Make the folder a store of this schema, so that an older headstart does not take new runs for damaged."""
        write_marker(self.root)

    def begin_writing(self, folder: Path) -> None:
        """Refuse to write into a folder that a link in the store leads elsewhere, then make the store one.

        Raises:
            DamageError: naming the link.
        """
        refuse_linked(folder, self.root)
        self.mark()

    def run_folder(self, digest: str, seed: int) -> RunFolder:
        """Return the folder of a run, which need not exist."""
        return RunFolder(self.root / digest / f"seed-{seed}")

    def run_folders(self) -> list[RunFolder]:
        """Return the folders of all runs that were ever begun, sorted by experiment and seed."""
        return [self.run_folder(digest, seed) for digest, seed in self._begun()]

    def _begun(self, digest: str = "*") -> list[tuple[str, int]]:
        """Return experiment and seed of every run that was ever begun, sorted."""
        return sorted(
            (path.parent.name, seed) for path in self.root.glob(f"{digest}/seed-*") if (seed := _seed(path)) is not None
        )

    def tidy(self, runs: Iterable[tuple[str, int]]) -> None:
        """Remove what dead processes left in the store's root, and where some runs lie, by digest and seed."""
        folders = [self.run_folder(digest, seed).folder for digest, seed in runs]
        for folder in dict.fromkeys([self.root, *(each.parent for each in folders), *folders]):
            if link_on_the_way(folder, self.root) is None:
                remove_abandoned(folder)

    @contextmanager
    def claim(self, digest: str, seed: int) -> Iterator[bool]:
        """Try to claim a run for this process, without waiting; yields whether it is ours inside the block.

        The claim is an operating-system lock: it ends with the block or with the process, however that dies. Look
        whether the run is finished only inside: another process may have finished it a moment ago.

        Raises:
            DamageError: if the run's folder is or holds a link: somebody else made it.
        """
        folder = self._prepared(digest, seed)
        lock = FileLock(folder.lock_file)
        try:
            lock.acquire(blocking=False)
        except Timeout:
            yield False
            return
        try:
            remove_leftovers(folder)
            yield True
        finally:
            lock.release()

    def _prepared(self, digest: str, seed: int) -> RunFolder:
        """Return the folder of a run, made where it was not there."""
        folder = self.run_folder(digest, seed)
        refuse_links(folder.folder, self.root)
        self.mark()
        folder.folder.mkdir(parents=True, exist_ok=True)
        return folder

    def is_lost(self, digest: str, seed: int) -> bool:
        """Whether another process took over a run that was claimed here: an operating system's lock is never lost."""
        return False

    def is_finished(self, digest: str, seed: int) -> bool:
        """Return whether a run has its result. A damaged result does not count: the run is done again.

        Raises:
            NewerError: if a newer headstart wrote the result, which is then not repeated.
        """
        record = self.record(digest, seed)
        return record is not None and record.status is RunStatus.FINISHED

    def record(self, digest: str, seed: int, *, warns: bool = True) -> RunRecord | None:
        """Return how a run ended; None when it has not, or when its record is damaged, which is logged if it `warns`.

        Raises:
            NewerError: if a newer headstart wrote the record.
        """
        reading = read_run(self.run_folder(digest, seed), digest, seed)
        for damage in reading.damages if warns else ():
            _log.warning("%s; the run does not count", damage)
        return None if reading.record is None else self._completed(reading.record, {})

    def records(self) -> list[RunRecord]:
        """Return the records of all ended runs by experiment and seed; damaged ones are named in logged warnings."""
        records, damage = self.read()
        for sentence in damage.sentences():
            _log.warning("%s", sentence)
        return records

    def records_of(self, digest: str) -> list[RunRecord]:
        """Return the records of an experiment's ended runs by seed; damaged ones are left out."""
        begun = [(each, seed) for each, seed in self._begun(digest) if each == digest]
        found = (read_run_for_report(self.run_folder(*each), *each, looks_beside=False).record for each in begun)
        return [record for record in found if record is not None]

    def damaged_beside(self, records: Iterable[RunRecord]) -> tuple[Damage, ...]:
        """Return what is wrong with the files that reports read beside some records."""
        runs = ((record.experiment_digest, record.seed) for record in records)
        return tuple(damage for run in runs for damage in read_run_for_report(self.run_folder(*run), *run).beside)

    def read(self) -> tuple[list[RunRecord], StoreDamage]:
        """Return the records of all ended runs by experiment and seed, and what is damaged.

        One bad file never keeps the others from being read. Of a run that counts, the files that reports read are
        looked at as well; weights are not.
        """
        experiments: dict[str, Recorded] = {}
        records: list[RunRecord] = []
        runs: list[DamagedRun] = []
        files: list[Damage] = []
        for digest, seed in self._begun():
            reading = read_run_for_report(self.run_folder(digest, seed), digest, seed)
            files += reading.beside
            if reading.damages:
                names = names_of(self.experiment_json(digest))
                runs.append(DamagedRun(digest=digest, seed=seed, damages=reading.damages, **names))
            if reading.record is not None:
                records.append(self._completed(reading.record, experiments))
        files += [each.damage for each in experiments.values() if each.damage is not None]
        return records, StoreDamage(runs=tuple(runs), files=tuple(files))

    def _completed(self, record: RunRecord, experiments: dict[str, Recorded]) -> RunRecord:
        """Return a record completed by what lies beside it where an older headstart wrote less."""
        if record.setting is not None:
            return record
        digest = record.experiment_digest
        if digest not in experiments:
            experiments[digest] = recorded_setting(self.experiment_json(digest))
        return completed(record, experiments[digest], self.run_folder(digest, record.seed).started_json)

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
        fail_run(self.run_folder(record.experiment_digest, record.seed), record)

    def experiment_json(self, digest: str) -> Path:
        """Return the file that says what an experiment is."""
        return self.root / digest / EXPERIMENT_FILE


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


def _seed(folder: Path) -> int | None:
    text = folder.name.removeprefix("seed-")
    is_seed = text.isascii() and text.isdecimal() and len(text) < MOST_DIGITS and str(int(text)) == text
    return int(text) if is_seed and folder.is_dir() else None


def remove_leftovers(folder: RunFolder) -> None:
    """Remove what a killed process was writing, and folders where files of ours belong.

    The caller holds the claim, so nobody else writes here.
    """
    for path in folder.folder.iterdir():
        if path.suffix in FILES_OF_A_RUN and path.is_dir():
            remove(path)
    for path in list(folder.folder.rglob(f"{PREFIX}*")):
        remove_quietly(path)
