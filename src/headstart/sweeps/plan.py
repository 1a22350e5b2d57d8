"""A sweep: the runs that a comparison wants, in an order that completes pairs early."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from headstart.errors import UsageError
from headstart.experiments.experiment import Evaluation, Experiment, Run, TaskSource
from headstart.experiments.methods import ComparedMethods
from headstart.experiments.options import MethodOptions, ModelOptions, Options, TrainingOptions
from headstart.experiments.planning import default_evaluation, plan_experiment
from headstart.experiments.run_data import RunDataCache
from headstart.store.record import Purpose, RunRecord
from headstart.sweeps.executor import Executor
from headstart.sweeps.selection import CHOSEN_ON, choose, trials


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """What to compare.

    Attributes:
        columns: the ways to fine-tune.
        sources: the tasks.
        seeds: root seeds; runs are paired over them.
        diagnostics: measure what stages do to features, weights and probabilities.
        is_smoke: the runs only show that something runs; they are never reported.

    Raises:
        UsageError: for what can be seen to be wrong before any data is read.
    """

    model: ModelOptions
    columns: ComparedMethods
    training: TrainingOptions
    sources: tuple[TaskSource, ...]
    seeds: tuple[int, ...]
    diagnostics: bool = True
    is_smoke: bool = False

    def __post_init__(self) -> None:
        if not self.seeds:
            raise UsageError("`seeds` was given as 0", allowed="  It is the number of paired seeds, at least 1.")
        if self.training.dp is None:
            return
        if self.columns.choose_rates:
            raise UsageError(
                "learning rates cannot be chosen with `dp`: trials would train on the private rows beside the budget",
                remedy="  Give one rate, found on rows that are not private.",
            )
        if not self.diagnostics:
            raise UsageError(
                "`diagnostics` would have no effect: private runs measure nothing beside the scores",
                remedy="  Leave it out.",
            )

    def options(self, method: MethodOptions) -> Options:
        """Return the options of one column."""
        return Options(model=self.model, method=method, training=self.training)


def check_sweep(sweep: Sweep, cache: RunDataCache) -> list[Run]:
    """Return all runs as they are with the first rates: faults show here, before anything trains."""
    sweep.columns.check(sweep.training)
    runs: list[Run] = []
    for source in sweep.sources:
        evaluation = _evaluation(sweep, source, cache)
        firsts = [sweep.columns.candidates(method)[0] for method in sweep.columns.methods()]
        experiments = [plan_experiment(sweep.options(method), source, cache, evaluation) for method in firsts]
        runs.extend(_runs(sweep, source, experiments))
    return runs


def run_sweep(sweep: Sweep, executor: Executor, cache: RunDataCache) -> list[RunRecord]:
    """Choose learning rates where there is a choice, then have every run finished; return the reported records."""
    runs: list[Run] = []
    for source in sweep.sources:
        experiments = chosen_experiments(sweep, source, executor, cache)
        runs.extend(_runs(sweep, source, experiments))
    return executor.execute(runs)


def chosen_experiments(sweep: Sweep, source: TaskSource, executor: Executor, cache: RunDataCache) -> list[Experiment]:
    """Return the experiments of one task, with learning rates chosen where there is a choice."""
    evaluation = _evaluation(sweep, source, cache)
    experiments = []
    for column in sweep.columns.methods():
        candidates = sweep.columns.candidates(column)
        if len(candidates) > 1:
            planned = trials([sweep.options(each) for each in candidates], sweep.columns.num_trials, source, cache)
            records = executor.execute([run for _, run in planned])
            method = choose([candidate for candidate, _ in planned], records)
        else:
            (method,) = candidates
        experiments.append(plan_experiment(sweep.options(method), source, cache, evaluation))
    return experiments


def _runs(sweep: Sweep, source: TaskSource, experiments: Sequence[Experiment]) -> list[Run]:
    """Return the runs of one task, seed by seed."""
    purposed = [replace(each, purpose=Purpose.SMOKE) for each in experiments] if sweep.is_smoke else experiments
    return [Run(experiment, seed, source.at(seed)) for seed in sweep.seeds for experiment in purposed]


def _evaluation(sweep: Sweep, source: TaskSource, cache: RunDataCache) -> Evaluation:
    evaluation = default_evaluation(source, cache.rows)
    return replace(evaluation, chosen_on=CHOSEN_ON) if sweep.columns.choose_rates else evaluation
