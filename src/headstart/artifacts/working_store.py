"""The store beside a model folder that a fit works in: there until everything is written, and removed last."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from headstart.artifacts.folder_checks import RUN_FILE
from headstart.artifacts.model_info import read_info
from headstart.artifacts.new_folder import require_empty
from headstart.atomic_files import write_json
from headstart.errors import CheckpointError
from headstart.manifest import require_whole
from headstart.safe_files import read_json
from headstart.store.json_records import read_record
from headstart.store.marker import MARKER
from headstart.store.record import RunRecord
from headstart.temporary import discard, path_beside, remove_abandoned, remove_quietly

END_FILE = "end.json"
"""What says of a working store that all is written, and by which call."""


def working_store(out: Path) -> Path:
    """Return the folder beside `out` that is the store of an unfinished fit."""
    return path_beside(out, ".unfinished")


def require_free(out: Path, *, beside: Sequence[Path] = ()) -> None:
    """Refuse to write into what is there, unless a fit wrote it that was killed before its working store was removed.

    What dead processes left beside `out` is removed.

    Raises:
        UsageError: if `out`, or a folder that is written beside it, is a file or a folder that is not empty.
    """
    remove_abandoned(out.parent)
    if not _is_left_behind(out):
        for folder in (out, *beside):
            require_empty(folder)


def written_before(out: Path, digest: str, seed: int, *, has_thresholds: bool) -> RunRecord | None:
    """Return the record of a model folder that a killed fit of this run wrote; None where there is nothing at `out`.

    Args:
        out: the folder.
        digest: of the experiment.
        seed: of the run.
        has_thresholds: whether the fit tunes thresholds, which the digest does not say.

    Raises:
        UsageError: if something else is there.
        DamageError: if the record is not as it was written.
    """
    if _is_left_behind(out):
        record = _record(out)
        is_same_run = (record.experiment_digest, record.seed) == (digest, seed)
        if is_same_run and (read_info(out)[1].thresholds is not None) == has_thresholds:
            return record
    require_empty(out)
    return None


def say_all_is_written(store: Path, call: str) -> None:
    """Note in a working store that nothing is left to do for `call`, whatever says which it was."""
    write_json(store / END_FILE, {"call": call})


def record_of_the_end(out: Path, call: str) -> RunRecord | None:
    """Return the record of the folder at `out` where `call` wrote everything and was killed while it tidied up.

    Raises:
        UsageError: if another call wrote it.
        DamageError: if the record is not as it was written.
    """
    store = working_store(out)
    try:
        same = read_json(store / END_FILE).get("call") == call
    except (FileNotFoundError, CheckpointError):
        return None
    if same and (out / RUN_FILE).is_file():
        return _record(out)
    require_empty(out)
    remove_working_store(store)  # half of it may be gone, and so is the folder
    return None


def remove_working_store(store: Path) -> None:
    """Remove a working store; what says that all is written goes last, so that half a store is never gone on from."""
    for path in store.iterdir():
        if path.name not in (MARKER, END_FILE):
            remove_quietly(path)
    discard(store)


def _record(out: Path) -> RunRecord:
    """Return the record of a folder that a killed call wrote: its scores are said again."""
    require_whole(out, [RUN_FILE], remedy=f"  Remove {out} and give the same command again: it is written anew.")
    return read_record(RunRecord, out / RUN_FILE)


def _is_left_behind(out: Path) -> bool:
    return working_store(out).is_dir() and (out / RUN_FILE).is_file()
