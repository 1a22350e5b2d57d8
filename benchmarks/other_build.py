"""Another revision of this repository, checked out beside it, so that two builds can be measured in one run."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
BASELINE = "9ed1463"
"""The build before planning, memory and imports were rebuilt: what later ones are held against."""


@contextmanager
def checked_out(revision: str) -> Iterator[Path]:
    """Give a folder with the repository as it was at a revision; it is gone after the block."""
    with tempfile.TemporaryDirectory(prefix="headstart-") as folder:
        other = Path(folder) / "build"
        _git("worktree", "add", "--quiet", "--detach", str(other), revision)
        try:
            yield other
        finally:
            _git("worktree", "remove", "--force", str(other))


def environment(build: Path) -> dict[str, str]:
    """Return the environment in which `python -m headstart` is that build's."""
    return {**os.environ, "PYTHONPATH": str(build / "src"), "HF_HUB_OFFLINE": "1"}


def _git(*arguments: str) -> None:
    subprocess.run(["git", "-C", str(REPOSITORY), *arguments], check=True, capture_output=True)
