"""Runs in several processes: the same bits as in one, and nothing lost where a process dies or is stopped."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from headstart.errors import DamageError, UsageError
from headstart.executor_options import ExecutorOptions
from headstart.experiments.experiment import Run
from headstart.experiments.run_data import RunDataCache
from headstart.shares import GPUS, THREADS, shares, visible_gpus
from headstart.store.local import LocalStore
from headstart.store.record import RunRecord, RunStatus
from headstart.sweeps.executor import Event, SweepEvent, SweepListener
from headstart.sweeps.parallel import ParallelExecutor, Workers, working
from headstart.sweeps.run_length import longest_first
from headstart.sweeps.serial import SerialExecutor
from headstart.training.config import RunOptions
from tests.support.runs import SOURCE, tiny_choices, tiny_experiment

CheckpointMaker = Callable[..., Path]
OPTIONS = RunOptions(keep_backbone=True)
ENVIRONMENT = dict.fromkeys(THREADS, "1")


@pytest.fixture(scope="module")
def workers() -> Iterator[Workers]:
    with working([ENVIRONMENT, ENVIRONMENT]) as found:
        yield found


@pytest.fixture
def runs(tiny_checkpoint: CheckpointMaker) -> list[Run]:
    model = tiny_checkpoint("bert")
    experiments = [tiny_experiment(tiny_choices(model, strategy)) for strategy in ("linear_probe", "finetune")]
    return [Run(experiment, seed, SOURCE) for seed in range(2) for experiment in experiments]


def parallel(workers: Workers, store: Path, listener: SweepListener = lambda event: None) -> ParallelExecutor:
    return ParallelExecutor(workers, LocalStore(store), OPTIONS, listener, RunDataCache())


def tensors(store: Path) -> dict[str, torch.Tensor]:
    return {
        f"{path.relative_to(store)}/{name}": tensor
        for path in sorted(store.glob("*/seed-*/**/*.safetensors"))
        for name, tensor in load_file(path).items()
    }


def results(records: list[RunRecord]) -> list[tuple[str, int, object, object]]:
    return [(each.experiment_digest, each.seed, each.status, each.scores) for each in records]


def test_the_store_is_that_of_one_process(workers: Workers, runs: list[Run], tmp_path: Path) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    serial = SerialExecutor(LocalStore(tmp_path / "serial"), OPTIONS).execute(runs)
    torch.set_num_threads(before)
    events: list[SweepEvent] = []
    records = parallel(workers, tmp_path / "parallel", events.append).execute(runs)
    assert results(records) == results(serial)
    mine, theirs = tensors(tmp_path / "parallel"), tensors(tmp_path / "serial")
    assert mine.keys() == theirs.keys()
    assert mine
    assert all(torch.equal(mine[name], theirs[name]) for name in theirs)

    seen = [(event.kind, event.run) for event in events if event.kind is not Event.PROGRESS]
    assert sorted(run.key for kind, run in seen if kind is Event.STARTED) == sorted(run.key for run in runs)
    assert sorted(run.key for kind, run in seen if kind is Event.ENDED) == sorted(run.key for run in runs)
    lasts = {(run.key, stage.name): stage.num_steps for run in runs for stage in run.experiment.plan}
    steps = [(event.run.key, event.progress) for event in events if event.progress is not None]
    assert {(key, said.stage): said.step for key, said in steps} == lasts, "the last update of a stage is told"
    first_two = [run.experiment.label for kind, run in seen if kind is Event.STARTED][:2]
    assert first_two == ["finetune", "finetune"], "the longest start first"

    again: list[SweepEvent] = []
    assert parallel(workers, tmp_path / "parallel", again.append).execute(runs) == records
    assert [event.kind for event in again] == [Event.SKIPPED] * len(runs)


def test_a_worker_that_dies_is_replaced_and_its_run_is_done(workers: Workers, runs: list[Run], tmp_path: Path) -> None:
    starts: list[tuple[str, int]] = []

    def kill_the_first(event: SweepEvent) -> None:
        if event.kind is Event.STARTED:
            starts.append(event.run.key)
            if len(starts) == 1:
                os.kill(workers.busy[0].pid, signal.SIGKILL)

    records = parallel(workers, tmp_path, kill_the_first).execute(runs)
    assert [record.status for record in records] == [RunStatus.FINISHED] * 4
    assert len(starts) <= 5
    assert set(starts) == {run.key for run in runs}
    assert not list(tmp_path.rglob(".headstart-*"))


def test_a_run_over_which_two_workers_die_fails_and_the_others_are_done(
    workers: Workers, runs: list[Run], tmp_path: Path
) -> None:
    fatal = runs[1].key

    def kill(event: SweepEvent) -> None:
        if event.kind is Event.STARTED and event.run.key == fatal:
            for worker in workers.busy:
                if worker.order is not None and worker.order.run.key == fatal:
                    os.kill(worker.pid, signal.SIGKILL)

    records = parallel(workers, tmp_path, kill).execute(runs)
    assert [record.status is RunStatus.ERROR for record in records] == [False, True, False, False]
    assert "died twice" in records[1].error
    assert "SIGKILL" in records[1].error
    found = LocalStore(tmp_path).record(*fatal)
    assert found is not None
    assert (found.status, found.error) == (RunStatus.ERROR, records[1].error)
    (mended,) = parallel(workers, tmp_path).execute([runs[1]])
    assert mended.status is RunStatus.FINISHED, "the same call tries it again"


def test_what_no_run_can_go_on_after_ends_all(runs: list[Run], tmp_path: Path) -> None:
    """The folder of one run is a link to elsewhere."""
    with working([ENVIRONMENT]) as workers:
        SerialExecutor(LocalStore(tmp_path / "store"), OPTIONS).execute(runs[:1])
        (tmp_path / "elsewhere").mkdir()
        link = LocalStore(tmp_path / "store").run_folder(*runs[2].key).folder
        link.symlink_to(tmp_path / "elsewhere")
        with pytest.raises(DamageError, match="seed-1"):
            parallel(workers, tmp_path / "store").execute([runs[2]])
        assert (workers.idle, workers.busy) == ([], [])


def test_a_call_that_is_stopped_ends_its_workers_and_goes_on_later(runs: list[Run], tmp_path: Path) -> None:
    pids: list[int] = []

    def stop(event: SweepEvent) -> None:
        pids.extend(worker.pid for worker in workers.busy)
        if event.kind is Event.ENDED:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), working([ENVIRONMENT]) as workers:
        parallel(workers, tmp_path, stop).execute(runs)
    assert pids
    assert not any(is_alive(pid) for pid in pids)
    records = SerialExecutor(LocalStore(tmp_path), OPTIONS).execute(runs)
    assert all(record.status is RunStatus.FINISHED for record in records)


@pytest.mark.slow
def test_workers_end_where_the_call_is_killed(tmp_path: Path, tiny_checkpoint: CheckpointMaker) -> None:
    rows = "".join(f"good {index},1\nbad {index},0\n" for index in range(40))
    (tmp_path / "rows.csv").write_text("text,label\n" + rows)
    command = [sys.executable, "-m", "headstart", "compare", str(tmp_path / "rows.csv")]
    command += ["--strategies", "finetune", "--steps", "100000", "--seeds", "2", "--jobs", "2"]
    command += ["--model", str(tiny_checkpoint("bert")), "--store", str(tmp_path / "store"), "--max-length", "16"]
    call = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    children: set[int] = set()
    end = time.monotonic() + 120
    while not list((tmp_path / "store").rglob("started.json")) and time.monotonic() < end:
        children |= children_of(call.pid)
        time.sleep(0.1)
    children |= children_of(call.pid)
    call.kill()
    call.wait()
    while any(map(is_alive, children)) and time.monotonic() < end:
        time.sleep(0.1)
    assert len(children) >= 2
    assert not any(map(is_alive, children))


def children_of(pid: int) -> set[int]:
    found = Path(f"/proc/{pid}/task/{pid}/children")
    return set(map(int, found.read_text().split())) if found.exists() else set()


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def test_what_workers_log_is_shown_here(
    workers: Workers, runs: list[Run], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    SerialExecutor(LocalStore(tmp_path), OPTIONS).execute(runs[:1])
    record = LocalStore(tmp_path).run_folder(*runs[0].key).run_json
    record.write_text(record.read_text().replace("finished", "finishes"))
    with caplog.at_level(logging.WARNING):
        (again,) = parallel(workers, tmp_path).execute(runs[:1])
    assert again.status is RunStatus.FINISHED
    assert [entry.process != os.getpid() for entry in caplog.records if str(record) in entry.getMessage()] == [True]


def test_the_longest_runs_are_those_of_most_updates_backward_through_most_weights(
    tiny_checkpoint: CheckpointMaker,
) -> None:
    model = tiny_checkpoint("bert")
    plans = {
        name: Run(tiny_experiment(tiny_choices(model, strategy, adapter, steps=steps)), 0, SOURCE)
        for name, strategy, adapter, steps in (
            ("probe", "linear_probe", None, 40),
            ("lora", "adapter", "lora", 10),
            ("short", "finetune", None, 4),
            ("long", "finetune", None, 10),
        )
    }
    order = longest_first(list(plans.values()), RunDataCache())
    names = {run.key: name for name, run in plans.items()}
    assert [names[run.key] for run in order] == ["long", "lora", "short", "probe"]


def test_cores_and_gpus_are_shared_out() -> None:
    assert shares(2, gpus_per_run=1.0, gpus=(), cores=5) == [dict.fromkeys(THREADS, "2")] * 2
    assert shares(3, gpus_per_run=1.0, gpus=(), cores=2) == [dict.fromkeys(THREADS, "1")] * 3
    found = shares(5, gpus_per_run=0.25, gpus=("2", "5"), cores=10)
    assert [share[GPUS] for share in found] == ["2", "5", "2", "5", "2"]
    assert [share[GPUS] for share in shares(2, gpus_per_run=1.0, gpus=("0", "1"), cores=2)] == ["0", "1"]
    with pytest.raises(UsageError, match="`jobs` 3") as caught:
        shares(3, gpus_per_run=0.5, gpus=("0",), cores=2)
    assert "So many runs at once fit: 2" in str(caught.value)


def test_gpus_keep_the_names_that_this_process_was_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert visible_gpus({}) == ("0", "1")
    assert visible_gpus({GPUS: "3, 7"}) == ("3", "7")


def test_options_out_of_range_or_without_effect_are_refused() -> None:
    for wrong in (0, -2):
        with pytest.raises(UsageError, match=f"`jobs` was given as {wrong}"):
            ExecutorOptions(jobs=wrong)
    for share in (0.0, -1.0, 2.0, float("nan")):
        with pytest.raises(UsageError, match="`gpus_per_run` was given as"):
            ExecutorOptions(jobs=2, gpus_per_run=share)
    unused: list[dict[str, Any]] = [
        {"gpus_per_run": 0.5},
        {"jobs": 1, "gpus_per_run": 0.5},
        {"cores_per_run": 2, "jobs": 2},
        {"ray_address": "auto"},
        {"executor": "ray", "jobs": 2},
    ]
    for given in unused:
        with pytest.raises(UsageError, match="would have no effect"):
            ExecutorOptions(**given)
    with pytest.raises(UsageError, match="executor"):
        ExecutorOptions(executor="slurm")
    assert ExecutorOptions(jobs=2, gpus_per_run=0.5).num_jobs == 2
