"""A race: rounds of trials, of which the better half goes on, until one candidate is taken."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace

import numpy as np

from headstart.comparison.formats import error_line
from headstart.errors import CheckpointError
from headstart.experiments.experiment import Run
from headstart.experiments.run_data import RunData
from headstart.experiments.stored_answers import StoredAnswers
from headstart.search.choice import Answered, Standing, preferred, standings
from headstart.search.trials import Candidate, RacePlan, Trials, Use
from headstart.store.local import LocalStore
from headstart.store.record import RunRecord, RunStatus
from headstart.sweeps.executor import Executor
from headstart.sweeps.export import answers_of

ExecutorFor = Callable[[Sequence[Run]], AbstractContextManager[Executor]]
"""Gives an executor that shows where these runs are while the block lasts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """A candidate after the race.

    Attributes:
        folds: that it was tried on.
        score: the main metric on these, the mean; None where every trial failed.
        num_rows: that it was scored on.
        seconds: that the trials took.
        problem: why a trial failed; "" where none did.
    """

    name: str
    folds: tuple[int, ...]
    score: float | None
    num_rows: int
    num_steps: int
    seconds: float
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RaceResult:
    """The outcome of a race: who was taken, what all were like, and where the last ones stood."""

    taken: Candidate
    tried: tuple[Tried, ...]
    standings: tuple[Standing, ...]

    @property
    def reason(self) -> str:
        """Why the winner was taken, as a sentence."""
        if not any(each.folds for each in self.tried):
            return f"taken: {self.taken.name}, untried: there were too few rows to hold some out"
        if not self.standings:
            return f"taken: {self.taken.name}, untried: no trial came to its end"
        best = self.standings[0]
        if len(self.tried) == 1:
            return f"taken: {best.name}, the only one that there was time to try"
        if best.name == self.taken.name:
            return f"taken: {best.name}; none scored higher on the folds that the last candidates share"
        own = next(each for each in self.standings if each.name == self.taken.name)
        return (
            f"taken: {own.name}: it is {100 * own.behind:.1f} points behind {best.name}, which one standard error of "
            f"the difference ({100 * own.error:.1f}) does not tell from chance, and it is preferred beforehand"
        )


def run_race(plan: RacePlan, trials: Trials, store: LocalStore, executor_for: ExecutorFor) -> RaceResult:
    """Run a race, or what is missing of it: finished trials are not repeated.

    A candidate whose trial fails is out. Where all fail, the first one is taken: it is not tried by its updates.
    """
    records: dict[str, list[RunRecord]] = {each.name: [] for each in plan.candidates}
    folds: dict[int, Answered] = {}
    names = [each.name for each in plan.candidates]
    found: list[Standing] = []
    for rung in plan.rungs:
        going_on = _going_on(found, names, rung.num_candidates)
        runs = [
            (name, fold, trials.run(plan.named(name), Use.TRIAL, fold, num_folds=plan.num_folds))
            for fold in rung.folds
            for name in going_on
        ]
        with executor_for([run for _, _, run in runs]) as executor:
            done = executor.execute([run for _, _, run in runs])
        for (name, fold, run), record in zip(runs, done, strict=True):
            records[name].append(record)
            if record.status is RunStatus.FINISHED:
                folds[fold] = _with_answers(folds.get(fold), name, run, trials, store)
        alive = [name for name in going_on if all(each.status is RunStatus.FINISHED for each in records[name])]
        if not alive:
            break
        task = RunData.of(runs[0][2], trials.cache).task
        found = standings(task, list(folds.values()), alive)
    taken = preferred(found, names) if found else names[0]
    return RaceResult(
        taken=plan.named(taken),
        tried=tuple(_tried(name, records[name]) for name in names),
        standings=tuple(found),
    )


def _going_on(found: Sequence[Standing], names: Sequence[str], number: int) -> list[str]:
    """Return who takes part in a round, in the order of preference: all in the first, then the best so far."""
    best = {standing.name for standing in found[:number]} if found else set(names)
    return [name for name in names if name in best]


def stored_answers(run: Run, store: LocalStore) -> StoredAnswers:
    """Return what a finished run answered to the rows that it was scored on.

    Raises:
        CheckpointError: if they are missing.
    """
    found = answers_of(run, store)
    if found is None:
        raise CheckpointError(f"{run} is finished, and its predictions are missing")
    return found


def _with_answers(fold: Answered | None, name: str, run: Run, trials: Trials, store: LocalStore) -> Answered:
    data = RunData.of(run, trials.cache)
    found = stored_answers(run, store)
    if fold is None:
        fold = Answered(labels=found.labels, decisions={}, groups=data.report.groups, units=found.units)
    return replace(fold, decisions={**fold.decisions, name: found.decisions})


def _tried(name: str, records: Sequence[RunRecord]) -> Tried:
    scores = [record.scores[record.metric] for record in records if record.status is RunStatus.FINISHED]
    problems = [record.error for record in records if record.status is not RunStatus.FINISHED]
    return Tried(
        name=name,
        folds=tuple(record.seed for record in records),
        score=float(np.mean(scores)) if scores and not problems else None,
        num_rows=sum(record.num_evaluation_examples for record in records),
        num_steps=max((record.num_steps for record in records), default=0),
        seconds=sum(record.seconds for record in records),
        problem=error_line(problems[0]) if problems else "",
    )
