"""The file that makes a folder a store: a changed bit of it is named, and so is that it is gone."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from headstart.errors import DamageError, HeadstartError
from headstart.store.experiments import write_experiment
from headstart.store.local import LocalStore
from headstart.sweeps.verify import verify
from tests.support.records import run_record


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    store = LocalStore(tmp_path / "runs")
    write_experiment(store, "abc", run_record())
    store.finish(run_record())
    return store


def test_any_changed_bit_is_named(store: LocalStore) -> None:
    path = store.root / "store.json"
    whole = path.read_bytes()
    for bit in range(8 * len(whole)):
        changed = bytearray(whole)
        changed[bit // 8] ^= 1 << bit % 8
        path.write_bytes(changed)
        with pytest.raises(HeadstartError, match=r"store\.json"):
            LocalStore(store.root)
    path.write_bytes(whole)
    assert len(LocalStore(store.root).records()) == 1


@pytest.mark.parametrize("instead", [None, os.mkdir, os.mkfifo, Path.touch])
def test_a_store_without_it_is_a_damaged_one(
    store: LocalStore, instead: Callable[[Path], None] | None, tmp_path: Path
) -> None:
    marker = store.root / "store.json"
    marker.unlink()
    if instead is not None:
        instead(marker)
    for read in (LocalStore, verify):
        with pytest.raises(DamageError, match=r"store\.json is damaged: .*\n  Its runs have .* Copy this one file"):
            read(store.root)
    shutil.rmtree(marker) if marker.is_dir() else marker.unlink(missing_ok=True)
    LocalStore(tmp_path / "other").mark()
    shutil.copy(tmp_path / "other" / "store.json", marker)
    assert LocalStore(store.root).records() == [run_record()]


def test_a_folder_with_other_things_lost_nothing(tmp_path: Path) -> None:
    (tmp_path / "a" / "seed-0").mkdir(parents=True)
    with pytest.raises(HeadstartError, match="not a headstart store"):
        LocalStore(tmp_path)
