"""What a person writes where a file could stand: a path, `~`, a file:// address, or a data set on the hub."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from headstart.errors import UsageError, shortened

HUB_PREFIX = "hub:"
"""What a data set's id on the hub begins with, where a file could stand."""
ADDRESS = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]+:/+")
HUB_PAGE = re.compile(r"(?:https?://(?:www\.)?(?:huggingface\.co|hf\.co)/datasets/|hf:/+datasets/)([\w.-]+/[\w.-]+)")


def local_path(file: str | Path) -> Path:
    """Return the path of a file or folder on this machine.

    Raises:
        UsageError: if it is an address: nothing is downloaded.
    """
    written = str(file)
    if written.casefold().startswith("file:"):
        parts = urlsplit(written)
        if parts.netloc.casefold() in ("", "localhost"):
            return Path(url2pathname(parts.path))
    elif not ADDRESS.match(written):
        return _from_home(Path(file))
    if page := HUB_PAGE.match(written):
        remedy = f"  Give the data set on the hub as {HUB_PREFIX}{page.group(1)}."
    else:
        remedy = "  Download it first, as with `curl -LO ADDRESS`, and give the file."
    raise UsageError(f"{shortened(written)} is an address, and nothing is downloaded", remedy=remedy)


def located(file: str) -> str:
    """Return where data lie: a path on this machine, or a data set on the hub as it is.

    Raises:
        UsageError: if it is an address.
    """
    return file if file.startswith(HUB_PREFIX) else str(local_path(file))


def absolute(file: str) -> str:
    """Return a file's whole path; a data set on the hub as it is.

    A file that is a link keeps its own name, which says its format: what it leads to may be called by its content.

    Raises:
        UsageError: if it is an address.
    """
    if file.startswith(HUB_PREFIX):
        return file
    path = local_path(file)
    is_linked_file = path.is_symlink() and not path.is_dir()
    return str(path.parent.resolve() / path.name if is_linked_file else path.resolve())


def _from_home(path: Path) -> Path:
    if not str(path).startswith("~") or path.exists():
        return path
    try:
        return path.expanduser()
    except RuntimeError:
        return path
