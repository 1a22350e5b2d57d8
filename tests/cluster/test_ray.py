"""Runs as tasks of Ray: two nodes on one machine, of which one is lost on the way."""

from __future__ import annotations

import re
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from headstart.errors import UsageError
from headstart.executor_options import ExecutorOptions
from headstart.experiments.experiment import Run, TaskSource
from headstart.experiments.planning import default_evaluation, plan_experiment
from headstart.experiments.run_data import RunDataCache
from headstart.store.local import LocalStore
from headstart.store.record import RunStatus
from headstart.sweeps.executor import Event, SweepEvent, SweepListener
from headstart.sweeps.executors import open_executor
from headstart.sweeps.serial import SerialExecutor
from headstart.training.config import RunOptions
from tests.support.runs import tiny_choices, tiny_rows

pytest.importorskip("ray")
pytestmark = pytest.mark.cluster
CheckpointMaker = Callable[..., Path]
OPTIONS = RunOptions(keep_backbone=True, checkpoint_seconds=0.0)
NUM_RUNS = 40


def sweep(model: Path, table: Path, cache: RunDataCache, *, steps: int = 8) -> list[Run]:
    table.write_text("text,label\n" + "".join(f"{text},{label}\n" for text, label in tiny_rows(60)))
    source = TaskSource(name="rows.csv", file=str(table))
    evaluation = default_evaluation(source, cache.rows)
    asked = [
        tiny_choices(model, strategy, adapter, steps=steps)
        for strategy, adapter in (("finetune", None), ("linear_probe", None), ("lp_ft", None), ("eh_ft", "lora"))
    ]
    experiments = [plan_experiment(each, source, cache, evaluation) for each in asked]
    return [Run(each, seed, source) for seed in range(NUM_RUNS // len(experiments)) for each in experiments]


def execute(store: Path, runs: list[Run], cache: RunDataCache, listener: SweepListener, **asked: Any) -> list[Any]:
    with open_executor(
        ExecutorOptions(executor="ray", **asked),
        device="cpu",
        store=LocalStore(store),
        options=OPTIONS,
        listener=listener,
        cache=cache,
    ) as executor:
        return executor.execute(runs)


def contents(store: Path) -> dict[str, bytes | dict[str, bytes]]:
    """All that a store says: tensors by their bits, and the names of all files."""
    found: dict[str, Any] = {path.relative_to(store).as_posix(): b"" for path in store.rglob("*") if path.is_file()}
    for path in store.rglob("*.safetensors"):
        tensors = load_file(path)
        name = path.relative_to(store).as_posix()
        found[name] = {key: tensors[key].flatten().view(torch.uint8).numpy().tobytes() for key in tensors}
    for path in store.rglob("*.parquet"):
        found[path.relative_to(store).as_posix()] = path.read_bytes()
    return found


def test_a_node_is_lost_and_nothing_else(
    cluster: Any, tiny_checkpoint: CheckpointMaker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store equals that of one process, whose model and table are gone when the cluster begins."""
    monkeypatch.setenv("HEADSTART_CACHE", str(tmp_path / "cache"))
    model = shutil.copytree(tiny_checkpoint("bert"), tmp_path / "model")
    cache = RunDataCache()
    runs = sweep(model, tmp_path / "rows.csv", cache)
    torch.set_num_threads(1)
    serial = SerialExecutor(LocalStore(tmp_path / "serial"), OPTIONS, cache=cache).execute(runs)
    other = cluster.add_node(num_cpus=1)
    events: list[SweepEvent] = []

    def lose_a_node(event: SweepEvent) -> None:
        events.append(event)
        ended = sum(each.kind is Event.ENDED for each in events)
        if event.kind is Event.ENDED and ended == NUM_RUNS // 3:
            cluster.remove_node(other, allow_graceful=False)

    records = execute(tmp_path / "ray", runs, cache, lose_a_node)
    assert [record.status for record in records] == [RunStatus.FINISHED] * NUM_RUNS
    assert [record.scores for record in records] == [record.scores for record in serial]
    assert contents(tmp_path / "ray") == contents(tmp_path / "serial")
    ends = Counter(event.run.key for event in events if event.kind is Event.ENDED)
    assert set(ends) == {run.key for run in runs}
    assert set(ends.values()) == {1}, "each run stands once"
    starts = Counter(event.run.key for event in events if event.kind is Event.STARTED)
    assert sum(starts.values()) <= NUM_RUNS + 2, "only what was lost is done again"

    again: list[SweepEvent] = []
    execute(tmp_path / "ray", runs, cache, again.append)
    assert [event.kind for event in again] == [Event.SKIPPED] * NUM_RUNS


def test_a_run_that_is_lost_goes_on_from_the_checkpoint_that_came_back(
    cluster: Any, tiny_checkpoint: CheckpointMaker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEADSTART_CACHE", str(tmp_path / "cache"))
    cache = RunDataCache()
    (run, *_) = sweep(tiny_checkpoint("bert"), tmp_path / "rows.csv", cache, steps=600)
    torch.set_num_threads(1)
    SerialExecutor(LocalStore(tmp_path / "serial"), OPTIONS, cache=cache).execute([run])
    folder = LocalStore(tmp_path / "ray").run_folder(*run.key)
    other = cluster.add_node(num_cpus=1, resources={"second": 1})
    del other
    seen: list[int] = []
    killed: list[int] = []

    def kill(event: SweepEvent) -> None:
        if event.progress is None:
            return
        seen.append(event.progress.step)
        if not killed and list(folder.folder.glob("*/checkpoint.json")) and event.progress.step > 50:
            killed.append(event.progress.step)
            for worker in workers_of_ray():
                worker.kill()

    (record,) = execute(tmp_path / "ray", [run], cache, kill)
    assert record.status is RunStatus.FINISHED
    assert killed
    after = seen[seen.index(killed[0]) + 1 :]
    assert min(after) > 1, "it did not begin anew"
    assert contents(tmp_path / "ray") == contents(tmp_path / "serial")


def workers_of_ray() -> list[Any]:
    psutil = pytest.importorskip("psutil")
    return [
        each for each in psutil.process_iter(["name", "cmdline"]) if (each.info["name"] or "").startswith("ray::_do")
    ]


def test_other_versions_are_refused(
    cluster: Any, tiny_checkpoint: CheckpointMaker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEADSTART_CACHE", str(tmp_path / "cache"))
    cache = RunDataCache()
    runs = sweep(tiny_checkpoint("bert"), tmp_path / "rows.csv", cache)[:1]
    from headstart.sweeps import ray_executor

    real, parcel = dict(ray_executor.library_versions()), ray_executor.Parcel
    told = real | {
        "torch": "1.0"
    }  # Ray sends the function with what is patched in its module: only its argument differs
    monkeypatch.setattr(ray_executor, "Parcel", lambda **given: parcel(**(given | {"versions": told})))
    with pytest.raises(UsageError, match=re.escape(f"other versions: torch {real['torch']} and not 1.0\n")):
        execute(tmp_path / "ray", runs, cache, lambda event: None)


def test_no_cluster_at_an_address_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no cluster"):
        execute(tmp_path / "ray", [], RunDataCache(), lambda event: None, ray_address="127.0.0.1:1")
