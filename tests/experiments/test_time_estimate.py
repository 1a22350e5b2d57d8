"""How long a run takes, by updates that are tried out and thrown away."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from headstart.data.batching import LengthBucketSampler
from headstart.experiments import time_estimate
from headstart.experiments.run_data import RunData
from headstart.experiments.time_estimate import Speed, estimate_time, measured_speed, useful_speed
from headstart.process_state import process_state_kept
from headstart.training import fitting_passes
from tests.support.runs import data_of, tiny_choices, tiny_experiment

CheckpointMaker = Callable[..., Path]
SPEED = Speed(update=3.0, row=0.25, threads=1)


def data(checkpoint: Path, strategy: str, adapter: str | None = None, **options: object) -> RunData:
    return data_of(tiny_experiment(tiny_choices(checkpoint, strategy, adapter, **options)))


@pytest.mark.parametrize(
    ("strategy", "adapter", "training"),
    [
        ("finetune", None, 40 * 3.0),
        ("eh_ft", "lora", 20 * 2.0 + 20 * 3.0),  # an adapter's updates leave out the frozen weights' gradients
        (
            "contrastive:rows=20:finetune",
            None,
            4 / 3 * 3 * 5 * 3.0 + 100 * 0.25 + 23 * 3.0,
        ),  # 3 batches of 20 are 15 of 4
        ("lp_ft", None, 100 * 0.25 + 20 * 3.0),  # a head alone trains on features that are read once
    ],
)
def test_a_run_takes_what_its_updates_and_its_rows_take(
    strategy: str, adapter: str | None, training: float, tiny_checkpoint: CheckpointMaker
) -> None:
    experiment = data(tiny_checkpoint("bert"), strategy, adapter, steps=40).run.experiment
    found = estimate_time(experiment, SPEED, num_train=100, num_scored=12)
    assert (found.training, found.evaluation) == (pytest.approx(training), 3.0)


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


def test_the_batch_that_is_timed_is_as_long_as_those_of_a_run() -> None:
    """Few long rows make many long batches: the mean row says too little."""
    lengths = np.random.default_rng(3).geometric(0.06, size=500) + 4
    order = list(LengthBucketSampler(lengths.tolist(), 16, root_seed=8, role="finetune"))
    padded = [lengths[order[begin : begin + 16]].max() for begin in range(0, 500, 16)]
    timed = time_estimate._usual_batch(lengths.tolist(), 16)
    assert len(set(timed)) == 16
    assert np.mean(padded) > 1.15 * lengths.mean()
    assert lengths[timed].max() == pytest.approx(np.mean(padded), rel=0.05)


class Machine:
    """A clock, and something to do that takes a given time with each number of torch's threads."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, seconds: Callable[[int], float]) -> None:
        self.now, self.seconds, self.used = 0.0, seconds, list[int]()
        monkeypatch.setattr(time_estimate, "time", SimpleNamespace(perf_counter=lambda: self.now))

    def do(self) -> None:
        self.used.append(torch.get_num_threads())
        self.now += self.seconds(self.used[-1])


@pytest.mark.parametrize(
    ("taken", "found"),
    [
        ([0.9, 0.1, 0.8, 0.8, *[0.5] * 20], 0.1),  # others came between all but one
        ([9.0, 8.0, 7.0, 0.1], 7.0),  # long ones are not repeated
        ([0.1] * 12 + [0.01], 0.1),
    ],
)
def test_the_least_of_several_times_counts(taken: list[float], found: float, monkeypatch: pytest.MonkeyPatch) -> None:
    rest = iter(taken)
    machine = Machine(monkeypatch, lambda threads: next(rest))
    assert time_estimate._seconds(machine.do, "cpu") == pytest.approx(found)


@pytest.mark.parametrize(
    ("seconds", "found"),
    [
        ({8: 1.0, 4: 1.6}, 8),  # a quiet machine
        ({8: 1.0, 4: 0.6}, 8),  # not clearly faster
        ({8: 20.0, 4: 5.0, 2: 0.5, 1: 0.9}, 2),
        ({8: 20.0, 4: 5.0, 2: 2.0, 1: 0.4}, 1),
    ],
)
def test_half_the_threads_are_taken_while_they_are_clearly_faster(
    seconds: dict[int, float], found: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = Machine(monkeypatch, seconds.__getitem__)
    with process_state_kept():
        torch.set_num_threads(8)
        assert time_estimate._quickest_threads(machine.do) == found


def test_one_disturbed_update_takes_no_threads_away(monkeypatch: pytest.MonkeyPatch) -> None:
    rest = iter([1.0, 9.0, 1.0, 0.8])  # half, all, half, all
    machine = Machine(monkeypatch, lambda threads: next(rest))
    with process_state_kept():
        torch.set_num_threads(2)
        assert time_estimate._quickest_threads(machine.do) == 2
    assert machine.used == [1, 2, 1, 2]


def test_a_speed_says_with_how_many_threads(tiny_checkpoint: CheckpointMaker, monkeypatch: pytest.MonkeyPatch) -> None:
    run = data(tiny_checkpoint("bert"), "finetune", steps=40)
    monkeypatch.setattr(time_estimate, "_quickest_threads", lambda do: 1)
    with process_state_kept():
        torch.set_num_threads(2)
        assert measured_speed(run).threads == 2
        assert measured_speed(run, takes_fewer_threads=True).threads == 1
        assert torch.get_num_threads() == 2


def test_very_short_runs_are_not_measured(tiny_checkpoint: CheckpointMaker) -> None:
    assert useful_speed(data(tiny_checkpoint("bert"), "finetune", steps=8)) is None


def test_what_does_not_fit_is_not_tried_out(tiny_checkpoint: CheckpointMaker, monkeypatch: pytest.MonkeyPatch) -> None:
    """A GPU says so, and on a CPU the system would end the process."""
    run = data(tiny_checkpoint("bert"), "adapter", "lora", steps=40)

    def fail(error: Exception) -> None:
        raise error

    for error in (torch.OutOfMemoryError("CUDA out of memory"), RuntimeError("something else")):
        monkeypatch.setattr(torch.optim.AdamW, "step", lambda *_, error=error: fail(error))
        if isinstance(error, torch.OutOfMemoryError):
            assert useful_speed(run) is None
        else:
            with pytest.raises(RuntimeError, match="something else"):
                useful_speed(run)
    monkeypatch.setattr(fitting_passes, "available_memory", lambda: 10**6)
    assert useful_speed(run) is None
