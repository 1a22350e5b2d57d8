"""Trackers get what was logged, and change nothing."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from headstart.errors import UsageError
from headstart.experiments.options import TrainingOptions
from headstart.experiments.planning import run_options
from headstart.training.config import PrivacyConfig, RunOptions
from headstart.training.trackers import TRACKERS, check_tracker, close_trackers
from tests.support.runs import do_run, stage_tensors, tiny_choices

CheckpointMaker = Callable[..., Path]


def test_a_tracker_that_is_not_known_or_not_installed_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="unknown tracker 'tensorbord': did you mean 'tensorboard'"):
        check_tracker("tensorbord")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    for name in TRACKERS:
        with pytest.raises(UsageError, match=f"tracker '{name}' needs a package") as caught:
            check_tracker(name)
        assert f"pip install {name}" in str(caught.value)


def test_a_run_that_a_tracker_keeps_open_is_closed_after_every_stage(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    monkeypatch.setitem(sys.modules, "wandb", SimpleNamespace(finish=lambda: calls.append("wandb")))
    close_trackers(["tensorboard", "wandb"])
    assert calls == ["wandb"]


def test_private_runs_refuse_what_would_have_no_effect(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name)
    options = TrainingOptions(dp=PrivacyConfig(epsilon=8.0, delta=1e-5), tracker=("mlflow",))
    with pytest.raises(UsageError, match="`tracker` would have no effect"):
        run_options(options, (), keep_backbone=False, diagnostics=False)


def test_tensorboard_gets_every_logged_value_and_changes_nothing(
    tiny_checkpoint: CheckpointMaker, tmp_path: Path
) -> None:
    pytest.importorskip("tensorboard", reason="tensorboard is not installed")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    choices = tiny_choices(tiny_checkpoint("bert"), "eh_ft", "lora")
    records = [
        do_run(choices, tmp_path / name, options=RunOptions(keep_backbone=True, trackers=trackers))
        for name, trackers in (("plain", ()), ("tracked", ("tensorboard",)))
    ]
    assert records[0][0].experiment.digest == records[1][0].experiment.digest
    first, second = (
        stage_tensors(tmp_path / name, "2-finetune", "backbone.safetensors") for name in ("plain", "tracked")
    )
    assert all(torch.equal(first[key], second[key]) for key in first)
    for stage in ("1-adapter", "2-finetune"):
        (folder,) = (tmp_path / "tracked" / stage / "runs").iterdir()
        events = EventAccumulator(str(folder)).Reload()
        lines = (tmp_path / "tracked" / stage / "metrics.jsonl").read_text().splitlines()
        logged = {entry["step"]: entry for entry in map(json.loads, lines)}
        for name in ("loss", "accuracy"):
            scalars = {event.step: event.value for event in events.Scalars(f"train/{name}")}
            assert scalars == pytest.approx({step: entry[name] for step, entry in logged.items()})
        (said,) = events.Tensors("args/text_summary")
        assert json.loads(said.tensor_proto.string_val[0])["run_name"] == f"tiny eh_ft(lora) seed 0 {stage[2:]}"
