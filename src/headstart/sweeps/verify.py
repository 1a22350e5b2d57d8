"""Every file of a store, a run or a model folder, held to the checksums that were written with it. Imports no torch."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from headstart.artifacts.folder_checks import INFO_FILE, RUN_FILE, require_checksums
from headstart.errors import CheckpointError, DamageError, UsageError
from headstart.manifest import MANIFEST_FILE, Damage, Listener, Manifest, write_manifest
from headstart.safe_files import read_json
from headstart.store.damage import damage_of
from headstart.store.declared import AXES_FILE, LOOKS_FILE, read_designs
from headstart.store.layout import ASKED_FILE, EXPERIMENT_FILE, ROWS_FOLDER, TASK_FILE, RunFolder
from headstart.store.local import LocalStore
from headstart.store.marker import is_store, lost_its_marker
from headstart.store.record import RunRecord
from headstart.store.run_manifest import finished_names
from headstart.store.run_reading import read_run_for_report
from headstart.sweeps.stored_runs import read_in_place

STORE, RUN, MODEL = "store", "run", "model folder"
ADAPTER_FILE = "adapter.json"
"""As `headstart.adapters.stored_adapter` has it, which takes torch to import."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """What was found in a folder.

    Attributes:
        kind: "store", "run" or "model folder".
        num_files: that have a checksum; `num_bytes` are theirs.
        damages: by file, what is not as it was written; empty where all is.
        without_checksums: what is finished and has none, as an older headstart wrote it, or they are lost.
    """

    kind: str
    num_files: int
    num_bytes: int
    damages: tuple[Damage, ...]
    without_checksums: tuple[Path, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Checksums:
    """What a store, a run or a model folder says that its files are.

    Attributes:
        kind: "store", "run" or "model folder"; `path` is where it lies.
        folders: those that have checksums of their own; `manifests` are theirs.
        damages: of the checksums themselves.
    """

    kind: str
    path: Path
    folders: tuple[Path, ...]
    manifests: Mapping[Path, Manifest]
    damages: tuple[Damage, ...]

    @classmethod
    def read(cls, path: str | Path) -> Checksums:
        """Return those of a folder.

        Raises:
            UsageError: if it is nothing that has checksums.
            NewerError: if a newer headstart wrote it.
        """
        path = Path(path)
        kind = kind_of(path)
        folders = _folders(kind, path)
        manifests, damages = dict[Path, Manifest](), list[Damage]()
        for folder in folders:
            try:
                found = Manifest.read(folder)
            except DamageError as error:
                damages.append(Damage(error.path, error.what))
            else:
                if found is not None:
                    manifests[folder] = found
        return cls(kind=kind, path=path, folders=folders, manifests=manifests, damages=tuple(damages))

    @property
    def num_bytes(self) -> int:
        """Of all files that have a checksum."""
        return sum(manifest.num_bytes for manifest in self.manifests.values())

    def verify(self, listener: Listener | None = None) -> Verification:
        """Check every byte; nothing is changed. `listener` is told how many were checked since its last call."""
        damages = list(self.damages)
        for folder, manifest in self.manifests.items():
            damages += manifest.damages(folder, _names(folder, manifest), listener)
        named = {damage.file for damage in damages}
        contradictions = _contradictions(self.kind, self.path, self.folders)
        damages += [damage for damage in contradictions if damage.file not in named]
        return Verification(
            kind=self.kind,
            num_files=sum(len(manifest.files) for manifest in self.manifests.values()),
            num_bytes=self.num_bytes,
            damages=tuple(sorted(damages, key=lambda damage: damage.file)),
            without_checksums=tuple(each for each in self.folders if each not in self.manifests and self._lacks(each)),
        )

    def _lacks(self, folder: Path) -> bool:
        """Return whether a folder should have checksums: an experiment where any of its runs has some."""
        has_run = any(other.parent == folder for other in self.manifests)
        return _is_finished(folder) or (has_run and (folder / EXPERIMENT_FILE).exists())


def verify(path: str | Path, listener: Listener | None = None) -> Verification:
    """Check every byte of a store, a run or a model folder that has a checksum, as `Checksums` does.

    Raises:
        UsageError: if the folder is none of these.
        NewerError: if a newer headstart wrote it.
    """
    return Checksums.read(path).verify(listener)


def kind_of(path: Path) -> str:
    """Return what a folder is.

    Raises:
        UsageError: if it is nothing that has checksums.
    """
    if is_store(path) or lost_its_marker(path):
        return STORE
    if path.name.startswith("seed-") and path.is_dir():
        return RUN
    if any((path / name).is_file() for name in (MANIFEST_FILE, INFO_FILE, ADAPTER_FILE)):
        return MODEL
    raise UsageError(
        f"{path} is neither a store nor a run nor a model folder" if path.exists() else f"no such folder: {path}",
        allowed="  A store is what `headstart compare` writes, with a store.json; a run is a folder "
        "seed-N in it; `headstart fit` writes a model folder.",
    )


def is_search(path: Path) -> bool:
    """Return whether a store is that of a search, which keeps what it decided, and checksums of that."""
    return any(os.path.lexists(path / name) for name in (MANIFEST_FILE, ASKED_FILE))


def renew_checksums(path: Path) -> None:
    """Take a model folder as it is: what its owner changed in it is no damage.

    Raises:
        UsageError: if it is a store or a run, whose files nobody is to change, or nothing that has checksums.
    """
    kind = kind_of(path)
    if kind != MODEL:
        raise UsageError(
            f"{path} is a {kind}: `renew` is for model folders",
            remedy="  Results are not to be edited: remove the run's folder and call `headstart compare` as before.",
        )
    write_manifest(path)


def _folders(kind: str, path: Path) -> tuple[Path, ...]:
    """Return the folders that have checksums of their own."""
    if kind != STORE:
        return (path,)
    store = LocalStore(path)
    rows = sorted(each for each in (path / ROWS_FOLDER).glob("*") if (each / TASK_FILE).is_file())
    experiments = sorted({each.parent for each in path.glob("*/seed-*")})
    decisions = (path,) if is_search(path) else ()
    return (*decisions, *experiments, *(run.folder for run in store.run_folders()), *rows)


def _names(folder: Path, manifest: Manifest) -> list[str] | None:
    return finished_names(RunFolder(folder), manifest) if folder.name.startswith("seed-") else None


def _is_finished(folder: Path) -> bool:
    """Return whether what a folder holds is there to be read, rather than being written."""
    return any((folder / name).exists() for name in (RUN_FILE, INFO_FILE, ADAPTER_FILE, TASK_FILE, ASKED_FILE))


def _contradictions(kind: str, path: Path, folders: Iterable[Path]) -> Iterator[Damage]:
    """Yield records that cannot be read, or are not of the place where they lie."""
    if kind == MODEL:
        yield from _half_a_folder(path)
        return
    records = []
    for folder in folders:
        digest, seed = folder.absolute().parent.name, folder.name.removeprefix("seed-")
        if folder.name.startswith("seed-") and seed.isdecimal():
            found = read_run_for_report(RunFolder(folder), digest, int(seed), looks_beside=False)
            records += [] if found.record is None else [found.record]
            yield from found.damages
    if kind == STORE:
        store = LocalStore(path)
        experiments = (store.experiment_json(folder.name) for folder in sorted(path.iterdir()))
        for experiment in filter(os.path.lexists, experiments):
            try:
                read_in_place(store, experiment.parent.name)
            except (CheckpointError, OSError) as error:
                yield damage_of(error, experiment)
        yield from _lost_designs(store, records)


def _lost_designs(store: LocalStore, records: Iterable[RunRecord]) -> Iterator[Damage]:
    """Yield what was declared before the first run of an experiment and does not go with its records any more."""
    for digest, why in read_designs(store, records).lost.items():
        name = AXES_FILE if why.startswith(AXES_FILE) else LOOKS_FILE
        yield Damage(store.root / digest / name, why.removeprefix(f"{name} is damaged: "))


def _half_a_folder(path: Path) -> Iterator[Damage]:
    """Yield the manifest of a model folder that says that it has one and has none."""
    info = path / INFO_FILE
    try:
        if info.is_file() and read_json(info).get("has_checksums"):
            require_checksums(path)
    except CheckpointError as error:
        yield damage_of(error, error.path if isinstance(error, DamageError) else info)
