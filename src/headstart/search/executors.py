"""Executors for the rounds of a search: they show the runs, and keep the weights that a folder is made of."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext

from headstart.experiments.experiment import Run
from headstart.experiments.options import TrainingOptions
from headstart.experiments.planning import run_options
from headstart.experiments.run_data import RunDataCache
from headstart.hardware import resolve_device
from headstart.search.race import ExecutorFor
from headstart.search.trials import ON_FOLD
from headstart.shares import shares_of
from headstart.store.local import LocalStore
from headstart.sweeps.executor import Executor, SweepListener
from headstart.sweeps.parallel import ParallelExecutor, Workers, working
from headstart.sweeps.serial import SerialExecutor

Display = Callable[[Sequence[Run]], AbstractContextManager[SweepListener]]
"""Shows where runs are while a block lasts."""


def show_nothing(runs: Sequence[Run]) -> AbstractContextManager[SweepListener]:
    """Show nothing."""
    return nullcontext(lambda event: None)


@contextmanager
def trial_workers(jobs: int, device: str | None) -> Iterator[Workers | None]:
    """Yield processes for so many trials at once, which are gone after the block; None for one trial at a time.

    Args:
        jobs: trials at once, at least 1.
        device: of the trials; None takes a GPU where there is one.

    Raises:
        UsageError: if it is no number of trials, or there are not so many GPUs.
    """
    environments = shares_of(jobs, resolve_device(device))
    if jobs == 1:
        yield None
        return
    with working(environments) as workers:
        yield workers


def executor_of_search(
    training: TrainingOptions,
    store: LocalStore,
    cache: RunDataCache,
    display: Display = show_nothing,
    workers: Workers | None = None,
) -> ExecutorFor:
    """Return what gives an executor for each round: of trials one that has several at once, where there are workers.

    Raises:
        UsageError: when it is asked for one, if `trainer` sets what runs cannot have.
    """

    @contextmanager
    def executor_for(runs: Sequence[Run]) -> Iterator[Executor]:
        are_trials = all(run.experiment.evaluation.split == ON_FOLD for run in runs)
        may = run_options(
            training,
            [stage for run in runs for stage in run.experiment.plan],
            keep_backbone=not are_trials,
            diagnostics=False,
            evaluates_each_stage=False,
        )
        with display(runs) as listener:
            if workers is not None and are_trials and len(runs) > 1:
                yield ParallelExecutor(workers, store, may, listener, cache)
            else:
                yield SerialExecutor(store, may, listener, cache)

    return executor_for
