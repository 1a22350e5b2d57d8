"""A disk without room ends a sweep in a sentence; there is nothing to repair, and the same call goes on."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from headstart import atomic_files
from headstart.errors import MachineError
from headstart.experiments.experiment import Run
from headstart.store.local import LocalStore
from headstart.store.record import RunStatus
from headstart.sweeps import attempt
from headstart.sweeps.executor import Event, SweepEvent
from headstart.sweeps.serial import SerialExecutor
from headstart.temporary import temporary_path
from headstart.training.config import RunOptions
from tests.support.runs import SOURCE, tiny_choices, tiny_experiment

CheckpointMaker = Callable[..., Path]


@pytest.fixture
def runs(tiny_checkpoint: CheckpointMaker) -> list[Run]:
    experiment = tiny_experiment(tiny_choices(tiny_checkpoint("bert"), "linear_probe", steps=2))
    return [Run(experiment, seed, SOURCE) for seed in (0, 1)]


@pytest.mark.parametrize("full_at", ["head.safetensors", "metrics.jsonl"])
def test_a_full_disk_is_no_result(
    full_at: str, runs: list[Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, events = LocalStore(tmp_path / "runs"), list[SweepEvent]()
    executor = SerialExecutor(store, RunOptions(keep_backbone=True), events.append)
    flush, open_ = atomic_files.flush_to_disk, Path.open

    def full(path: Path) -> None:
        if path.name.endswith(full_at):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        flush(path)

    def opened(path: Path, mode: str = "r", **options: object) -> object:
        if path.name == full_at == "metrics.jsonl" and mode == "a":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return open_(path, mode, **options)  # type: ignore[call-overload]

    with monkeypatch.context() as patched:
        patched.setattr(atomic_files, "flush_to_disk", full)
        patched.setattr(Path, "open", opened)
        with pytest.raises(MachineError, match=f"{full_at}: the disk is full") as raised:
            executor.execute(runs)
    assert "same command again" in str(raised.value)
    assert {event.kind for event in events} <= {Event.STARTED, Event.PROGRESS}, "no run after it was begun"
    assert not list(store.root.rglob("failed.json"))
    assert not list(store.root.rglob(".tmp-*"))
    records = executor.execute(runs)
    assert [record.status for record in records] == [RunStatus.FINISHED] * 2


def test_too_little_memory_is_the_error_of_one_run_in_a_sentence(
    runs: list[Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next run may need less."""
    monkeypatch.setattr(attempt, "run_one", _fails)
    records = SerialExecutor(LocalStore(tmp_path / "runs")).execute(runs)
    assert [record.status for record in records] == [RunStatus.ERROR] * 2
    assert all(record.error.startswith("there is too little memory\n") for record in records)


def test_what_dead_processes_left_goes_with_the_next_call(
    runs: list[Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = LocalStore(tmp_path / "runs")
    executor = SerialExecutor(store, RunOptions())
    executor.execute(runs)
    for folder in (store.root, store.root / runs[0].experiment.digest):
        temporary_path(folder / "run.json").touch()
    executor.execute(runs)
    assert len(list(store.root.rglob(".tmp-*"))) == 2, "this process lives"
    monkeypatch.setattr("headstart.temporary._started", lambda pid: None)
    executor.execute(runs)
    assert not list(store.root.rglob(".tmp-*"))


def _fails(*_: object) -> None:
    raise MemoryError
