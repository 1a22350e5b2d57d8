"""The files of an exported folder, held to its checksums and to bounds before anything in them is believed."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import xxhash

from headstart_runtime.errors import FolderError

DESCRIPTION_FILE, TOKENIZER_FILE, NETWORK_FILE = "headstart_runtime.json", "tokenizer.json", "model.onnx"
WEIGHTS_FILE = f"{NETWORK_FILE}.data"
CHECKSUMS_FILE = "checksums.json"
TORCH_FILE = "headstart.json"
"""What every model folder of headstart has: one that lacks a description, too, is not exported."""
CHECKSUMS_KIND, CHECKSUMS_SCHEMA = "headstart manifest", 1
MOST_BYTES = {
    CHECKSUMS_FILE: 1 << 20,
    DESCRIPTION_FILE: 1 << 24,
    TOKENIZER_FILE: 1 << 26,
    NETWORK_FILE: 1 << 31,
    WEIGHTS_FILE: 1 << 36,
}
"""Of each file that is read: more than any that we know, less than fills a machine by accident."""
NAMES = (DESCRIPTION_FILE, NETWORK_FILE, WEIGHTS_FILE)
"""What a folder must hold beside its checksums, and for texts a tokenizer; other files are not looked at."""
_BLOCK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder whose files are as they were written.

    Attributes:
        path: of the folder.
        description: the JSON object of `headstart_runtime.json`.
        tokenizer: the text of `tokenizer.json`; None where the folder has none.
    """

    path: Path
    description: Mapping[str, Any]
    tokenizer: str | None

    @property
    def network(self) -> Path:
        """The file of the network; its weights lie beside it."""
        return self.path / NETWORK_FILE


def open_folder(path: Path) -> Folder:
    """Return a folder after its files were held to their checksums.

    Raises:
        FolderError: if it is no such folder, a file is missing, too large, outside the folder, or has changed.
    """
    if not path.is_dir():
        raise FolderError(f"{path} is not a folder")
    if not (path / DESCRIPTION_FILE).exists():
        raise FolderError(
            f"{path} is not a folder that `headstart export --format onnx` wrote: it has no {DESCRIPTION_FILE}"
            + (f"\n{how_to_export(path, f'{path}-onnx')}" if (path / TORCH_FILE).exists() else "")
        )
    known = _checksums(path)
    contents = {}
    for name in (*NAMES, *({TOKENIZER_FILE} & known.keys())):
        if name not in known:
            raise FolderError(f"{path / CHECKSUMS_FILE} has no checksum of {name}")
        size, checksum = known[name]
        if name in (DESCRIPTION_FILE, TOKENIZER_FILE):
            content = _read(path, name)
            contents[name] = content
            found = (len(content), xxhash.xxh3_128_hexdigest(content))
        else:
            found = _size_and_checksum(path, name)
        if found != (size, checksum):
            raise FolderError(f"{path / name} is damaged: its bytes changed. Copy the folder anew, or export it again.")
    return Folder(
        path=path,
        description=_json_object(contents[DESCRIPTION_FILE], path / DESCRIPTION_FILE),
        tokenizer=_text(contents[TOKENIZER_FILE], path / TOKENIZER_FILE) if TOKENIZER_FILE in contents else None,
    )


def how_to_export(model: str | Path, out: str | Path) -> str:
    """Return a line that says how a model folder for torch becomes one that is read here."""
    return f"  It is a model folder for torch. Export it: headstart export {model} --format onnx --out {out}"


def _checksums(folder: Path) -> dict[str, tuple[int, str]]:
    """Return size and checksum of each file, by its name."""
    path = folder / CHECKSUMS_FILE
    values = _json_object(_read(folder, CHECKSUMS_FILE), path)
    if values.get("kind") != CHECKSUMS_KIND or values.get("schema_version") != CHECKSUMS_SCHEMA:
        raise FolderError(f"{path} is not a list of checksums that this headstart-runtime reads")
    files = values.get("files")
    if not isinstance(files, dict) or not all(map(_is_mark, files.values())):
        raise FolderError(f"{path} is damaged: it should hold a size and a checksum for each file")
    found = {name: (mark[0], mark[1]) for name, mark in files.items()}
    lines = "".join(f"{name}\n{size}\n{checksum}\n" for name, (size, checksum) in sorted(found.items()))
    if xxhash.xxh3_128_hexdigest(lines.encode("utf-8", "surrogatepass")) != values.get("checksum"):
        raise FolderError(f"{path} is damaged: its own checksum differs")
    return found


def _is_mark(mark: object) -> bool:
    return isinstance(mark, list) and len(mark) == 2 and isinstance(mark[0], int) and isinstance(mark[1], str)


def _read(folder: Path, name: str) -> bytes:
    descriptor = _open(folder, name)
    with os.fdopen(descriptor, "rb") as file:
        content = file.read(MOST_BYTES[name] + 1)
    if len(content) > MOST_BYTES[name]:
        raise FolderError(f"{folder / name} grows while it is read")
    return content


def _size_and_checksum(folder: Path, name: str) -> tuple[int, str]:
    whole, size = xxhash.xxh3_128(), 0
    with os.fdopen(_open(folder, name), "rb") as file:
        while block := file.read(_BLOCK_BYTES):
            whole.update(block)
            size += len(block)
    return size, whole.hexdigest()


def _open(folder: Path, name: str) -> int:
    """Open a regular file of the folder, of a bounded size; return its descriptor."""
    path = folder / name
    try:
        if not _is_own(path.resolve(strict=True), folder.resolve(strict=True)):
            raise FolderError(f"{path} leads out of its folder")
        # A pipe would otherwise be waited for.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except OSError as error:
        raise FolderError(f"{path} cannot be read: {error.strerror}") from error
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode) or status.st_size > MOST_BYTES[name]:
        os.close(descriptor)
        raise FolderError(f"{path} should be a file of at most {MOST_BYTES[name]:,} bytes")
    return descriptor


def _is_own(file: Path, folder: Path) -> bool:
    """Whether a file lies in a folder, or where the hub's cache keeps what a snapshot's folder has links to."""
    kept = [folder.parent.parent / "blobs"] if folder.parent.name == "snapshots" else []
    return any(file.is_relative_to(place) for place in (folder, *kept))


def _text(content: bytes, path: Path) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise FolderError(f"{path} is no text in UTF-8: {error}") from error


def _json_object(content: bytes, path: Path) -> dict[str, Any]:
    try:
        values = json.loads(_text(content, path))
    except (ValueError, RecursionError) as error:
        raise FolderError(f"{path} is not JSON that can be read: {error}") from error
    if not isinstance(values, dict):
        raise FolderError(f"{path} should hold a JSON object")
    return values
