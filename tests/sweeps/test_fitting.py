"""One model as a folder: interrupted and called again, it goes on where it was."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from safetensors.torch import load_file

from headstart.errors import UsageError
from headstart.experiments.experiment import Run
from headstart.experiments.run_data import RunData, RunDataCache
from headstart.store.local import LocalStore
from headstart.sweeps.executor import SweepEvent, SweepListener
from headstart.sweeps.fitting import fit_model, plan_fit, working_store
from headstart.sweeps.serial import SerialExecutor
from headstart.training.config import RunOptions
from tests.support.runs import SOURCE, tiny_choices

CheckpointMaker = Callable[..., Path]


def fit(run: Run, out: Path, listener: SweepListener) -> None:
    store = LocalStore(working_store(out))
    fit_model(RunData.of(run), store, out, SerialExecutor(store, RunOptions(keep_backbone=True), listener))


def test_an_interrupted_fit_goes_on(tiny_checkpoint: CheckpointMaker, tmp_path: Path) -> None:
    choices = tiny_choices(tiny_checkpoint("bert"), "eh_ft", "lora")
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    fit(plan_fit(choices, SOURCE, 0, whole, RunDataCache()), whole, lambda event: None)

    def interrupt(event: SweepEvent) -> None:
        if event.progress is not None and (event.progress.stage, event.progress.step) == ("finetune", 2):
            raise KeyboardInterrupt

    run = plan_fit(choices, SOURCE, 0, cut, RunDataCache())
    with pytest.raises(KeyboardInterrupt):
        fit(run, cut, interrupt)
    assert not cut.exists()
    (stage_1,) = working_store(cut).rglob("1-adapter/stage.json")
    written = stage_1.stat().st_mtime_ns
    stages: list[str] = []

    def watch(event: SweepEvent) -> None:
        if event.progress is not None:
            assert stage_1.stat().st_mtime_ns == written
            stages.append(event.progress.stage)

    fit(run, cut, watch)
    assert set(stages) == {"finetune"}
    assert not working_store(cut).exists()
    expected, found = (load_file(folder / "model.safetensors") for folder in (whole, cut))
    assert all((found[name] == tensor).all() for name, tensor in expected.items())


def test_a_folder_that_is_not_empty_is_refused(tiny_checkpoint: CheckpointMaker, tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "file").touch()
    with pytest.raises(UsageError, match="there already"):
        plan_fit(tiny_choices(tiny_checkpoint("bert"), "finetune"), SOURCE, 0, tmp_path / "model", RunDataCache())
