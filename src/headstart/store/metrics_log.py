"""The log of a stage's updates, `metrics.jsonl`: one JSON object per line, with its step and the seconds so far."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from headstart.atomic_files import remove
from headstart.errors import CheckpointError
from headstart.machine import writing
from headstart.safe_files import read_text

METRICS_FILE = "metrics.jsonl"
MOST_BYTES = 1 << 28
"""Of a log: more than two million updates."""
LARGEST_NUMBER = 1 << 53


class MetricsLog:
    """Writes a log, going on from an earlier call's."""

    def __init__(self, folder: Path) -> None:
        """Take the stage's folder."""
        self._path = folder / METRICS_FILE
        self._begin, self._seconds_before = time.perf_counter(), 0.0

    def begin(self, step: int) -> None:
        """Keep the lines of the first `step` updates, which are not done again, and go on counting from them."""
        kept = [entry for entry in read_metrics(self._path) if entry["step"] <= step]
        self._seconds_before = float(kept[-1].get("seconds") or 0.0) if kept else 0.0
        self._begin = time.perf_counter()
        with writing(self._path):
            remove(self._path)  # It may be a link or a folder that somebody put there.
            self._path.write_text("".join(json.dumps(entry) + "\n" for entry in kept))

    def elapsed(self) -> float:
        """Return the wall seconds of the stage's updates so far, those before a kill included."""
        return self._seconds_before + time.perf_counter() - self._begin

    def write(self, step: int, values: dict[str, Any]) -> None:
        """Write one line."""
        entry = {"step": step, **values, "seconds": round(self.elapsed(), 3)}
        with writing(self._path), self._path.open("a") as file:
            file.write(json.dumps(entry) + "\n")


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """Return the entries of a log, none without a file or of one beyond bounds; lines that are cut off are left out."""
    try:
        lines = read_text(path, most_bytes=MOST_BYTES, errors="replace").splitlines()
    except (OSError, CheckpointError):
        return []
    try:
        entries = json.loads(f"[{','.join(lines)}]")  # All at once takes half the time.
    except (ValueError, RecursionError):
        entries = [entry for line in lines for entry in _readable(line)]
    return [entry for entry in entries if isinstance(entry, dict) and _is_ours(entry)]


def _is_ours(entry: dict[str, Any]) -> bool:
    """Return whether an entry has a step, and numbers where numbers belong."""
    step, numbers = entry.get("step"), (entry.get("seconds", 0.0), entry.get("loss", 0.0))
    return _is_count(step) and all(isinstance(each, float | None) or _is_count(each) for each in numbers)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and abs(value) <= LARGEST_NUMBER


def _readable(line: str) -> list[Any]:
    try:
        return [json.loads(line)]
    except (ValueError, RecursionError):
        return []
