"""Learning rates are chosen with equal numbers of trials, on held-out training rows, on seeds that are not reported."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from headstart.errors import UsageError
from headstart.experiments.methods import ComparedMethods
from headstart.experiments.run_data import RunData, RunDataCache
from headstart.store.local import LocalStore
from headstart.sweeps.plan import check_sweep, run_sweep
from headstart.sweeps.selection import CHOSEN_ON, trials
from headstart.sweeps.serial import SerialExecutor
from tests.support.runs import SOURCE, tiny_choices, tiny_source, tiny_sweep

CheckpointMaker = Callable[..., Path]
RATES = ComparedMethods(learning_rates=(1e-4, 1e-3), stage1_learning_rates=(1e-3, 1e-2, 1e-1))


@pytest.mark.parametrize("strategy", ["finetune", "linear_probe", "lp_ft", "eh_ft", "adapter"])
def test_every_strategy_gets_the_same_number_of_trials(strategy: str, tiny_checkpoint: CheckpointMaker) -> None:
    options = tiny_choices(tiny_checkpoint("bert"), strategy)
    candidates = [replace(options, method=method) for method in RATES.candidates(options.method)]
    planned = trials(candidates, RATES.num_trials, SOURCE, RunDataCache())
    assert len(planned) == RATES.num_trials == 6
    assert len({(run.experiment.digest, run.seed) for _, run in planned}) == 6
    assert all(run.seed >= 1_000_000 for _, run in planned)
    data = RunData.of(planned[0][1])
    training, scored, whole = data.train, data.report, data.task_data.training
    assert set(training.texts).isdisjoint(scored.texts)
    assert set(training.texts) | set(scored.texts) == set(whole.texts)


def test_the_best_rate_is_reported_and_said(tiny_checkpoint: CheckpointMaker, tmp_path: Path) -> None:
    """A rate of next to nothing cannot win against one that learns the training rows by heart."""
    source = tiny_source(num_train=60)
    options = tiny_choices(tiny_checkpoint("bert"), "finetune", steps=60)
    sweep = tiny_sweep(options, sources=(source,), learning_rates=(1e-12, 3e-3))
    (record,) = run_sweep(sweep, SerialExecutor(LocalStore(tmp_path / "store")), RunDataCache())
    assert record.learning_rates == {"finetune": 3e-3}
    assert (record.chosen_on, record.reported_split, record.purpose) == (CHOSEN_ON, "validation", "report")
    purposes = [each.purpose for each in LocalStore(tmp_path / "store").records()]
    assert sorted(purposes) == ["report", "selection", "selection"]


def test_rates_that_nothing_uses_are_an_error(tiny_checkpoint: CheckpointMaker) -> None:
    sweep = tiny_sweep(tiny_choices(tiny_checkpoint("bert"), "finetune"), stage1_learning_rates=(1e-3,))
    with pytest.raises(UsageError, match="`stage1_learning_rates` would have no effect"):
        check_sweep(sweep, RunDataCache())
