"""Every file of a store, a run or a model folder, held to the checksums that were written with it. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from headstart.errors import CheckpointError, DamageError, UsageError
from headstart.manifest import MANIFEST_FILE, Damage, Listener, Manifest, write_manifest
from headstart.safe_files import read_json
from headstart.store.damage import damage_of
from headstart.store.layout import RunFolder
from headstart.store.local import LocalStore
from headstart.store.marker import is_store
from headstart.store.run_manifest import finished_names
from headstart.store.run_reading import read_run_for_report
from headstart.sweeps.stored_runs import read_in_place

STORE, RUN, MODEL = "store", "run", "model folder"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """What was found in a folder.

    Attributes:
        kind: "store", "run" or "model folder".
        num_files: that have a checksum; `num_bytes` are theirs.
        damages: by file, what is not as it was written; empty where all is.
        without_checksums: finished runs and model folders of an older headstart, which nothing can be said of.
    """

    kind: str
    num_files: int
    num_bytes: int
    damages: tuple[Damage, ...]
    without_checksums: tuple[Path, ...]


def verify(path: str | Path, listener: Listener | None = None) -> Verification:
    """Check every byte of a store, a run or a model folder that has a checksum; nothing is changed.

    Args:
        path: the folder.
        listener: is told how many bytes were checked since its last call.

    Raises:
        UsageError: if the folder is none of these.
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
    for folder, manifest in manifests.items():
        damages += manifest.damages(folder, _names(folder, manifest), listener)
    named = {damage.file for damage in damages}
    damages += [damage for damage in _contradictions(kind, path, folders) if damage.file not in named]
    return Verification(
        kind=kind,
        num_files=sum(len(manifest.files) for manifest in manifests.values()),
        num_bytes=sum(manifest.num_bytes for manifest in manifests.values()),
        damages=tuple(sorted(damages, key=lambda damage: damage.file)),
        without_checksums=tuple(each for each in folders if each not in manifests and _is_finished(each)),
    )


def kind_of(path: Path) -> str:
    """Return what a folder is.

    Raises:
        UsageError: if it is nothing that has checksums.
    """
    if is_store(path):
        return STORE
    if path.name.startswith("seed-") and path.is_dir():
        return RUN
    if any((path / name).is_file() for name in (MANIFEST_FILE, "headstart.json", "adapter.json")):
        return MODEL
    raise UsageError(
        f"{path} is neither a store nor a run nor a model folder" if path.exists() else f"no such folder: {path}",
        allowed="  A store is what `headstart compare` writes, a run is a folder seed-N in it; `headstart fit` writes "
        "a model folder.",
    )


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


def num_bytes_of(path: Path) -> int:
    """Return how many bytes `verify` is going to check, as far as it can be told."""
    total = 0
    for folder in _folders(kind_of(path), path):
        try:
            found = Manifest.read(folder)
        except DamageError:
            continue
        total += found.num_bytes if found else 0
    return total


def _folders(kind: str, path: Path) -> list[Path]:
    """Return the folders that have checksums of their own."""
    if kind != STORE:
        return [path]
    store = LocalStore(path)
    rows = sorted(each for each in (path / "rows").glob("*") if (each / "task.json").is_file())
    experiments = sorted({each.parent for each in path.glob("*/seed-*")})
    return [*experiments, *(run.folder for run in store.run_folders()), *rows]


def _names(folder: Path, manifest: Manifest) -> list[str] | None:
    return finished_names(RunFolder(folder), manifest) if folder.name.startswith("seed-") else None


def _is_finished(folder: Path) -> bool:
    """Return whether what a folder holds is there to be read, rather than being written."""
    return any((folder / name).exists() for name in ("run.json", "headstart.json", "adapter.json", "task.json"))


def _contradictions(kind: str, path: Path, folders: list[Path]) -> Iterator[Damage]:
    """Yield records that cannot be read, or are not of the place where they lie."""
    if kind == MODEL:
        yield from _half_a_folder(path)
        return
    for folder in folders:
        digest, seed = folder.absolute().parent.name, folder.name.removeprefix("seed-")
        if folder.name.startswith("seed-") and seed.isdecimal():
            yield from read_run_for_report(RunFolder(folder), digest, int(seed)).damages
    if kind == STORE:
        for experiment in sorted(path.glob("*/experiment.json")):
            try:
                read_in_place(LocalStore(path), experiment.parent.name)
            except (CheckpointError, OSError) as error:
                yield damage_of(error, experiment)


def _half_a_folder(path: Path) -> Iterator[Damage]:
    """Yield the manifest of a model folder that says that it has one and has none."""
    info = path / "headstart.json"
    if info.is_file() and not (path / MANIFEST_FILE).exists():
        try:
            if read_json(info).get("has_checksums"):
                yield Damage(path / MANIFEST_FILE, "it is missing: the folder is being written, or only half of it is")
        except CheckpointError as error:
            yield damage_of(error, info)
