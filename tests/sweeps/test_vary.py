"""One more axis in a comparison: what runs, what is chosen at each value, what the store keeps of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from headstart.errors import UsageError
from headstart.experiments.run_data import RunDataCache
from headstart.experiments.varied import VariedAxis
from headstart.store.declared import DeclaredAxis, read_axes
from headstart.store.local import LocalStore
from headstart.store.record import Purpose, RunStatus
from headstart.sweeps.executor import SweepEvent
from headstart.sweeps.plan import Sweep, check_sweep, run_sweep
from headstart.sweeps.serial import SerialExecutor
from headstart.sweeps.until_decided import check_until_decided
from tests.support.runs import tiny_choices, tiny_sweep

CheckpointMaker = Callable[..., Path]


def sweep_of(model: Path, vary: str, *strategies: str, is_smoke: bool = False, **options: Any) -> Sweep:
    axis = VariedAxis.parse(vary)
    free = {"precision": "auto"} if axis.axis == "precision" else {}
    free |= {"max_length": None} if axis.axis == "max_length" else {}
    choices = tiny_choices(model, "lp_ft", **{"steps": 4, "stage1_fraction": None} | free)
    return tiny_sweep(choices, *strategies, vary=axis, is_smoke=is_smoke, **options)


def test_every_strategy_runs_at_every_value_with_paired_seeds(tiny_checkpoint: CheckpointMaker, tmp_path: Path) -> None:
    sweep = sweep_of(tiny_checkpoint("bert"), "head=native,linear", "finetune", "lp_ft", seeds=(0, 1))
    runs = check_sweep(sweep, RunDataCache())
    columns = [("finetune", "native"), ("lp_ft", "native"), ("finetune", "linear"), ("lp_ft", "linear")]
    found = [(run.experiment.label, run.experiment.head.name, run.seed) for run in runs]
    assert found == [(label, head, seed) for seed in (0, 1) for label, head in columns]
    assert str(runs[2]) == "tiny finetune head=linear seed 0"

    store = LocalStore(tmp_path)
    records = run_sweep(sweep, SerialExecutor(store), RunDataCache())
    assert [record.experiment_digest for record in records] == [run.experiment.digest for run in runs]
    assert all(record.status is RunStatus.FINISHED for record in records)
    for run in runs:
        axis = DeclaredAxis(axis="head", value=run.experiment.head.name, values=("native", "linear"))
        assert read_axes(store, run.experiment.digest) == (axis,)


def test_the_first_value_is_the_ordinary_experiment(tiny_checkpoint: CheckpointMaker) -> None:
    """So a comparison that varies something finds the runs of one that did not, and the other way round."""
    varied = check_sweep(sweep_of(tiny_checkpoint("bert"), "head=native,linear", "finetune"), RunDataCache())
    choices = tiny_choices(tiny_checkpoint("bert"), "finetune", steps=4)
    plain = check_sweep(tiny_sweep(choices), RunDataCache())
    assert [run.experiment.digest for run in plain] == [varied[0].experiment.digest]


@pytest.mark.slow
def test_rates_are_chosen_at_each_value(tiny_checkpoint: CheckpointMaker, tmp_path: Path) -> None:
    sweep = sweep_of(
        tiny_checkpoint("bert"), "max_length=16,24", "finetune", stage1_fraction=(), learning_rates=(1e-4, 1e-3)
    )
    events: list[SweepEvent] = []
    store = LocalStore(tmp_path)
    run_sweep(sweep, SerialExecutor(store, listener=events.append), RunDataCache())
    trials = [
        (event.run.experiment.training.max_length, event.run.experiment.plan[0].optimizer.learning_rate)
        for event in events
        if event.record is not None and event.run.experiment.purpose is Purpose.SELECTION
    ]
    assert trials == [(16, 1e-4), (16, 1e-3), (24, 1e-4), (24, 1e-3)]
    for event in events:
        declared = read_axes(store, event.run.experiment.digest)
        length = str(event.run.experiment.training.max_length)
        is_trial = event.run.experiment.purpose is Purpose.SELECTION
        axis = DeclaredAxis(axis="max_length", value=length, values=("16", "24"))
        assert declared == (() if is_trial else (axis,))


def test_smoke_runs_it_too(tiny_checkpoint: CheckpointMaker) -> None:
    sweep = sweep_of(tiny_checkpoint("bert"), "loss=cross_entropy,focal", "finetune", is_smoke=True)
    runs = check_sweep(sweep, RunDataCache())
    assert [run.experiment.purpose for run in runs] == [Purpose.SMOKE] * 2
    assert [run.experiment.training.loss.spec.name for run in runs] == ["cross_entropy", "focal"]


def test_values_that_mean_the_same_here_are_refused(tiny_checkpoint: CheckpointMaker) -> None:
    """What `auto` means depends on the machine: one of the two others is it."""
    model = tiny_checkpoint("bert")
    (run,) = check_sweep(tiny_sweep(tiny_choices(model, "finetune", precision="auto")), RunDataCache())
    same = run.experiment.training.precision
    with pytest.raises(UsageError, match=f"precision auto and {same}, which are the same for tiny"):
        check_sweep(sweep_of(model, f"precision=auto,{same}", "finetune"), RunDataCache())


def test_seeds_cannot_be_added_until_it_is_decided(tiny_checkpoint: CheckpointMaker) -> None:
    sweep = sweep_of(tiny_checkpoint("bert"), "head=native,linear", "finetune", "lp_ft")
    with pytest.raises(UsageError, match="`until_decided` does not go with `vary`"):
        check_until_decided(sweep)
