"""Choosing learning rates: per strategy, with equal numbers of trials, on held-out training rows and other seeds.

Source: DESIGN.md section 7. The held-out rows are part of the training split, so nothing is chosen on what is
reported; the trials' seeds are never reported either.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import fmean

from headstart.errors import UsageError
from headstart.experiments.choices import Choices
from headstart.experiments.experiment import Evaluation, Run, TaskSource
from headstart.experiments.grid import build_experiment
from headstart.experiments.run_data import RunDataCache
from headstart.registry import Spec
from headstart.store.record import Purpose, RunRecord, RunStatus
from headstart.strategies.catalogue import build_strategy

HOLDOUT_FRACTION = 0.2
FIRST_TRIAL_SEED = 1_000_000
CHOSEN_ON = f"{HOLDOUT_FRACTION:.0%} of the training split, held out"

Candidate = tuple[float | None, float | None]
"""Learning rate of the backbone's stage, and of the head's or adapter's; None keeps the preset's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLists:
    """The learning rates to choose from; an empty list leaves the preset's."""

    learning_rates: tuple[float, ...] = ()
    stage1_learning_rates: tuple[float, ...] = ()

    @property
    def is_choice(self) -> bool:
        """Whether there is anything to choose."""
        return len(self.learning_rates) > 1 or len(self.stage1_learning_rates) > 1

    @property
    def num_trials(self) -> int:
        """Return the trials that each strategy gets."""
        return max(1, len(self.learning_rates)) * max(1, len(self.stage1_learning_rates))

    def candidates(self, strategy: Spec) -> list[Candidate]:
        """Return the pairs of rates that make a difference to a strategy."""
        kind = build_strategy(strategy)
        second = self.learning_rates if kind.tunes_backbone else ()
        first = self.stage1_learning_rates if kind.tunes_head_first else ()
        return list(itertools.product(second or (None,), first or (None,)))


def trials(
    choices: Choices, rates: RateLists, strategy: Spec, adapter: Spec | None, source: TaskSource, cache: RunDataCache
) -> list[tuple[Candidate, Run]]:
    """Return the trial runs of one strategy; one with fewer candidates spends its trials on more seeds."""
    candidates = rates.candidates(strategy)
    evaluation = Evaluation(split="holdout", holdout_fraction=HOLDOUT_FRACTION, folds=source.options.folds)
    runs = []
    for candidate in candidates:
        chosen = with_rates(choices, candidate)
        experiment = build_experiment(chosen, strategy, adapter, source, cache, evaluation)
        experiment = replace(experiment, purpose=Purpose.SELECTION)
        for index in range(rates.num_trials // len(candidates)):
            runs.append((candidate, Run(experiment, FIRST_TRIAL_SEED + index, source.at(FIRST_TRIAL_SEED + index))))
    return runs


def choose(candidates: Sequence[Candidate], records: Sequence[RunRecord]) -> Candidate:
    """Return the candidate with the best mean of the main metric; a diverged trial counts as the best constant answer.

    Raises:
        UsageError: if a trial ended in an error: a choice that lost trials would not be fair.
    """
    scores: dict[Candidate, list[float]] = {}
    for candidate, record in zip(candidates, records, strict=True):
        if record.status is RunStatus.ERROR:
            raise UsageError(
                f"a trial of {record.label} ended in an error, so no learning rate can be chosen: {record.error}",
                remedy="  Call again: finished trials are kept, this one is tried again.",
            )
        diverged = record.status is RunStatus.DIVERGED
        scores.setdefault(candidate, []).append(record.constant_score if diverged else record.scores[record.metric])
    return max(scores, key=lambda candidate: fmean(scores[candidate]))


def with_rates(choices: Choices, candidate: Candidate) -> Choices:
    """Return the choices with a candidate's rates."""
    rate, stage1_rate = candidate
    return replace(
        choices,
        learning_rate=choices.learning_rate if rate is None else rate,
        stage1_learning_rate=choices.stage1_learning_rate if stage1_rate is None else stage1_rate,
    )
