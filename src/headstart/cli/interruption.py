"""What a person reads who stops a command: whether the same command goes on or begins anew."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from headstart.cli.plain_text import say

KEPT = ("run.json", "stage.json", "checkpoint.json", "*.parquet")
"""Files whose presence says that something is finished: a run, a stage, updates of a stage, answers."""


@contextmanager
def says_what_is_kept(folder: Path) -> Iterator[None]:
    """Say, where the block is interrupted, whether `folder` keeps something that the same command goes on from."""
    try:
        yield
    except KeyboardInterrupt:
        if any(next(folder.rglob(pattern), None) for pattern in KEPT):
            say(f"What is finished is kept in {folder}: the same command again goes on from there.", file=sys.stderr)
        else:
            say("Nothing was finished yet: the same command again begins anew.", file=sys.stderr)
        raise
