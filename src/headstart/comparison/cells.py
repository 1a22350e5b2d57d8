"""The runs of one experiment on one task, and what they have in common."""

from __future__ import annotations

from dataclasses import dataclass

from headstart.costs import cost
from headstart.store.record import RunRecord, RunStatus

BASELINE_STRATEGY = "finetune"
MATCHED_STRATEGY = f"{BASELINE_STRATEGY}:match_compute"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """All runs of one experiment, one per seed, sorted by seed. There is at least one.

    Attributes:
        baseline: the strategy that others are compared with.
        identity: of the task's rows and the model's weights, "" where the store does not say: two tables of one name
            are two tasks.
    """

    records: tuple[RunRecord, ...]
    identity: str = ""
    baseline: str = BASELINE_STRATEGY

    @property
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
    def cost(self) -> float:
        """What a run's updates cost, in forward passes of a batch."""
        return cost((stage.role, stage.num_steps) for stage in self.first.stages)

    @property
    def question(self) -> tuple[str, str, str, str, str]:
        """What was measured: cells are compared only where task, model, metric, reported split and rows are equal."""
        return (self.first.task, self.first.model, self.first.metric, self.first.reported_split, self.identity)

    @property
    def finished(self) -> tuple[RunRecord, ...]:
        """The runs that ended with a score."""
        return tuple(record for record in self.records if record.status is RunStatus.FINISHED)

    @property
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

    def scores(self) -> dict[int, float]:
        """Return the main metric of every finished run by seed."""
        return {record.seed: record.scores[record.metric] for record in self.finished}

    def first_stage_scores(self) -> dict[int, float]:
        """Return the main metric at Stage 1's end by seed; empty where the plan has one stage."""
        return {
            record.seed: record.stages[0].scores[record.metric]
            for record in self.finished
            if len(record.stages) > 1 and record.metric in record.stages[0].scores
        }
