"""A sweep: the runs that a comparison wants, in an order that completes pairs early."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from headstart.errors import UsageError
from headstart.experiments.choices import Choices, pairings
from headstart.experiments.experiment import Evaluation, Experiment, Run, TaskSource
from headstart.experiments.grid import build_experiment, default_evaluation
from headstart.experiments.run_data import RunDataCache
from headstart.registry import Spec
from headstart.store.record import Purpose, RunRecord
from headstart.strategies.catalogue import build_strategy
from headstart.sweeps.executor import Executor
from headstart.sweeps.selection import CHOSEN_ON, RateLists, choose, trials, with_rates


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """What to compare.

    Attributes:
        sources: the tasks.
        seeds: root seeds; runs are paired over them.
        stage1_fractions: Stage 1's shares to compare, each a column of every strategy that has a Stage 1; empty leaves
            the one that `choices` names.
        rates: learning rates to choose from before anything is reported.
        is_smoke: the runs only show that something runs; they are never reported.
    """

    choices: Choices
    sources: tuple[TaskSource, ...]
    seeds: tuple[int, ...]
    stage1_fractions: tuple[float, ...] = ()
    rates: RateLists = field(default_factory=RateLists)
    is_smoke: bool = False

    def __post_init__(self) -> None:
        if not self.seeds:
            raise UsageError("--seeds was given as 0", allowed="  It is the number of paired seeds, at least 1.")
        if self.choices.privacy is not None and self.rates.is_choice:
            raise UsageError(
                "learning rates cannot be chosen with --dp: trials would train on the private rows beside the budget",
                remedy="  Give one rate, found on rows that are not private.",
            )


def check_sweep(sweep: Sweep, cache: RunDataCache) -> list[Run]:
    """Return all runs as they are with the preset's rates: faults show here, before anything trains."""
    rates = sweep.rates
    pairings(with_rates(_first_choices(sweep), (_first(rates.learning_rates), _first(rates.stage1_learning_rates))))
    runs: list[Run] = []
    for source in sweep.sources:
        evaluation = _evaluation(sweep, source, cache)
        experiments = [
            build_experiment(
                with_rates(choices, sweep.rates.candidates(strategy)[0]),
                strategy,
                adapter,
                source,
                cache,
                evaluation,
            )
            for choices, strategy, adapter in _columns(sweep)
        ]
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
    for column, strategy, adapter in _columns(sweep):
        candidates = sweep.rates.candidates(strategy)
        if len(candidates) > 1:
            planned = trials(column, sweep.rates, strategy, adapter, source, cache)
            records = executor.execute([run for _, run in planned])
            chosen = choose([candidate for candidate, _ in planned], records)
        else:
            (chosen,) = candidates
        choices = with_rates(column, chosen)
        experiments.append(build_experiment(choices, strategy, adapter, source, cache, evaluation))
    return experiments


def _first_choices(sweep: Sweep) -> Choices:
    """Return the choices with the first Stage-1 share: what an option is useful for does not hang on which."""
    shares = sweep.stage1_fractions
    return replace(sweep.choices, stage1_fraction=shares[0]) if shares else sweep.choices


def _columns(sweep: Sweep) -> list[tuple[Choices, Spec, Spec | None]]:
    """Return choices, strategy and adapter of each column; a strategy with a Stage 1 has one for each of its shares."""
    columns: list[tuple[Choices, Spec, Spec | None]] = []
    for strategy, adapter in pairings(_first_choices(sweep)):
        shares = sweep.stage1_fractions if build_strategy(strategy).has_first_stage else ()
        several = [replace(sweep.choices, stage1_fraction=share) for share in shares]
        columns.extend((choices, strategy, adapter) for choices in several or [sweep.choices])
    return columns


def _runs(sweep: Sweep, source: TaskSource, experiments: Sequence[Experiment]) -> list[Run]:
    """Return the runs of one task, seed by seed."""
    purposed = [replace(each, purpose=Purpose.SMOKE) for each in experiments] if sweep.is_smoke else experiments
    return [Run(experiment, seed, source.at(seed)) for seed in sweep.seeds for experiment in purposed]


def _first(rates: tuple[float, ...]) -> float | None:
    return rates[0] if rates else None


def _evaluation(sweep: Sweep, source: TaskSource, cache: RunDataCache) -> Evaluation:
    evaluation = default_evaluation(source, cache)
    return replace(evaluation, chosen_on=CHOSEN_ON) if sweep.rates.is_choice else evaluation
