"""The checksums of a run's files: of a stage once it is finished, of all else once the run is.

They are written before the record that says "finished" or "failed" (`stage.json`, `run.json`, `failed.json`), and
already have that record's own: whoever finds a record finds the checksums of all that it stands for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from headstart.atomic_files import json_text, remove, write_text
from headstart.errors import DamageError
from headstart.manifest import Damage, FileMark, Manifest, file_names, require_whole
from headstart.store.json_records import dump
from headstart.store.layout import RunFolder
from headstart.store.metrics_log import METRICS_FILE

PREDICTIONS, STARTED = "predictions.", "started.json"


def finish_stage(folder: RunFolder, index: int, name: str, record: Any, *, is_last: bool) -> None:
    """Store the record of a stage, a dataclass, and before it checksums of the stage's files.

    Those of the last stage have the run's predictions, too.
    """
    is_mine = _of_stage(folder, index, name, is_last=is_last)
    _finish(folder, folder.stage_json(index, name), record, is_new=is_mine)


def finish_run(folder: RunFolder, record: Any) -> None:
    """Store the record of a run, a dataclass, and before it checksums of all files that no stage has noted."""
    before = _recorded(folder)
    _finish(folder, folder.run_json, record, is_new=lambda name: name not in before or not _is_of_a_stage(name))
    folder.failed_json.unlink(missing_ok=True)


def fail_run(folder: RunFolder, record: Any) -> None:
    """Store the record of a run that failed, a dataclass, and before it its checksum beside those of the stages."""
    remove(folder.failed_json)
    _write(folder, folder.failed_json, json_text(dump(record)), _recorded(folder))


def damaged_stage(folder: RunFolder, index: int, name: str, *, is_last: bool) -> list[Damage]:
    """Return what is wrong with the files of a finished stage; one of an older headstart has no checksums."""
    is_mine = _of_stage(folder, index, name, is_last=is_last)
    try:
        found = Manifest.read(folder.folder)
    except DamageError as error:
        return [Damage(error.path, error.what)]
    return [] if found is None else list(found.damages(folder.folder, list(filter(is_mine, found.files))))


def has_checksums(folder: RunFolder) -> bool:
    """Return whether checksums were recorded of a run's stages; older headstarts recorded none."""
    try:
        found = Manifest.read(folder.folder)
    except DamageError:
        return True
    return found is not None and any(map(_is_of_a_stage, found.files))


def damaged_for_reports(folder: RunFolder, manifest: Manifest | None) -> list[Damage]:
    """Return what is wrong with the files of a run that reports read beside its record: none are weights."""
    names = list(filter(_is_for_reports, manifest.files)) if manifest is not None else []
    return list(manifest.damages(folder.folder, names)) if manifest is not None else []


def require_whole_files(folder: RunFolder, paths: Iterable[Path]) -> None:
    """Refuse files of a finished run that are not as they were written.

    Raises:
        DamageError: names the files.
    """
    require_whole(folder.folder, _names(folder, paths), remedy=done_again(folder))


def done_again(folder: RunFolder) -> str:
    """Return what to do about a damaged run that is finished."""
    return f"  Remove {folder.folder} and call `headstart compare` as before: the run is done again."


def _finish(folder: RunFolder, path: Path, record: Any, *, is_new: Callable[[str], bool]) -> None:
    """Write the checksums, those of new files taken anew, then the record."""
    text = json_text(dump(record))
    left_out = {folder.run_json.name, folder.failed_json.name}
    kept = {name: mark for name, mark in _recorded(folder).items() if not is_new(name)}
    new = {
        name: FileMark.of(folder.folder / name)
        for name in file_names(folder.folder)
        if is_new(name) and name not in left_out
    }
    _write(folder, path, text, kept | new)


def _write(folder: RunFolder, path: Path, text: str, others: dict[str, FileMark]) -> None:
    """Write the checksums of a record and of other files, then the record."""
    coming = {path.relative_to(folder.folder).as_posix(): FileMark.of_bytes(text.encode())}
    Manifest(others | coming).write(folder.folder)
    if path.is_dir():
        remove(path)
    write_text(path, text)


def _recorded(folder: RunFolder) -> dict[str, FileMark]:
    """Return what is recorded so far; nothing where that is damaged, and then all is recorded anew."""
    try:
        found = Manifest.read(folder.folder)
    except DamageError:
        return {}
    return dict(found.files) if found else {}


def _of_stage(folder: RunFolder, index: int, name: str, *, is_last: bool) -> Callable[[str], bool]:
    """Return what says whether a file is of this stage."""
    inside = f"{folder.stage_folder(index, name).name}/"
    return lambda file: file.startswith(inside) or (is_last and file.startswith(PREDICTIONS))


def _is_of_a_stage(name: str) -> bool:
    return "/" in name or name.startswith(PREDICTIONS)


def _is_for_reports(name: str) -> bool:
    return name == STARTED or name.startswith(PREDICTIONS) or name.endswith(f"/{METRICS_FILE}")


def _names(folder: RunFolder, paths: Iterable[Path]) -> list[str]:
    return [path.relative_to(folder.folder).as_posix() for path in paths]


def finished_names(folder: RunFolder, manifest: Manifest) -> list[str]:
    """Return the names of the files that are there for good: where a stage's record is missing, its files are not.

    A call that was killed between the checksums and the record leaves a manifest that is ahead of the record. A run
    that has its own record has those of all its stages.
    """
    if folder.run_json.exists():
        return list(manifest.files)
    record = folder.stage_json(0, "").name
    unfinished = [
        name.removesuffix(record)
        for name in manifest.files
        if name.endswith(f"/{record}") and not (folder.folder / name).exists()
    ]
    if unfinished:
        unfinished.append(PREDICTIONS)
    if not folder.failed_json.exists():
        unfinished.append(folder.failed_json.name)
    return [name for name in manifest.files if not name.startswith(tuple(unfinished))]
