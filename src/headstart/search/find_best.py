"""Find the best model of a table within a time limit: a first model at once, a race, and the winner on all rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from headstart.experiments.experiment import Run
from headstart.experiments.run_data import RunData
from headstart.experiments.scoring import Scored
from headstart.hardware import torch_threads
from headstart.registry import Spec
from headstart.reports.fit.facts import RaceFacts
from headstart.search.asked import LIMIT, Asked
from headstart.search.candidates import LINEAR, NATIVE, Setting, candidates_for
from headstart.search.clock import Clock
from headstart.search.decisions import forget_decisions, read_decision, write_decision
from headstart.search.first_model import Fit, choose_fit, fits_native
from headstart.search.outcome import outcome_of, write_outcome
from headstart.search.plan import SHARE_FOR_RUNS, gentle_rate, plan_for, updates_per_epoch, usual_epochs
from headstart.search.race import ExecutorFor, RaceResult, run_race
from headstart.search.reported import scored_mean
from headstart.search.trials import Candidate, RacePlan, Trials, Use
from headstart.store.layout import ASKED_FILE
from headstart.store.local import LocalStore
from headstart.store.record import RunRecord, RunStatus
from headstart.sweeps.export import export_run, inner_answers_of
from headstart.temporary import discard

FITS_FILE, FIRST_MODEL = "fits.json", "first-model"
TIMES_THE_END = 1.3
"""With so many times of what the last trainings take left after a race, what there was no time for is planned again."""


def plan_file(number: int) -> str:
    """Return the name of the file of a search's plans, from 1."""
    return f"plan-{number}.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fits:
    """Vectors and ways to fit a head on them, the best first; written once, read by a call that goes on."""

    fits: tuple[Fit, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Best:
    """The best model that the time allowed, and how it was found.

    Attributes:
        fits: what inner folds said of vectors and ways to fit a head; the best first.
        race: what is said of `result`.
        scored_run: the winner, trained without the rows that it is scored on; None where there are no such rows.
        scored: its record.
        final: the winner on all rows, once for each seed.
        records: of `final`.
        averaged: what the mean of their weights answers to the rows of the score, where none of `final` learned from
            these; None for one seed.
    """

    fits: tuple[Fit, ...]
    plan: RacePlan
    result: RaceResult
    race: RaceFacts
    scored_run: Run | None
    scored: RunRecord | None
    final: tuple[Run, ...]
    records: tuple[RunRecord, ...]
    averaged: Scored | None = None

    @property
    def scores_itself(self) -> bool:
        """Whether the rows of the score are not learned from in the end."""
        return self.scored_run is not None and self.scored_run.key == self.final[0].key

    @property
    def failed(self) -> RunRecord | None:
        """The record of a run that has to be there and failed; None where there is none."""
        needed = (*([self.scored] if self.scored else []), *self.records)
        return next((record for record in needed if record.status is not RunStatus.FINISHED), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """A search for the best model.

    Attributes:
        trials: make the runs.
        store: keeps them, and with them all that was decided.
        clock: runs since the call began; where it has no limit, that is by the time of one fine-tuning.
        executor_for: gives an executor that shows its runs.
        say: is told in sentences what is found.
        asked_head: the one head to use; None for any.
        only_native: whether the folder has to load without headstart.
        jobs: trials at once; `executor_for` gives an executor for so many.
    """

    trials: Trials
    store: LocalStore
    clock: Clock
    executor_for: ExecutorFor
    say: Callable[[str], None] = lambda sentence: None
    asked_head: Spec | None = None
    only_native: bool = False
    jobs: int = 1

    def find(self) -> Best:
        """Return the best model that the time allows.

        All that the clock decides is stored before the trials that follow from it, and a call that goes on reads it:
        the same plans give the same bits. A race is planned again where it took much less time than it might have: the
        machine was busy while it was measured.
        """
        fits = self._fits()
        if fits:
            self._train_first_model(fits[0])
        goes_on = (self.store.root / plan_file(1)).exists()
        plan, number = self._plan(fits, 1), 1
        result = self._raced(plan)
        while plan.left_out:
            number += 1
            wider = self._plan(fits, number, before=plan, goes_on=goes_on)
            if wider.num_trials <= plan.num_trials:
                break
            self.say("the race took less time than was thought, so there is one with more in it")
            plan, result = wider, self._raced(wider)
        race = outcome_of(plan, result, self.trials)
        write_outcome(self.store.root, race)
        with torch_threads(plan.threads):
            return self._trained_to_the_end(fits, plan, result, race)

    def _raced(self, plan: RacePlan) -> RaceResult:
        for sentence in plan.sentences():
            self.say(sentence)
        with torch_threads(plan.threads):
            return run_race(plan, self.trials, self.store, self.executor_for)

    def _trained_to_the_end(self, fits: tuple[Fit, ...], plan: RacePlan, result: RaceResult, race: RaceFacts) -> Best:
        has_rows = self.trials.has_scored_rows
        scored_run = self.trials.run(result.taken, Use.SCORE, self.trials.seed) if has_rows else None
        if scored_run is not None:
            self.say(f"the race is over: {result.taken.name} learns from all training rows, for the score")
        scored = self._execute([scored_run])[0] if scored_run is not None else None
        num_seeds = plan.final_seeds if result.taken.averages else 1
        seeds = range(self.trials.seed, self.trials.seed + num_seeds)
        final = tuple(self.trials.run(result.taken, Use.FINAL, seed) for seed in seeds)
        self.say(f"{result.taken.name} learns from all rows, for the folder")
        best = Best(
            fits=fits,
            plan=plan,
            result=result,
            race=race,
            scored_run=scored_run,
            scored=scored,
            final=final,
            records=tuple(self._execute(final)),
        )
        if num_seeds == 1 or best.failed is not None or not best.scores_itself:
            return best
        return replace(best, averaged=scored_mean(final, self.store, self.trials.cache))

    def _fits(self) -> tuple[Fit, ...]:
        path, asked = self.store.root / FITS_FILE, self._asked
        asked.require_same(self.store.root)
        if asked.has_other_limit(self.store.root):
            self.say("the limit is another one: vectors and candidates are chosen anew, and finished trials stay")
            self._forget_decisions()
        if not path.exists():
            # A model that cannot be read is refused before anything is written; below, it would only be left out.
            self.trials.cache.require_reader(self.trials.asked.model.model, self.trials.data.task.modality)
            self.store.mark()
            self.say("the model reads all rows once; inner folds choose a vector and a head on it")
            fits = Fits(fits=choose_fit(self.trials, self._only_head, self.clock))
            asked.write(self.store.root)
            write_decision(path, fits)
        return read_decision(Fits, path).fits

    def _forget_decisions(self) -> None:
        """Remove what follows from the clock; runs that are asked for again are not repeated."""
        if self.first_model.exists():
            discard(self.first_model)
        forget_decisions(self.store.root, last=ASKED_FILE)

    @property
    def _asked(self) -> Asked:
        beside = {"seed": self.trials.seed, LIMIT: self.clock.limit, "plain_folder": self.only_native}
        return Asked.of(self.trials, **beside)

    @property
    def _only_head(self) -> Spec | None:
        """The head that every candidate has; None where they may differ."""
        return NATIVE if self.only_native else self.asked_head

    def _train_first_model(self, fit: Fit) -> None:
        """Train the head that inner folds chose on all rows, and leave it as a model folder in the store."""
        folder = self.first_model
        if folder.exists():
            return
        run = self._first_run(fit)
        with self.executor_for([run]) as executor:
            (record,) = executor.execute([run])
            if record.status is RunStatus.FINISHED:
                export_run(
                    RunData.of(run, self.trials.cache),
                    self.store,
                    folder,
                    executor,
                    held_out=inner_answers_of(run, self.store),
                    # Two passes over rows would keep the first model waiting; the winner is compared.
                    compares_bf16=False,
                )
        if folder.exists():
            names = ", the classes' names as rows" if fit.label_names else ""
            self.say(f"a first model is in {folder}: a head fitted on frozen vectors ({fit.head}, {fit.method}{names})")

    def _first_run(self, fit: Fit) -> Run:
        return self.trials.run(fit.candidate, Use.FINAL, self.trials.seed)

    @property
    def first_model(self) -> Path:
        """The folder of the first model."""
        return self.store.root / FIRST_MODEL

    def _plan(
        self,
        fits: Sequence[Fit],
        number: int,
        *,
        before: RacePlan | None = None,
        goes_on: bool = False,
    ) -> RacePlan:
        """Return the plan of this number, from 1; after a race the plan `before` again, unless much time is left.

        A call that goes on does not know how much time was left, and keeps to the plan that it found.
        """
        path = self.store.root / plan_file(number)
        if not path.exists():
            is_new = before is None or (not goes_on and self._has_time_beside(before))
            write_decision(path, self._new_plan(fits, before) if is_new else before)
        return read_decision(RacePlan, path)

    def _has_time_beside(self, plan: RacePlan) -> bool:
        """Whether after the race of a plan more time is left than its last trainings are expected to take."""
        return SHARE_FOR_RUNS * (plan.seconds - self.clock.spent) > TIMES_THE_END * plan.end

    def _new_plan(self, fits: Sequence[Fit], before: RacePlan | None) -> RacePlan:
        first = self._first_run(fits[0]) if fits else None
        first_fit = self.store.record(first.experiment.digest, first.seed) if first else None
        clock = self.clock if before is None else replace(self.clock, limit=before.seconds)
        return plan_for(self.trials, self._candidates(fits), clock, first_fit=first_fit, jobs=self.jobs)

    def _candidates(self, fits: Sequence[Fit]) -> tuple[Candidate, ...]:
        task = self.trials.data.task
        return candidates_for(
            Setting(
                kind=task.kind,
                num_classes=task.num_labels if task.kind.has_classes else 0,
                num_rows=len(self.trials.data.training),
                usual_epochs=usual_epochs(self.trials),
                updates_per_epoch=updates_per_epoch(self.trials),
                gentle_rate=gentle_rate(self.trials),
                head=self._only_head or _trained_for(fits),
                fitted=fits[0].candidate if fits else None,
                fits_native=self._only_head is None and fits_native(self.trials),
                only_native=self.only_native,
                label_names=bool(fits) and fits[0].label_names,
            )
        )

    def _execute(self, runs: Sequence[Run]) -> list[RunRecord]:
        with self.executor_for(runs) as executor:
            return executor.execute(runs)


def _trained_for(fits: Sequence[Fit]) -> Spec:
    """Return the head that reads what the checkpoint was trained for, at unit length where inner folds say so."""
    best = fits[0].head if fits else LINEAR
    return best if {name for name, _ in best.options} <= {"unit"} else LINEAR
