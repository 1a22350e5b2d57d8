from __future__ import annotations

from pathlib import Path

import pytest

from headstart.errors import DamageError, UsageError
from headstart.store.experiments import read_experiment, write_experiment
from headstart.store.local import LocalStore
from headstart.store.record import RunRecord
from tests.support.records import run_record


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "runs")


def test_what_is_written_last_is_read(store: LocalStore) -> None:
    write_experiment(store, "abc", run_record(seed=1))
    write_experiment(store, "abc", run_record(seed=2))
    assert store.exists
    assert read_experiment(store, RunRecord, "abc") == run_record(seed=2)


def test_an_unknown_one_is_a_mistake(store: LocalStore) -> None:
    with pytest.raises(UsageError, match="no experiment 'abc'"):
        read_experiment(store, RunRecord, "abc")


def test_a_changed_one_is_damage(store: LocalStore) -> None:
    write_experiment(store, "abc", run_record(seed=1))
    path = store.experiment_json("abc")
    path.write_text(path.read_text().replace('"seed": 1', '"seed": 2'))
    with pytest.raises(DamageError, match="its bytes changed"):
        read_experiment(store, RunRecord, "abc")
