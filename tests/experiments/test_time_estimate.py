"""How long a run takes, by updates that are tried out and thrown away."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from headstart.experiments.run_data import RunData
from headstart.experiments.time_estimate import Speed, estimate_time, measured_speed, useful_speed
from tests.support.runs import data_of, tiny_choices, tiny_experiment

CheckpointMaker = Callable[..., Path]
SPEED = Speed(update=3.0, row=0.25)


def data(checkpoint: Path, strategy: str, adapter: str | None = None, **options: object) -> RunData:
    return data_of(tiny_experiment(tiny_choices(checkpoint, strategy, adapter, **options)))


@pytest.mark.parametrize(
    ("strategy", "adapter", "training"),
    [
        ("finetune", None, 40 * 3.0),
        ("eh_ft", "lora", 20 * 2.0 + 20 * 3.0),  # an adapter's updates leave out the frozen weights' gradients
        ("contrastive:rows=20:finetune", None, 3 * 5 * 3.0 + 100 * 0.25 + 23 * 3.0),  # 3 batches of 20 are 15 of 4
        ("lp_ft", None, 100 * 0.25 + 20 * 3.0),  # a head alone trains on features that are read once
    ],
)
def test_a_run_takes_what_its_updates_and_its_rows_take(
    strategy: str, adapter: str | None, training: float, tiny_checkpoint: CheckpointMaker
) -> None:
    experiment = data(tiny_checkpoint("bert"), strategy, adapter, steps=40).run.experiment
    found = estimate_time(experiment, SPEED, num_train=100, num_scored=12)
    assert (found.training, found.evaluation) == (training, 3.0)


def test_trying_out_draws_nothing_and_changes_nothing(tiny_checkpoint: CheckpointMaker) -> None:
    run = data(tiny_checkpoint("bert"), "finetune", steps=40)
    before = run.load_classifier().backbone_tensors()
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    speed = measured_speed(run)
    assert speed is not None
    assert speed.update > 0
    assert speed.row > 0
    assert torch.equal(torch.rand(3), expected)
    after = run.load_classifier().backbone_tensors()
    assert all(torch.equal(tensor, after[name]) for name, tensor in before.items())


def test_very_short_runs_are_not_measured(tiny_checkpoint: CheckpointMaker) -> None:
    assert useful_speed(data(tiny_checkpoint("bert"), "finetune", steps=8)) is None
