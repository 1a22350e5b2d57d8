"""Executors for the rounds of a search: they show the runs, and keep the weights that a folder is made of."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext

from headstart.experiments.experiment import Run
from headstart.experiments.options import TrainingOptions
from headstart.experiments.planning import run_options
from headstart.experiments.run_data import RunDataCache
from headstart.search.race import ExecutorFor
from headstart.search.trials import ON_FOLD
from headstart.store.local import LocalStore
from headstart.sweeps.executor import Executor, SweepListener
from headstart.sweeps.serial import SerialExecutor

Display = Callable[[Sequence[Run]], AbstractContextManager[SweepListener]]
"""Shows where runs are while a block lasts."""


def show_nothing(runs: Sequence[Run]) -> AbstractContextManager[SweepListener]:
    """Show nothing."""
    return nullcontext(lambda event: None)


def executor_of_search(
    training: TrainingOptions, store: LocalStore, cache: RunDataCache, display: Display = show_nothing
) -> ExecutorFor:
    """Return what gives an executor for each round.

    Raises:
        UsageError: when it is asked for one, if `trainer` sets what runs cannot have.
    """

    @contextmanager
    def executor_for(runs: Sequence[Run]) -> Iterator[Executor]:
        may = run_options(
            training,
            [stage for run in runs for stage in run.experiment.plan],
            keep_backbone=all(run.experiment.evaluation.split != ON_FOLD for run in runs),
            diagnostics=False,
            evaluates_each_stage=False,
        )
        with display(runs) as listener:
            yield SerialExecutor(store, may, listener, cache)

    return executor_for
