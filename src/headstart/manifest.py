"""What a finished folder holds: the size and the checksum of each file, so that a bit that changed is found."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import xxhash

from headstart.atomic_files import remove, write_text
from headstart.errors import CheckpointError, DamageError
from headstart.safe_files import descriptor_of, read_json_value

MANIFEST_FILE = "checksums.json"
KIND = "headstart manifest"
SCHEMA_VERSION = 1
COPY_AGAIN = (
    "  Copy the folder anew from where it is whole, or write it again with `headstart fit` or `headstart export`.\n"
    "  If the change is yours, call `headstart verify` with `renew`: it takes the folder as it is."
)
"""What to do about a damaged model folder."""
CHANGED, NOT_THERE_BEFORE = "its bytes changed", "it was not there when the folder was finished"
_BLOCK_BYTES = 1 << 18

Listener = Callable[[int], None]
"""Is told how many bytes were checked since the last call."""


def bytes_checksum(content: bytes) -> str:
    """Return the checksum of some bytes: XXH3, 128 bits, which finds accidents and not forgeries."""
    return xxhash.xxh3_128_hexdigest(content)


def file_checksum(path: Path, listener: Listener | None = None) -> str:
    """Return the checksum of a file's bytes, read in blocks.

    Raises:
        OSError: if the file cannot be read.
    """
    descriptor = descriptor_of(path)
    try:
        return _checksum(descriptor, listener)
    finally:
        os.close(descriptor)


@dataclass(frozen=True, slots=True)
class Damage:
    """A file that is not as it was written, and what is wrong with it."""

    file: Path
    what: str

    def __str__(self) -> str:
        return f"{self.file}: {self.what}"


@dataclass(frozen=True, slots=True)
class FileMark:
    """The size of a file in bytes, and its checksum."""

    size: int
    checksum: str

    @classmethod
    def of(cls, path: Path) -> FileMark:
        """Return that of a file as it is now."""
        return cls(path.stat().st_size, file_checksum(path))

    @classmethod
    def of_bytes(cls, content: bytes) -> FileMark:
        """Return that of a file with this content."""
        return cls(len(content), bytes_checksum(content))

    def damage(self, path: Path, listener: Listener | None = None) -> str:
        """Return what is wrong with a file that should have this mark; "" where nothing is."""
        try:
            descriptor = descriptor_of(path)
            try:
                return self._damage(descriptor, listener)
            finally:
                os.close(descriptor)
        except FileNotFoundError:
            return "it is missing"
        except OSError as error:
            return f"it cannot be read: {error.strerror}"

    def _damage(self, descriptor: int, listener: Listener | None) -> str:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            return "it is no file any more"
        if status.st_size != self.size:
            return f"{status.st_size} bytes instead of {self.size}"
        return "" if _checksum(descriptor, listener) == self.checksum else CHANGED

    def damage_of(self, content: bytes) -> str:
        """Return what is wrong with the content of a file that should have this mark; "" where nothing is."""
        if len(content) != self.size:
            return f"{len(content)} bytes instead of {self.size}"
        return "" if bytes_checksum(content) == self.checksum else CHANGED


@dataclass(frozen=True, slots=True)
class Manifest:
    """The files of a folder by their names in it (with `/`), but for the manifest itself and names with a dot first."""

    files: Mapping[str, FileMark]

    @classmethod
    def of(cls, folder: Path) -> Manifest:
        """Return that of a folder as it is now."""
        return cls({name: FileMark.of(folder / name) for name in sorted(file_names(folder))})

    @property
    def num_bytes(self) -> int:
        """Of all files."""
        return sum(mark.size for mark in self.files.values())

    @property
    def checksum(self) -> str:
        """Of its own content, so that a changed bit in it is not taken for a file's."""
        lines = (f"{name}\n{mark.size}\n{mark.checksum}\n" for name, mark in sorted(self.files.items()))
        return bytes_checksum("".join(lines).encode())

    def damages(
        self, folder: Path, names: Collection[str] | None = None, listener: Listener | None = None
    ) -> Iterator[Damage]:
        """Yield what is wrong with the files of a folder; `names` are those to look at, None for all.

        A name that the manifest does not have is one without a checksum: wrong where there is such a file.
        """
        for name in self.files if names is None else names:
            mark, path = self.files.get(name), folder / name
            what = mark.damage(path, listener) if mark else NOT_THERE_BEFORE
            if what and (mark or os.path.lexists(path)):
                yield Damage(path, what)

    def damage_of(self, name: str, content: bytes) -> str:
        """Return what is wrong with the content of a file of the folder; "" where nothing is."""
        mark = self.files.get(name)
        return mark.damage_of(content) if mark else NOT_THERE_BEFORE

    def present(self, folder: Path) -> Manifest:
        """Return it without the files that the folder does not have."""
        return Manifest({name: mark for name, mark in self.files.items() if os.path.lexists(folder / name)})

    @property
    def text(self) -> str:
        """What its file holds."""
        files = {name: [mark.size, mark.checksum] for name, mark in sorted(self.files.items())}
        values = {"kind": KIND, "schema_version": SCHEMA_VERSION, "checksum": self.checksum, "files": files}
        return json.dumps(values, indent=1, ensure_ascii=False) + "\n"

    def write(self, folder: Path) -> None:
        """Write it into the folder, whole or not at all."""
        path = folder / MANIFEST_FILE
        if path.is_dir():
            remove(path)
        write_text(path, self.text)

    @classmethod
    def read(cls, folder: Path) -> Manifest | None:
        """Return the manifest of a folder; None where it has none: an older headstart wrote it, or it is unfinished.

        Raises:
            DamageError: if the manifest itself is damaged.
        """
        path = folder / MANIFEST_FILE
        try:
            return cls._from_json(read_json_value(path))
        except FileNotFoundError as error:
            if path.is_symlink():
                raise DamageError(path, "it is a link to nothing") from error
            return None
        except DamageError:
            raise
        except (CheckpointError, OSError, ArithmeticError, ValueError, TypeError, LookupError, AttributeError) as error:
            what = str(error).removeprefix(f"{path} ")
            raise DamageError(path, what or "it is not what headstart writes") from error

    @classmethod
    def _from_json(cls, values: Any) -> Manifest:
        if values["kind"] != KIND or values["schema_version"] > SCHEMA_VERSION:
            raise ValueError("it is not a manifest that this headstart reads")
        found = cls({_inside(name): FileMark(int(size), str(mark)) for name, (size, mark) in values["files"].items()})
        if found.checksum != values["checksum"]:
            raise ValueError("its own checksum differs")
        return found


def write_manifest(folder: Path) -> None:
    """Write down the size and the checksum of all files of a folder: the last thing that is written to it."""
    Manifest.of(folder).write(folder)


def check_manifest(
    folder: Path, names: Collection[str] | None = None, listener: Listener | None = None
) -> list[Damage]:
    """Return what is wrong with the files of a finished folder, or with its manifest.

    Args:
        folder: one without a manifest has nothing to be held to.
        names: of the files that are going to be read; None for all.
        listener: is told how far the check is.
    """
    try:
        found = Manifest.read(folder)
    except DamageError as error:
        return [Damage(error.path, error.what)]
    return [] if found is None else list(found.damages(folder, names, listener))


def require_whole(folder: Path, names: Collection[str] | None = None, *, remedy: str = "") -> None:
    """Refuse a finished folder whose files are not as they were written; `names` are those that are read.

    Raises:
        DamageError: names the files.
    """
    refuse(check_manifest(folder, names), remedy=remedy)


def refuse(damages: Sequence[Damage], *, remedy: str = "") -> None:
    """Refuse what was found, if anything was.

    Raises:
        DamageError: names the files.
    """
    if damages:
        others = "".join(f"\n{each}" for each in damages[1:])
        raise DamageError(damages[0].file, damages[0].what + others, remedy=remedy)


def file_names(folder: Path) -> Iterator[str]:
    """Yield the names of all files in a folder that its manifest has."""
    for root, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in files:
            inside = (Path(root) / name).relative_to(folder).as_posix()
            if not name.startswith(".") and inside != MANIFEST_FILE and (folder / inside).is_file():
                yield inside


def _checksum(descriptor: int, listener: Listener | None) -> str:
    whole = xxhash.xxh3_128()
    while block := os.read(descriptor, _BLOCK_BYTES):
        whole.update(block)
        if listener is not None:
            listener(len(block))
    return whole.hexdigest()


def _inside(name: str) -> str:
    """Return a name that stays in its folder.

    Raises:
        ValueError: if it leads out.
    """
    parts = name.split("/")
    if not all(parts) or ".." in parts or "\0" in name or "\\" in name:
        raise ValueError(f"it names {name!r}, which is not in its folder")
    return name
