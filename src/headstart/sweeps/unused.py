"""What lies in a store and no record names: leftovers of killed processes, checkpoints, rows without an experiment."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from headstart.errors import DamageError, HeadstartError
from headstart.manifest import MANIFEST_FILE, Manifest, require_whole
from headstart.safe_files import link_on_the_way, read_json
from headstart.store.layout import EXPERIMENT_FILE, ROWS_FOLDER, RunFolder
from headstart.store.local import LocalStore
from headstart.temporary import is_abandoned, is_quiet, is_temporary, remove_quietly

UNFINISHED = "an unfinished run"


@dataclass(frozen=True, slots=True, kw_only=True)
class Unused:
    """A file or folder of a store that no record names.

    Attributes:
        why: it is of no use, or what it is.
        num_bytes: of all that is in it.
        run: the folder of the run that it belongs to; None where it belongs to none.
    """

    path: Path
    why: str
    num_bytes: int
    run: RunFolder | None = None


def find_unused(store: LocalStore, *, unfinished: bool = False) -> list[Unused]:
    """Return what no record of a store names, by path. What links lead to is not the store's, and is not looked at.

    Args:
        store: is only read.
        unfinished: also runs that were begun and have no result. They are of use to a call that goes on with them.
    """
    found = [*_leftovers(store.root), *_of_runs(store, unfinished=unfinished), *_of_no_experiment(store)]
    return sorted(found, key=lambda each: each.path)


def remove_unused(store: LocalStore, unused: list[Unused]) -> list[Unused]:
    """Remove what `find_unused` found; return what is gone. What a living process works on stays."""
    gone = []
    for each in unused:
        if each.run is None:
            remove_quietly(each.path)
        else:
            with store.claim(each.run.digest, each.run.seed) as claimed:
                if claimed and (each.why != UNFINISHED or not _has_ended(each.run)):
                    remove_quietly(each.path)
        if not os.path.lexists(each.path):
            gone.append(each)
    return gone


def _leftovers(root: Path) -> Iterator[Unused]:
    """Yield what dead processes were writing, wherever it lies."""
    for folder, folders, files in os.walk(root):
        here = [Path(folder) / name for name in (*folders, *files) if is_temporary(name)]
        folders[:] = [name for name in folders if not is_temporary(name)]
        yield from (_unused(path, "a process that is dead was writing it") for path in here if is_abandoned(path))


def _of_runs(store: LocalStore, *, unfinished: bool) -> Iterator[Unused]:
    for run in store.run_folders():
        if link_on_the_way(run.folder, store.root) is not None:
            continue
        if run.run_json.exists():
            yield from _of_finished(run)
        elif unfinished and not _has_ended(run):
            yield _unused(run.folder, UNFINISHED, run)


def _of_finished(run: RunFolder) -> Iterator[Unused]:
    """Yield the files of a finished run that its checksums do not name; an older headstart wrote none."""
    try:
        manifest = Manifest.read(run.folder)
    except DamageError:
        return
    for path in sorted(run.folder.rglob("*")):
        name = path.relative_to(run.folder).as_posix()
        is_hidden = any(part.startswith(".") for part in Path(name).parts)
        if is_hidden or path.is_dir() or name == MANIFEST_FILE:
            continue
        if any(part.startswith("checkpoint") for part in Path(name).parts[:-1]):
            yield _unused(path, "a checkpoint of a finished run", run)
        elif manifest is not None and name not in manifest.files:
            yield _unused(path, "the record of its run does not name it", run)


def _of_no_experiment(store: LocalStore) -> Iterator[Unused]:
    """Yield experiments without a run, and stored rows that no experiment reads; a day old, since runs may come."""
    read = _rows_in_use(store)
    for path in sorted(store.root.glob(f"*/{EXPERIMENT_FILE}")):
        if not path.parent.is_symlink() and not any(path.parent.glob("seed-*")) and is_quiet(path.parent):
            yield _unused(path.parent, "an experiment without a run")
    rows = store.root / ROWS_FOLDER
    if read is None or rows.is_symlink():
        return
    for folder in sorted(rows.glob("*")):
        is_read = folder.name in read or folder.is_symlink()
        if not is_read and not is_temporary(folder.name) and is_quiet(folder):
            yield _unused(folder, "rows that no experiment reads")


def _rows_in_use(store: LocalStore) -> set[str] | None:
    """Return the names of the stored rows that experiments read; None where a damaged one may read any of them."""
    read = set()
    paths = (path for name in (EXPERIMENT_FILE, "seed-*") for path in store.root.glob(f"*/{name}"))
    for path in {store.experiment_json(path.parent.name) for path in paths}:
        try:
            require_whole(path.parent, [path.name])
            rows = read_json(path)["source"]["stored_rows"]
            read |= {Path(rows).name} if rows else set()
        except (HeadstartError, OSError, LookupError, TypeError):
            return None
    return read


def _has_ended(run: RunFolder) -> bool:
    return run.run_json.exists() or run.failed_json.exists()


def _unused(path: Path, why: str, run: RunFolder | None = None) -> Unused:
    is_one = path.is_symlink() or path.is_file()
    files = [path] if is_one else [each for each in path.rglob("*") if each.is_file()]
    return Unused(path=path, why=why, num_bytes=sum(each.lstat().st_size for each in files), run=run)
