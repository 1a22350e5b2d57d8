"""Regularisers through the engine: off is plain fine-tuning, and a killed stage goes on bit for bit."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from headstart.errors import UsageError
from headstart.experiments.evaluation import evaluated
from headstart.experiments.options import Options
from headstart.experiments.run import run_one
from headstart.store.layout import RunFolder
from headstart.store.metrics_log import METRICS_FILE, read_metrics
from headstart.training.callbacks import Progress
from headstart.training.config import RunOptions
from headstart.training.regularisers.catalogue import build_regulariser
from tests.support.runs import data_of, do_run, stage_tensors, tiny_choices, tiny_experiment

CheckpointMaker = Callable[..., Path]
FILES = ("head.safetensors", "backbone.safetensors")


class KilledError(Exception):
    """Stands for the end of the process."""


def ended(folder: Path, stage: str = "1-finetune") -> dict[str, torch.Tensor]:
    return {name: tensor for file in FILES for name, tensor in stage_tensors(folder, stage, file).items()}


def require_same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> None:
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize(
    "spec", ["weight_average:decay=0:tail=1", "interpolation:fraction=1.0", "dropout:probability=0.1"]
)
def test_a_regulariser_at_its_neutral_value_changes_no_bit(
    spec: str, tiny_checkpoint: CheckpointMaker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tiny model's own dropout is 0.1."""
    from headstart.registry import Spec
    from headstart.training import updates

    choices = tiny_choices(tiny_checkpoint("bert"), "finetune", steps=6)
    do_run(choices, tmp_path / "plain")
    monkeypatch.setattr(updates, "build_regulariser", lambda _: build_regulariser(Spec.parse(spec)))
    do_run(choices, tmp_path / "neutral")
    require_same(ended(tmp_path / "plain"), ended(tmp_path / "neutral"))


def killed_and_resumed(choices: Options, folder: Path, *, after: int) -> Any:
    """Kill a run after an update, with a checkpoint behind each one, and call it again; return the record."""
    data, options = data_of(tiny_experiment(choices)), RunOptions(keep_backbone=True, checkpoint_seconds=0.0)

    def kill(progress: Progress) -> None:
        if progress.step == after:
            raise KilledError

    with pytest.raises(KilledError):
        run_one(data, RunFolder(folder), options, kill, evaluated)
    return run_one(data, RunFolder(folder), options, witnesses=evaluated)


SLOW = [pytest.param(name, marks=pytest.mark.slow) for name in ("wise_ft", "dropout")]


@pytest.mark.parametrize("strategy", ["ema:decay=0.7:tail=0.6", "r_drop:alpha=2", *SLOW])
def test_a_killed_stage_goes_on_bit_for_bit(strategy: str, tiny_checkpoint: CheckpointMaker, tmp_path: Path) -> None:
    choices = tiny_choices(tiny_checkpoint("bert"), strategy, steps=10)
    do_run(choices, tmp_path / "whole")
    killed_and_resumed(choices, tmp_path / "killed", after=7)
    require_same(ended(tmp_path / "whole"), ended(tmp_path / "killed"))


def test_the_log_tells_the_penalty_from_the_tasks_loss(tiny_checkpoint: CheckpointMaker, tmp_path: Path) -> None:
    """At a rate of almost 0 the mean of two passes' losses stays near ln 2 whatever alpha is."""
    model = tiny_checkpoint("bert")
    for alpha in (1, 1000):
        do_run(tiny_choices(model, f"r_drop:alpha={alpha}", steps=4, learning_rate=1e-30), tmp_path / str(alpha))
    one, thousand = (read_metrics(tmp_path / alpha / "1-finetune" / METRICS_FILE) for alpha in ("1", "1000"))
    assert [entry["loss"] for entry in one] == [entry["loss"] for entry in thousand]
    for small, large in zip(one, thousand, strict=True):
        assert 0 < small["penalty"] < 0.1
        assert large["penalty"] == pytest.approx(1000 * small["penalty"], rel=1e-4)


@pytest.mark.parametrize("architecture", ["bert", "distilbert", "deberta-v2", "modernbert"])
def test_without_dropout_two_passes_are_the_same(architecture: str, tiny_checkpoint: CheckpointMaker) -> None:
    from headstart.training.regularisers.dropout_rates import dropout_rates, has_dropout

    data = data_of(tiny_experiment(tiny_choices(tiny_checkpoint(architecture), "finetune")))
    model = data.load_classifier().model.train()
    batch = {"input_ids": torch.arange(5, 37).reshape(4, 8), "attention_mask": torch.ones(4, 8, dtype=torch.long)}
    for rate, are_equal in ((0.5, False), (0.0, True)):
        for (module, name), _ in dropout_rates(model):
            setattr(module, name, rate)
        assert has_dropout(model) is not are_equal
        assert torch.equal(model(**batch).logits, model(**batch).logits) is are_equal


def test_a_baseline_without_effect_is_refused(tiny_checkpoint: CheckpointMaker) -> None:
    with pytest.raises(UsageError, match=r"dropout:probability=0.1 would have no effect on .*: the dropout of this"):
        tiny_experiment(tiny_choices(tiny_checkpoint("bert"), "dropout:probability=0.1"))
