"""What a processor's file may ask for, held to bounds before one is made of it: sizes of images, rates of sounds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from headstart.errors import UsageError
from headstart.safe_files import read_json_value

FILES = ("preprocessor_config.json", "processor_config.json")
MOST_SIZE = 4096
"""Of an image's side, of frequencies and other sizes."""
MOST = {
    "sampling_rate": 768_000,
    "chunk_length": 600,
    "max_length": 100_000,
    "n_samples": 600 * 48_000,
    "nb_max_frames": 100_000,
    "n_fft": 1 << 16,
    "resample": 100,
}
"""By the name of a field: the largest whole number."""


def require_bounded_processor(folder: Path) -> None:
    """Refuse a processor that makes more of an image or a sound than any model reads.

    Raises:
        UsageError: naming the field.
        DamageError: if a file cannot be read.
    """
    for path in (folder / name for name in FILES):
        if not path.is_file():
            continue
        for name, value in _numbers(read_json_value(path)):
            most = MOST.get(name, MOST_SIZE)
            if not 0 <= value <= most:
                raise UsageError(
                    f"{path} asks for what is not built: {name} is {value:,}",
                    allowed=f"  0 to {most:,} is read.",
                    remedy="  Take the model from a place that you trust.",
                )


def _numbers(value: Any, name: str = "") -> Iterator[tuple[str, int]]:
    """Yield the whole numbers that stand anywhere in a value, with the name of their field."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _numbers(inner, str(key))
    elif isinstance(value, list):
        for inner in value:
            yield from _numbers(inner, name)
    elif isinstance(value, int) and not isinstance(value, bool):
        yield name, value
