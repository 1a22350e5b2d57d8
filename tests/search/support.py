"""Searches on tiny models."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path

from headstart.experiments.experiment import Run, TaskSource
from headstart.experiments.options import MethodOptions, Options
from headstart.experiments.run_data import RunDataCache
from headstart.registry import Spec
from headstart.search.clock import Clock
from headstart.search.executors import executor_of_search
from headstart.search.find_best import Search
from headstart.search.trials import Candidate, RacePlan, Rung, Trials
from headstart.store.local import LocalStore
from headstart.strategies.catalogue import AUTO
from headstart.sweeps.executor import SweepListener
from tests.support.runs import tiny_choices

HEAD = Spec("linear")
FITTED = Candidate(name="fitted head", strategy=Spec("linear_probe", (("fit", "logistic"),)), head=HEAD, rank=1)
TUNED = Candidate(
    name="fine-tuned", strategy=Spec("lp_ft", (("fit", "logistic"),)), head=HEAD, epochs=1.0, averages=True
)
PLAN = RacePlan(
    seconds=60.0,
    num_folds=3,
    candidates=(FITTED, TUNED),
    rungs=(Rung(num_candidates=2, folds=(0,)), Rung(num_candidates=2, folds=(1,))),
    final_seeds=2,
)


def options_for(model: Path) -> Options:
    return replace(tiny_choices(model, "finetune"), method=MethodOptions(strategy=AUTO))


def trials_of(model: Path, source: TaskSource) -> Trials:
    cache = RunDataCache()
    return Trials(options_for(model), source, cache, 0, cut_off=cache.rows.cuts_validation_off(source))


def search_of(trials: Trials, folder: Path, listener: SweepListener = lambda event: None) -> Search:
    store = LocalStore(folder)

    def display(runs: Sequence[Run]) -> AbstractContextManager[SweepListener]:
        return nullcontext(listener)

    executor_for = executor_of_search(trials.asked.training, store, trials.cache, display)
    return Search(trials=trials, store=store, clock=Clock(60.0), executor_for=executor_for)
