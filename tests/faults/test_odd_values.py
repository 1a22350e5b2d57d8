"""Each value of the JSON files that a store or model folder is read from, put to what nobody expects there."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from headstart.manifest import FileMark, Manifest, write_manifest
from tests.faults.conftest import Made, no_fault
from tests.faults.test_hostile import harm
from tests.faults.test_kills import FIFTH
from tests.support.hostile_stores import run_folder

ODD = (
    -1,
    0,
    1,
    1e308,
    float("nan"),
    float("inf"),
    10**400,
    2**63,
    True,
    None,
    "",
    "x",
    "../x",
    "\ud800",
    [],
    [[]],
    {},
    {"x": 1},
)
"""What stands in place of a value; each value meets one of them, and another one on another day."""
STORE_FILES = ("run.json", "../experiment.json", "1-adapter/stage.json", "2-finetune/stage.json")
MODEL_FILES = ("headstart.json", "config.json", "tokenizer_config.json", "tokenizer.json")


def places_in(value: Any, place: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Yield where in a JSON value its parts stand; of a long list or object the first few parts."""
    if place:
        yield place
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in list(parts)[:30]:
        yield from places_in(part, (*place, key))


def put(path: Path, place: tuple[str | int, ...], value: Any) -> None:
    """Write another value at a place of a JSON file."""
    values = inner = json.loads(path.read_text())
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    path.write_text(json.dumps(values))


def odd(place: tuple[str | int, ...]) -> Any:
    """Return the value that a place meets today."""
    return ODD[(zlib.crc32(repr(place).encode()) + FIFTH) % len(ODD)]


def bad_in_store(name: str, made: Made, folder: Path) -> Iterator[str]:
    for place in places_in(json.loads((run_folder(made.store) / name).read_text())):

        def make(work: Path, _: Path, place: tuple[str | int, ...] = place) -> None:
            path = (run_folder(work / "s") / name).resolve()
            put(path, place, odd(place))
            if path.name == "experiment.json":
                Manifest({path.name: FileMark.of(path)}).write(path.parent)
            else:
                write_manifest(run_folder(work / "s"))

        yield from bad("page", place, made, folder, make)


def bad_in_model(name: str, made: Made, folder: Path) -> Iterator[str]:
    for place in places_in(json.loads((made.model / name).read_text())):

        def make(work: Path, _: Path, place: tuple[str | int, ...] = place) -> None:
            put(work / "m" / name, place, odd(place))
            write_manifest(work / "m")

        yield from bad("evaluate", place, made, folder, make)


def bad(
    verb: str, place: tuple[str | int, ...], made: Made, folder: Path, make: Callable[[Path, Path], None]
) -> Iterator[str]:
    yield from (f"{place} = {odd(place)!r:.40}: {what}" for what in harm(verb, made, folder / "case" / verb, make))


@pytest.mark.faults
@pytest.mark.parametrize("name", STORE_FILES)
def test_every_value_of_a_store(name: str, made: Made, tmp_path: Path) -> None:
    no_fault(bad_in_store(name, made, tmp_path))


@pytest.mark.faults
@pytest.mark.parametrize("name", MODEL_FILES)
def test_every_value_of_a_model(name: str, made: Made, tmp_path: Path) -> None:
    no_fault(bad_in_model(name, made, tmp_path))
