"""What a person reads where a command is stopped or the machine fails: whether it goes on or begins anew."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from headstart.cli.plain_text import say
from headstart.machine import machine_error

KEPT = ("run.json", "stage.json", "checkpoint.json", "*.parquet")
"""Files whose presence says that something is finished: a run, a stage, updates of a stage, answers."""


@contextmanager
def says_what_is_kept(folder: Path) -> Iterator[None]:
    """Say, where the block is interrupted or the machine fails, whether the same command goes on from what it left."""
    try:
        yield
    except (Exception, KeyboardInterrupt) as error:
        if not isinstance(error, KeyboardInterrupt) and machine_error(error) is None:
            raise
        if any(next(folder.rglob(pattern), None) for pattern in KEPT):
            say(f"What is finished is kept in {folder}: the same command again goes on from there.", file=sys.stderr)
        else:
            say("Nothing was finished yet: the same command again begins anew.", file=sys.stderr)
        raise
