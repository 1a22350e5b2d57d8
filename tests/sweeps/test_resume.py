"""Nothing is lost, nothing is done twice: kills, several processes, divergence, errors."""

from __future__ import annotations

import csv
import json
import signal
import time
from collections.abc import Callable
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import numpy as np
import pyarrow.parquet
import pytest
import torch
from safetensors.torch import load_file

from headstart.experiments.experiment import Run
from headstart.experiments.run_data import RunData
from headstart.inference.predict import predict
from headstart.inference.saved import load_saved_model
from headstart.store.local import LocalStore
from headstart.store.record import RunStatus
from headstart.sweeps.executor import Event, SweepEvent
from headstart.sweeps.export import export_run, write_run
from headstart.sweeps.serial import SerialExecutor
from headstart.sweeps.stored_runs import find_run
from headstart.training.config import RunOptions
from headstart.training.trainer import StageTrainer
from tests.support.processes import ended, start
from tests.support.records import as_stored
from tests.support.runs import SOURCE, tiny_choices, tiny_experiment, tiny_rows
from tests.support.temperature import softened, take_up_temperature

CheckpointMaker = Callable[..., Path]

STEPS = 24


def do_four_runs(model: Path, store: Path) -> None:
    runs = [
        Run(tiny_experiment(tiny_choices(model, strategy, steps=STEPS)), seed, SOURCE)
        for seed in (0, 1)
        for strategy in ("lp_ft", "eh_ft")
    ]
    options = RunOptions(checkpoint_seconds=0.05, keep_backbone=True)
    SerialExecutor(LocalStore(store), options, lambda event: print(event.kind, event.run, flush=True)).execute(runs)


def contents(store: Path) -> dict[str, object]:
    """Return all tensors, predictions and scores of a store by path."""
    found: dict[str, object] = {}
    for path in sorted(store.rglob("*")):
        name = str(path.relative_to(store))
        if path.suffix == ".safetensors":
            found[name] = {key: tensor.numpy().tobytes() for key, tensor in load_file(path).items()}
        elif path.suffix == ".parquet":
            found[name] = pyarrow.parquet.read_table(path).to_pydict()
        elif path.name == "run.json":
            found[name] = json.loads(path.read_text())["scores"]
    return found


@pytest.fixture(scope="module")
def shared(tiny_checkpoint: CheckpointMaker, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """Return a store that two processes filled together, which nobody disturbed, and what they said."""
    folder = tmp_path_factory.mktemp("shared")
    model, files = tiny_checkpoint("bert"), [folder / f"output-{number}.txt" for number in range(2)]
    processes = [start(do_four_runs, model, folder / "store", output=file) for file in files]
    exit_codes = [ended(process) for process in processes]
    outputs = [file.read_text() for file in files]
    assert exit_codes == [0, 0], outputs
    return folder / "store", outputs


def test_kill_9_at_random_moments_changes_nothing(
    shared: tuple[Path, list[str]], tiny_checkpoint: CheckpointMaker, tmp_path: Path
) -> None:
    """Killed again and again, then let finish: the same tensors and predictions as where nobody was killed."""
    model = tiny_checkpoint("bert")
    output = tmp_path / "output.txt"
    finished: dict[str, float] = {}
    num_kills = 0
    for wait_until in (0.15, 0.45, 0.8):
        process = start(do_four_runs, model, tmp_path / "killed", output=output)
        _wait_for_progress(tmp_path / "killed", wait_until, process)
        process.kill()
        num_kills += ended(process) == -signal.SIGKILL
        for path in (tmp_path / "killed").rglob("run.json"):
            finished.setdefault(str(path), path.stat().st_mtime)
            assert finished[str(path)] == path.stat().st_mtime, "a finished run was repeated"
    last = start(do_four_runs, model, tmp_path / "killed", output=output)
    assert ended(last) == 0, output.read_text()
    assert num_kills >= 2
    assert all(Path(path).stat().st_mtime == written for path, written in finished.items())
    expected = contents(shared[0])
    assert sum(name.endswith("run.json") for name in expected) == 4
    assert contents(tmp_path / "killed") == expected
    assert not list((tmp_path / "killed").rglob("checkpoint*"))


def _wait_for_progress(store: Path, share: float, process: ForkServerProcess) -> None:
    """Wait until a share of the four runs' updates is logged."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.is_alive():
        # Never into a stage's folder: its checkpoints come and go while we look.
        logged = sum(path.read_text().count("\n") for path in store.glob("*/seed-*/*/metrics.jsonl"))
        if logged >= share * 4 * STEPS:
            return
        time.sleep(0.01)


def test_two_processes_share_the_work(shared: tuple[Path, list[str]]) -> None:
    _, outputs = shared
    started = [line for output in outputs for line in output.splitlines() if line.startswith("started")]
    assert len(started) == len(set(started)) == 4
    assert all(output.count("started") + output.count("skipped") == 4 for output in outputs)


def _runs(model: Path, *strategies: str, seed: int = 0) -> tuple[list[Run], list[SweepEvent]]:
    return [Run(tiny_experiment(tiny_choices(model, each)), seed, SOURCE) for each in strategies], []


def test_a_nan_loss_is_recorded_as_diverged_and_the_sweep_goes_on(
    tiny_checkpoint: CheckpointMaker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs, events = _runs(tiny_checkpoint("bert"), "finetune", "linear_probe")
    original = StageTrainer.compute_loss

    def poisoned(
        self: StageTrainer, model: torch.nn.Module, inputs: dict[str, torch.Tensor], *args: object, **kwargs: object
    ) -> object:
        loss = original(self, model, inputs, *args, **kwargs)
        return loss * float("nan") if self._stage == "finetune" and self.state.global_step == 5 else loss

    monkeypatch.setattr(StageTrainer, "compute_loss", poisoned)
    store = LocalStore(tmp_path / "store")
    diverged, finished = SerialExecutor(store, listener=events.append).execute(runs)
    assert (diverged.status, diverged.failed_stage, diverged.failed_step) == (RunStatus.DIVERGED, "finetune", 5)
    assert finished.status is RunStatus.FINISHED
    again: list[SweepEvent] = []
    SerialExecutor(store, listener=again.append).execute(runs)
    assert [event.kind for event in again] == [Event.SKIPPED, Event.SKIPPED]


def test_an_error_is_recorded_and_tried_again(
    tiny_checkpoint: CheckpointMaker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs, events = _runs(tiny_checkpoint("bert"), "finetune", "linear_probe")
    store = LocalStore(tmp_path / "store")
    with monkeypatch.context() as patch:

        def out_of_memory(*_: object) -> None:
            raise MemoryError("no memory left")

        patch.setattr("headstart.training.trainer.StageTrainer.training_step", out_of_memory)
        failed = SerialExecutor(store, listener=events.append).execute(runs)
    assert [record.status for record in failed] == [RunStatus.ERROR] * 2
    assert "too little memory" in failed[0].error
    mended = SerialExecutor(store, listener=events.append).execute(runs)
    assert [record.status for record in mended] == [RunStatus.FINISHED] * 2
    assert not list((tmp_path / "store").rglob("failed.json"))


def test_the_mean_of_runs_is_of_all_of_them_also_where_no_weights_were_kept(
    tiny_checkpoint: CheckpointMaker, tmp_path: Path
) -> None:
    experiment = tiny_experiment(tiny_choices(tiny_checkpoint("bert"), "finetune"))
    runs = [Run(experiment, seed, SOURCE) for seed in (0, 1)]
    found = {}
    for name, keeps in (("kept", True), ("not-kept", False)):
        store = LocalStore(tmp_path / f"store-{name}")
        executor = SerialExecutor(store, RunOptions(keep_backbone=keeps))
        executor.execute(runs)
        assert bool(list(store.root.rglob("backbone.safetensors"))) == keeps
        write_run(RunData.of(runs[0]), store, tmp_path / name, executor, averaged_with=runs[1:])
        found[name] = load_file(tmp_path / name / "model.safetensors")
        assert load_saved_model(tmp_path / name).info.averaged_with == (1,)
    ends = [load_file(path) for path in (tmp_path / "store-kept").rglob("backbone.safetensors")]
    name = "bert.encoder.layer.0.output.dense.weight"
    (part,) = [each for each in ends[0] if each.endswith("encoder.layer.0.output.dense.weight")]
    torch.testing.assert_close(found["kept"][name], (ends[0][part] + ends[1][part]) / 2, rtol=0, atol=1e-6)
    assert not torch.equal(ends[0][part], ends[1][part])
    assert found["kept"].keys() == found["not-kept"].keys()
    assert all(torch.equal(tensor, found["not-kept"][each]) for each, tensor in found["kept"].items())


def test_export_without_stored_weights_runs_again_bit_for_bit(tiny_checkpoint: CheckpointMaker, tmp_path: Path) -> None:
    run = Run(tiny_experiment(tiny_choices(tiny_checkpoint("bert"), "eh_ft")), 3, SOURCE)
    store = LocalStore(tmp_path / "store")
    SerialExecutor(store).execute([run])
    assert not list((tmp_path / "store").rglob("backbone.safetensors"))
    found = find_run(store, f"{run.experiment.digest[:10]}/3")
    assert found == run
    export_run(RunData.of(found), store, tmp_path / "model", SerialExecutor(store))

    (predictions,) = (tmp_path / "store").rglob("predictions.*.parquet")
    stored = pyarrow.parquet.read_table(predictions).to_pydict()
    (head,) = (tmp_path / "store").rglob("2-*/head.safetensors")
    exported, trained = (load_saved_model(tmp_path / "model") for _ in range(2))
    trained.classifier.load_head(load_file(head))
    take_up_temperature(trained)
    own = trained.classifier.head_tensors()
    assert all(torch.equal(tensor, own[name]) for name, tensor in exported.classifier.head_tensors().items())
    # A run pads to multiples of eight, prediction on a CPU to the longest row.
    again = predict(exported, RunData.of(run).report)
    probabilities = np.stack([stored["probability_0"], stored["probability_1"]], axis=1)
    np.testing.assert_allclose(again.answers, softened(probabilities, exported), atol=1e-6)


def test_a_users_file_is_found_again(tiny_checkpoint: CheckpointMaker, tmp_path: Path) -> None:
    """The store knows where rows came from, so that export can read them again."""
    from headstart.experiments.experiment import TaskSource

    with (tmp_path / "rows.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("text", "label"), *tiny_rows(40)])
    source = TaskSource(name="rows", file=str(tmp_path / "rows.csv"))
    assert as_stored(source) == source
