"""Choosing learning rates: per strategy, with equal numbers of trials, on held-out training rows and other seeds.

The held-out rows are part of the training split, so nothing is chosen on what is reported; the trials' seeds are never
reported either.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from statistics import fmean

from headstart.errors import UsageError
from headstart.experiments.experiment import Evaluation, Run, TaskSource
from headstart.experiments.options import MethodOptions, Options
from headstart.experiments.planning import plan_experiment
from headstart.experiments.run_data import RunDataCache
from headstart.store.record import Purpose, RunRecord, RunStatus

HOLDOUT_FRACTION = 0.2
FIRST_TRIAL_SEED = 1_000_000
CHOSEN_ON = f"{HOLDOUT_FRACTION:.0%} of the training split, held out"


def trials(
    candidates: Sequence[Options], num_trials: int, source: TaskSource, cache: RunDataCache
) -> list[tuple[MethodOptions, Run]]:
    """Return the trial runs of one column's candidates; with fewer candidates the trials are spent on more seeds."""
    evaluation = Evaluation(
        split="holdout",
        holdout_fraction=HOLDOUT_FRACTION,
        folds=source.options.folds,
        rows_per_class=source.rows_per_class,
    )
    runs = []
    for options in candidates:
        experiment = plan_experiment(options, source, cache, evaluation)
        experiment = replace(experiment, purpose=Purpose.SELECTION)
        for index in range(num_trials // len(candidates)):
            seed = FIRST_TRIAL_SEED + index
            runs.append((options.method, Run(experiment, seed, source.at(seed))))
    return runs


def choose(candidates: Sequence[MethodOptions], records: Sequence[RunRecord]) -> MethodOptions:
    """Return the candidate with the best mean of the main metric; a diverged trial counts as the best constant answer.

    Raises:
        UsageError: if a trial ended in an error: a choice that lost trials would not be fair.
    """
    scores: dict[MethodOptions, list[float]] = {}
    for candidate, record in zip(candidates, records, strict=True):
        if record.status is RunStatus.ERROR:
            raise UsageError(
                f"a trial of {record.label} ended in an error, so no learning rate can be chosen: {record.error}",
                remedy="  Call again: finished trials are kept, this one is tried again.",
            )
        diverged = record.status is RunStatus.DIVERGED
        scores.setdefault(candidate, []).append(record.constant_score if diverged else record.scores[record.metric])
    return max(scores, key=lambda candidate: fmean(scores[candidate]))
