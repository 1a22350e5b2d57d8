"""The runs of one experiment on one task, and what they have in common."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from statistics import fmean
from typing import NamedTuple

from headstart.costs import STEP_COST, cost, kind_of, updates_of_passes
from headstart.stats.folds import mean_by_fold
from headstart.store.declared import DeclaredAxis
from headstart.store.record import RunRecord, RunStatus, StageRecord
from headstart.store.setting import Setting

BASELINE_STRATEGY = "finetune"
FIT_KIND = "fit"
MATCHED_STRATEGY = f"{BASELINE_STRATEGY}:match_compute"


class Question(NamedTuple):
    """What was measured, and on what: cells are compared only where all of it is equal.

    Attributes:
        rows: SHA-256 of the task's rows, with that of other rows where these were scored; "" where not recorded: two
            tables of one name are two tasks.
        model_revision: of the model of that name; "" where not recorded.
    """

    task: str
    model: str
    metric: str
    reported_split: str
    rows: str
    model_revision: str

    @property
    def names(self) -> tuple[str, str, str, str]:
        """All but rows and revision: what namesakes share."""
        return self[:4]


@dataclass(frozen=True, kw_only=True)
class Cell:
    """All runs of one experiment, one per seed, sorted by seed. There is at least one.

    Attributes:
        baseline: the strategy that others are compared with.
        axes: what was declared to vary beside strategy and adapter, with the value that this experiment has.
    """

    records: tuple[RunRecord, ...]
    baseline: str = BASELINE_STRATEGY
    axes: tuple[DeclaredAxis, ...] = ()

    @cached_property
    def first(self) -> RunRecord:
        """A record that stands for what all of them share; a finished one where there is one."""
        return next(iter(self.finished), self.records[0])

    @property
    def experiment_digest(self) -> str:
        """The digest that all runs share."""
        return self.first.experiment_digest

    @property
    def key(self) -> tuple[str, str]:
        """What tells the cell from all others: one experiment may be scored on several tasks."""
        return (self.experiment_digest, self.first.task)

    @property
    def is_baseline(self) -> bool:
        """Whether this is plain fine-tuning."""
        return self.first.strategy == self.baseline

    @property
    def later_axes(self) -> tuple[DeclaredAxis, ...]:
        """The axes on which it has another value than the first."""
        return tuple(axis for axis in self.axes if not axis.is_first)

    @property
    def is_reference(self) -> bool:
        """Whether it is compared with nothing itself: plain fine-tuning, at the first value of each axis."""
        return self.is_baseline and not self.later_axes

    @property
    def setting(self) -> Setting | None:
        """What decides, beside strategy and rates, whether it may be compared; None where it was not recorded."""
        return self.first.setting

    @property
    def cost(self) -> float:
        """What a run's updates and the passes to fit heads cost, in forward passes of a batch."""
        updates = cost((stage.role, stage.num_steps * self._batches_of(stage)) for stage in self.first.stages)
        return updates + STEP_COST["finetune"] * self._updates_of_fits

    @property
    def num_updates(self) -> float:
        """A run's updates, larger batches counted as several, and what its passes to fit heads cost in updates."""
        more = sum(stage.num_steps * (self._batches_of(stage) - 1) for stage in self.first.stages)
        return self.first.num_steps + more + self._updates_of_fits

    @property
    def fits_heads(self) -> bool:
        """Whether some stage fits a head."""
        return self._updates_of_fits > 0

    @property
    def has_own_batches(self) -> bool:
        """Whether an update of some stage reads more or fewer rows than one of the others, or reads them twice."""
        return any(self._batches_of(stage) != 1.0 for stage in self.first.stages)

    @property
    def _updates_of_fits(self) -> float:
        if self.setting is None:
            return 0.0
        num_examples = sum(stage.num_examples_seen for stage in self.first.stages if kind_of(stage.role) == FIT_KIND)
        return updates_of_passes(num_examples, self.setting.batch_size)

    def _batches_of(self, stage: StageRecord) -> float:
        """Return how many of the run's batches an update of a stage passes through the model."""
        if stage.own_batch_size is None or self.setting is None:
            return float(stage.passes_per_update)
        return stage.passes_per_update * stage.own_batch_size / self.setting.batch_size

    @cached_property
    def question(self) -> Question:
        """What was measured, and on what."""
        record, setting = self.first, self.setting
        return Question(
            task=record.task,
            model=record.model,
            metric=record.metric,
            reported_split=record.reported_split,
            rows=f"{setting.rows} {setting.other_rows}".rstrip() if setting else "",
            model_revision=setting.model_revision if setting else "",
        )

    @cached_property
    def finished(self) -> tuple[RunRecord, ...]:
        """The runs that ended with a score."""
        return tuple(record for record in self.records if record.status is RunStatus.FINISHED)

    @cached_property
    def failed(self) -> tuple[RunRecord, ...]:
        """The runs that did not, diverged or stopped by an error."""
        return tuple(record for record in self.records if record.status is not RunStatus.FINISHED)

    @property
    def num_diverged(self) -> int:
        """How many runs diverged: a result."""
        return sum(record.status is RunStatus.DIVERGED for record in self.records)

    @property
    def num_errors(self) -> int:
        """How many runs were stopped by an error; they are tried again."""
        return sum(record.status is RunStatus.ERROR for record in self.records)

    @property
    def num_degenerate(self) -> int:
        """How many finished runs answered the same to every row."""
        return sum(record.is_degenerate for record in self.finished)

    @property
    def is_pairable(self) -> bool:
        """Whether equal seeds mean equal draws."""
        return self.first.is_pairable

    @cached_property
    def scores(self) -> Mapping[int, float]:
        """The main metric of every finished run by seed."""
        return {record.seed: record.scores[record.metric] for record in self.finished}

    @property
    def constant_scores(self) -> Mapping[int, float]:
        """What the best constant answer to its rows scores, by the seed of every run: each fold has its own."""
        return {record.seed: record.constant_score for record in self.records}

    @property
    def constant_score(self) -> float:
        """What the best constant answer scores; where seeds go through folds, the mean over those of finished runs."""
        if self.first.folds is None:
            return self.first.constant_score
        known = {record.seed: record.constant_score for record in self.finished or self.records}
        return fmean(mean_by_fold(known, self.first.folds).values())

    def first_stage_scores(self) -> dict[int, float]:
        """Return the main metric at Stage 1's end by seed; empty where the plan has one stage."""
        return {
            record.seed: record.stages[0].scores[record.metric]
            for record in self.finished
            if len(record.stages) > 1 and record.metric in record.stages[0].scores
        }
