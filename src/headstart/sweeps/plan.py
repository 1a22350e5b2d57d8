"""A sweep: the runs that a comparison wants, in an order that completes pairs early."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from headstart.errors import UsageError
from headstart.experiments.experiment import Evaluation, Experiment, Run, TaskSource
from headstart.experiments.methods import ComparedMethods
from headstart.experiments.options import MethodOptions, ModelOptions, Options, TrainingOptions
from headstart.experiments.planning import default_evaluation, plan_experiment
from headstart.experiments.run_data import RunDataCache
from headstart.experiments.varied import settings_of
from headstart.store.declared import DeclaredAxis
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
        varied: where it stands on the axis that a comparison varies; None for the whole of it.

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
    varied: DeclaredAxis | None = None

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

    @property
    def parts(self) -> tuple[Sweep, ...]:
        """The sweep at each value of the axis that varies, an ordinary sweep each; itself alone where none does."""
        settings = settings_of(self.columns.vary, self.model, self.training)
        columns = replace(self.columns, vary=None)
        return tuple(
            replace(self, columns=columns, model=each.model, training=each.training, varied=each.varied)
            for each in settings
        )

    def options(self, method: MethodOptions) -> Options:
        """Return the options of one column."""
        return Options(model=self.model, method=method, training=self.training)


def check_sweep(sweep: Sweep, cache: RunDataCache) -> list[Run]:
    """Return all runs as they are with the first rates: faults show here, before anything trains."""
    sweep.columns.check(sweep.training)
    return _all_runs(sweep, lambda part, source: _first_experiments(part, source, cache))


def _first_experiments(sweep: Sweep, source: TaskSource, cache: RunDataCache) -> list[Experiment]:
    evaluation = _evaluation(sweep, source, cache)
    firsts = [sweep.columns.candidates(method)[0] for method in sweep.columns.methods()]
    return [plan_experiment(sweep.options(method), source, cache, evaluation) for method in firsts]


def run_sweep(sweep: Sweep, executor: Executor, cache: RunDataCache) -> list[RunRecord]:
    """Choose learning rates where there is a choice, then have every run finished; return the reported records."""
    return executor.execute(_all_runs(sweep, lambda part, source: chosen_experiments(part, source, executor, cache)))


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


def _all_runs(sweep: Sweep, experiments_of: Callable[[Sweep, TaskSource], list[Experiment]]) -> list[Run]:
    """Return all runs, task by task and seed by seed."""
    runs: list[Run] = []
    for source in sweep.sources:
        columns = [(part.varied, each) for part in sweep.parts for each in experiments_of(part, source)]
        _refuse_equal(columns)
        if sweep.is_smoke:
            columns = [(varied, replace(each, purpose=Purpose.SMOKE)) for varied, each in columns]
        runs.extend(
            Run(experiment, seed, source.at(seed), varied) for seed in sweep.seeds for varied, experiment in columns
        )
    return runs


def _refuse_equal(columns: Sequence[tuple[DeclaredAxis | None, Experiment]]) -> None:
    """Refuse two values of an axis that mean the same here: they would be one experiment under two names."""
    values: dict[str, DeclaredAxis] = {}
    for varied, experiment in columns:
        if varied is not None and values.setdefault(experiment.digest, varied) != varied:
            raise UsageError(
                f"`vary` was given {varied.axis} {values[experiment.digest].value} and {varied.value}, which are the "
                f"same for {experiment.task} with {experiment.model} on this machine",
                remedy="  Leave one of them out.",
            )


def _evaluation(sweep: Sweep, source: TaskSource, cache: RunDataCache) -> Evaluation:
    evaluation = default_evaluation(source, cache.rows)
    return replace(evaluation, chosen_on=CHOSEN_ON) if sweep.columns.choose_rates else evaluation
