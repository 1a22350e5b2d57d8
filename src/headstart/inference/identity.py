"""Which rows and which model a prediction is of."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from headstart.artifacts.model_info import ONNX, FolderKind
from headstart.errors import DataError, DataFault
from headstart.manifest import FileMark, Manifest, file_checksum, file_names

LIBRARIES = ("torch", "transformers", "tokenizers", "pyarrow")
ONNX_LIBRARIES = ("onnxruntime", "headstart-runtime")


@dataclass(frozen=True, slots=True, kw_only=True)
class InputState:
    """What the file system says of a file.

    Attributes:
        file: its path.
        size: in bytes; None if the file does not exist.
        changed_ns: when it was last written.
    """

    file: str
    size: int | None
    changed_ns: int

    @classmethod
    def of(cls, file: str) -> InputState:
        """Return the present state of a file."""
        try:
            status = Path(file).stat()
        except OSError:
            return cls(file=file, size=None, changed_ns=0)
        return cls(file=file, size=status.st_size, changed_ns=status.st_mtime_ns)

    def require_unchanged(self) -> None:
        """Refuse to go on with a file that has changed.

        Raises:
            DataError: if it was written or removed since.
        """
        if InputState.of(self.file) != self:
            fault = DataFault(file=self.file, message="was changed while it was read")
            raise DataError([fault], remedy="  Call again when nothing writes to it any more.")


def input_digest(file: str) -> str:
    """Return a digest of a file's bytes, or of the names and bytes of all files in a folder."""
    path = Path(file)
    if path.is_dir():
        return Manifest({name: FileMark.of(path / name) for name in file_names(path)}).checksum
    return file_checksum(path)


def folder_digest(folder: Path) -> str:
    """Return a digest of names and bytes of all files in a folder.

    Files that have a checksum in the folder count by that: they are held to it when they are read.

    Raises:
        DamageError: if the folder's checksums are damaged.
    """
    known = Manifest.read(folder) or Manifest({})
    new = {name: FileMark.of(folder / name) for name in file_names(folder) if name not in known.files}
    return Manifest({**known.files, **new}).checksum


def library_versions(kind: FolderKind = "model") -> str:
    """Return the versions of the libraries on which the answers of a folder's model depend."""
    names = (*LIBRARIES, *(ONNX_LIBRARIES if kind == ONNX else ()))
    return ", ".join(f"{name} {version(name)}" for name in names)
