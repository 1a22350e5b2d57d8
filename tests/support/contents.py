"""What a folder says, value by value, so that two folders can be compared although times of day differ."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

LEFT_BEHIND = (".tmp-*", ".headstart-*", "*.unfinished", "*.partial")
"""Names of what a call makes on its way and takes away at its end."""

MEASURED = ("seconds", "memory", "joules", "started_at", "num_cores")
"""In the names of values that differ from call to call, and are the same by chance: times, what the machine lends."""
DURATION = re.compile(rb"\b\d+(\.\d+)?(?: |\xc2\xa0)(s|min|h)\b")
"""On pages."""
CHECKSUMS = "checksums.json"
"""Has the checksums of files with such values; only that it is there is compared."""


def contents(folder: Path) -> dict[str, object]:
    """Return every value of every file: JSON by its leaves, tables by their columns, all else by a digest."""
    found: dict[str, object] = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_dir():
            found[name + "/"] = True
        elif not path.is_file():
            found[name] = "no file"
        elif path.name == CHECKSUMS:
            found[name] = True
        else:
            try:
                _values(name, path, found)
            except ValueError:  # Damaged.
                found[name] = _digest(path)
    return found


def repeated(first: dict[str, object], second: dict[str, object]) -> dict[str, object]:
    """Return what two undisturbed calls agree on: all but times and durations."""
    return {name: value for name, value in first.items() if second.get(name) == value}


def differences(expected: dict[str, object], found: dict[str, object]) -> list[str]:
    """Return the names of what is expected and is missing or otherwise."""
    return [name for name, value in expected.items() if found.get(name) != value]


def left_behind(folder: Path) -> list[str]:
    """Return what lies in a folder although nobody works on it any more."""
    return sorted({str(path.relative_to(folder)) for pattern in LEFT_BEHIND for path in folder.rglob(pattern)})


def _values(name: str, path: Path, found: dict[str, object]) -> None:
    if path.suffix in (".json", ".jsonl"):
        for number, line in enumerate(_documents(path)):
            _leaves(f"{name}:{number}", line, found)
    elif path.suffix == ".parquet":
        import pyarrow.parquet

        found[name] = repr(pyarrow.parquet.read_table(path).to_pydict())
    else:
        found[name] = _digest(path)


def _digest(path: Path) -> str:
    content = path.read_bytes()
    return hashlib.sha256(DURATION.sub(b"", content) if path.suffix == ".html" else content).hexdigest()


def _documents(path: Path) -> list[Any]:
    text = path.read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()] if path.suffix == ".jsonl" else [json.loads(text)]


def _leaves(name: str, value: Any, found: dict[str, object]) -> None:
    if isinstance(value, dict):
        for key, inner in value.items():
            _leaves(f"{name}.{key}", inner, found)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            _leaves(f"{name}[{index}]", inner, found)
    elif not any(word in name.rpartition(":")[2] for word in MEASURED):
        found[name] = value
