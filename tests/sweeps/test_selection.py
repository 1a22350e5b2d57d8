"""Learning rates are chosen with equal numbers of trials, on held-out training rows, on seeds that are not reported."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from headstart.errors import UsageError
from headstart.store.local import LocalStore
from headstart.sweeps.plan import run_sweep
from headstart.sweeps.selection import CHOSEN_ON, trials
from headstart.training.config import RunOptions
from tests.support.runs import SOURCE, tiny_choices, tiny_sweep, tiny_workspace

CheckpointMaker = Callable[..., Path]
RATES = {"learning_rates": (1e-4, 1e-3), "stage1_learning_rates": (1e-3, 1e-2, 1e-1)}


@pytest.mark.parametrize("strategy", ["finetune", "linear_probe", "lp_ft", "eh_ft", "adapter"])
def test_every_strategy_gets_the_same_number_of_trials(strategy: str, tiny_checkpoint: CheckpointMaker) -> None:
    workspace = tiny_workspace()
    sweep = tiny_sweep(tiny_choices(tiny_checkpoint("bert"), strategy), **RATES)
    (column,) = sweep.columns.methods()
    candidates = [sweep.options(method) for method in sweep.columns.candidates(column)]
    planned = trials(candidates, sweep.columns.num_trials, SOURCE, workspace)
    assert len(planned) == sweep.columns.num_trials == 6
    assert len({(run.experiment.digest, run.seed) for _, run in planned}) == 6
    assert all(run.seed >= 1_000_000 for _, run in planned)
    training = workspace.split(SOURCE, planned[0][1].experiment.evaluation, train=True)
    scored = workspace.split(SOURCE, planned[0][1].experiment.evaluation, train=False)
    whole = workspace.task_data(SOURCE).splits["train"]
    assert set(training.texts).isdisjoint(scored.texts)
    assert set(training.texts) | set(scored.texts) == set(whole.texts)


def test_the_best_rate_is_reported_and_said(tiny_checkpoint: CheckpointMaker, tmp_path: Path) -> None:
    """A rate of next to nothing cannot win against one that learns the training rows by heart."""
    choices = tiny_choices(tiny_checkpoint("bert"), "finetune", steps=60)
    sweep = tiny_sweep(choices, learning_rates=(1e-12, 3e-3))
    workspace = tiny_workspace(num_train=60, num_validation=10)
    (record,) = run_sweep(sweep, LocalStore(tmp_path / "store"), workspace, RunOptions(), lambda event: None)
    assert record.learning_rates == {"finetune": 3e-3}
    assert (record.chosen_on, record.reported_split, record.purpose) == (CHOSEN_ON, "validation", "report")
    purposes = [each.purpose for each in LocalStore(tmp_path / "store").records()]
    assert sorted(purposes) == ["report", "selection", "selection"]


def test_rates_that_nothing_uses_are_an_error(tiny_checkpoint: CheckpointMaker) -> None:
    with pytest.raises(UsageError, match="`stage1_learning_rate` would have no effect"):
        tiny_sweep(tiny_choices(tiny_checkpoint("bert"), "finetune"), stage1_learning_rates=(1e-3,))
