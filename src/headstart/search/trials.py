"""What a trial is: one way to train, of one length, on one fold of the training rows; and the plan of all of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from headstart.comparison.formats import duration, plural
from headstart.data.examples import TaskData
from headstart.experiments.experiment import Evaluation, Run, TaskSource
from headstart.experiments.options import MethodOptions, Options
from headstart.experiments.planning import default_evaluation, plan_experiment
from headstart.experiments.run_data import RunDataCache
from headstart.registry import Spec

ON_FOLD = "holdout"


class Use(StrEnum):
    """Which rows a run of a candidate learns from, and which it is scored on."""

    TRIAL = "trial"
    """All folds of the training rows but one; scored on that one."""
    SCORE = "score"
    """All training rows; scored on the rows that chose nothing."""
    FINAL = "final"
    """All rows there are; not scored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One way to train.

    Attributes:
        name: in words, for people.
        head: with the vector that it reads.
        epochs: passes over the rows that it learns from; None where it makes no updates.
        learning_rate: of what trains the backbone; None for the usual one.
        rank: who is tried first where there is no time for all, from 0.
        averages: whether its seeds start from one head and backbone, so that their weights may be averaged.
        label_names: whether the classes' names are training rows too.
    """

    name: str
    strategy: Spec
    adapter: Spec | None = None
    head: Spec
    epochs: float | None = None
    learning_rate: float | None = None
    rank: int = 0
    averages: bool = False
    label_names: bool = False

    @property
    def words(self) -> str:
        """How it trains, as it is asked for by options."""
        method = str(self.strategy) if self.adapter is None else f"{self.strategy}({self.adapter})"
        length = "" if self.epochs is None else f", {self.epochs:.3g} epochs"
        rate = "" if self.learning_rate is None else f", rate {self.learning_rate:g}"
        names = ", the classes' names as rows" if self.label_names else ""
        return f"{method}, head {self.head}{length}{rate}{names}"

    def options(self, asked: Options) -> Options:
        """Return what was asked for, with this way to train."""
        training = replace(
            asked.training, epochs=self.epochs, steps=None, budget_factor=None, label_names=self.label_names
        )
        return replace(
            asked,
            model=replace(asked.model, head=self.head),
            method=MethodOptions(strategy=self.strategy, adapter=self.adapter, learning_rate=self.learning_rate),
            training=training,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Rung:
    """One round of a race.

    Attributes:
        num_candidates: how many take part: the best so far.
        folds: that each of them is tried on.
    """

    num_candidates: int
    folds: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RacePlan:
    """All that the clock decided, before the first trial; the rest follows from it and from the rows.

    Attributes:
        seconds: the limit that it was made for.
        num_folds: of the training rows.
        candidates: in the order in which they are preferred where scores do not tell them apart.
        final_seeds: of a winner on all rows whose weights may be averaged.
        left_out: candidates for which there was no time, by name.
        end: seconds that the trainings after the race are expected to take.
        threads: that torch trains with, where fewer than it has are faster on a busy machine; None for all.
    """

    seconds: float
    num_folds: int
    candidates: tuple[Candidate, ...]
    rungs: tuple[Rung, ...]
    final_seeds: int = 1
    left_out: tuple[str, ...] = ()
    end: float = 0.0
    threads: int | None = None

    def named(self, name: str) -> Candidate:
        """Return the candidate of this name."""
        return next(each for each in self.candidates if each.name == name)

    @property
    def num_trials(self) -> int:
        """How many runs the race has."""
        return sum(rung.num_candidates * len(rung.folds) for rung in self.rungs)

    @property
    def out_of_time(self) -> str:
        """Which candidates were left out, as a sentence; "" for none."""
        return f"no time for: {'; '.join(self.left_out)}" if self.left_out else ""

    def sentences(self) -> list[str]:
        """Say what is going to be done."""
        rounds = [
            f"{plural(rung.num_candidates, 'candidate')} on {plural(len(rung.folds), 'fold')}" for rung in self.rungs
        ]
        race = f"race within {duration(self.seconds)}: {'; '.join(rounds)}; then the winner on all rows"
        said = [race if rounds else "no race: too few rows to hold some out"]
        said += [f"  {each.name}: {each.words}" for each in self.candidates]
        if self.left_out:
            said.append(self.out_of_time)
        if self.end > self.seconds:
            said.append(
                f"what follows takes about {duration(self.end)}, longer than the limit: there is nothing shorter"
            )
        if self.threads is not None:
            said.append(
                f"this machine is busy: torch trains with {plural(self.threads, 'thread')}, which is faster now"
            )
        return said


@dataclass(frozen=True, slots=True)
class Trials:
    """Makes the runs of candidates.

    Attributes:
        asked: the options of the call.
        source: of the rows.
        seed: of the runs that are no trials.
        cut_off: the validation rows were cut off the training rows, and are learned from in the end.
    """

    asked: Options
    source: TaskSource
    cache: RunDataCache
    seed: int
    cut_off: bool

    @property
    def has_scored_rows(self) -> bool:
        """Whether there are rows that choose nothing, for the score."""
        return self.data.task.evaluation_split in self.data.splits

    @property
    def data(self) -> TaskData:
        """The task and its rows."""
        return self.cache.rows.of(self.source)

    def run(self, candidate: Candidate, use: Use, seed: int, *, num_folds: int = 0) -> Run:
        """Return a run; in trials the seed is the fold.

        Raises:
            UsageError: if the candidate cannot be trained on these rows with this model.
        """
        source = replace(self.source, inner_folds=num_folds, evaluate_on=()) if use is Use.TRIAL else self.source
        evaluation = self._evaluation(use, num_folds)
        at_seed = source.at(seed)
        experiment = plan_experiment(candidate.options(self.asked), at_seed, self.cache, evaluation)
        return Run(experiment, seed, at_seed)

    def _evaluation(self, use: Use, num_folds: int) -> Evaluation:
        if use is Use.TRIAL:
            return Evaluation(split=ON_FOLD, folds=num_folds)
        if not self.has_scored_rows:
            return Evaluation(split=None)
        own = default_evaluation(self.source, self.cache.rows)
        return replace(own, split=None, trains_on_validation=True) if use is Use.FINAL and self.cut_off else own
