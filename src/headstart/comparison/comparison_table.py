"""The comparison table as values: every number of it comes from stored records, and every caution stands in its row."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

from headstart.comparison.cells import MATCHED_STRATEGY, Cell
from headstart.comparison.distinct_labels import distinct_labels, namesake_identity
from headstart.comparison.formats import plural
from headstart.comparison.frame import Frame
from headstart.comparison.words import (
    cautions,
    is_undertrained,
    mean_with_failures,
    outcomes_of,
    verdict_of,
    verdict_words,
)
from headstart.stats.comparisons import PairedDifference, Verdict
from headstart.stats.sequential import SequentialComparison
from headstart.stats.summary import Outcomes, Summary, summarise
from headstart.store.record import NOTHING_CHOSEN


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparisonRow:
    """One cell of a report: a task and a strategy over its seeds. Scores are from 0 to 1, as the metric gives them.

    Attributes:
        label: the strategy as the table names it, told apart from its namesakes in the same task.
        scores: (seed, score) of every finished run.
        outcomes: the summary of these scores, with failed and degenerate runs counted.
        mean_with_failures: the mean with diverged runs at the best constant answer's score; None when none diverged.
        stage1: summary of the scores at Stage 1's end; None where the plan has one stage.
        baseline_digest: the experiment that it is compared with; None for a baseline and a row without one.
        difference: to the baseline at equal seeds; None where nothing may be compared, and the words say why.
        verdict: what the difference shows; None where no verdict is given, and the words say why.
        sequential: where a comparison stands that adds seeds until it is decided; None for a fixed number of seeds.
        seconds: mean wall time of a finished run.
        num_trained_parameters: scalars trained in the widest stage.
        words: the verdict and every caution, the verdict first.
    """

    task: str
    model: str
    label: str
    strategy: str
    experiment_digest: str
    is_baseline: bool
    metric: str
    reported_split: str
    chosen_on: str
    constant_score: float
    num_evaluation_examples: int
    num_steps: int
    scores: tuple[tuple[int, float], ...]
    outcomes: Outcomes
    num_diverged: int
    num_errors: int
    mean_with_failures: float | None
    stage1: Summary | None
    baseline_digest: str | None
    difference: PairedDifference | None
    verdict: Verdict | None
    sequential: SequentialComparison | None
    seconds: float | None
    num_trained_parameters: int | None
    words: tuple[str, ...]

    @property
    def key(self) -> tuple[str, str]:
        """The key of the row's cell."""
        return (self.experiment_digest, self.task)

    @property
    def summary(self) -> Summary | None:
        """The summary of the finished runs' scores; None when no run finished."""
        return self.outcomes.summary

    @property
    def n(self) -> int:
        """How many runs finished."""
        return len(self.scores)

    @property
    def num_failed(self) -> int:
        """How many runs did not, for either reason."""
        return self.num_diverged + self.num_errors


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparisonGroup:
    """The rows that answer one question: one task, model, metric and reported split.

    Attributes:
        caption: a sentence: metric, reported split, and what was chosen where.
    """

    task: str
    model: str
    metric: str
    reported_split: str
    num_evaluation_examples: int
    constant_score: float
    caption: str
    rows: tuple[ComparisonRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparisonTable:
    """All groups of a comparison, and the sentences that have to be read with them."""

    groups: tuple[ComparisonGroup, ...]
    notes: tuple[str, ...]

    @property
    def rows(self) -> tuple[ComparisonRow, ...]:
        """The rows of all groups."""
        return tuple(row for group in self.groups for row in group.rows)

    @property
    def num_failed(self) -> int:
        """How many runs of all rows failed."""
        return sum(row.num_failed for row in self.rows)


def build_comparison(frame: Frame) -> ComparisonTable:
    """Return the comparison table of a frame."""
    labels = distinct_labels(frame)
    groups = tuple(
        _group(
            [_row(frame, cell, labels[cell.experiment_digest]) for cell in cells], namesake_identity(frame, question)
        )
        for question, cells in itertools.groupby(frame.cells, key=lambda cell: cell.question)
    )
    return ComparisonTable(groups=groups, notes=_notes(frame, groups))


def _row(frame: Frame, cell: Cell, label: str) -> ComparisonRow:
    record = cell.first
    scores = cell.scores()
    pairing = frame.pair(cell)
    comparable = pairing is not None and not is_undertrained(pairing.baseline)
    return ComparisonRow(
        task=record.task,
        model=record.model,
        label=label,
        strategy=record.strategy,
        experiment_digest=record.experiment_digest,
        is_baseline=cell.is_baseline,
        metric=record.metric,
        reported_split=record.reported_split,
        chosen_on=record.chosen_on,
        constant_score=record.constant_score,
        num_evaluation_examples=record.num_evaluation_examples,
        num_steps=record.num_steps,
        scores=tuple(sorted(scores.items())),
        outcomes=outcomes_of(cell),
        num_diverged=cell.num_diverged,
        num_errors=cell.num_errors,
        mean_with_failures=mean_with_failures(cell),
        stage1=summarise(stage1.values()) if (stage1 := cell.first_stage_scores()) else None,
        baseline_digest=pairing.baseline.experiment_digest if pairing is not None else None,
        difference=pairing.difference if pairing is not None and comparable else None,
        verdict=verdict_of(cell, pairing),
        sequential=pairing.sequential if pairing is not None and comparable else None,
        seconds=summarise(run.seconds for run in cell.finished).mean if scores else None,
        num_trained_parameters=record.num_trained_parameters if scores else None,
        words=(*verdict_words(cell, pairing), *cautions(frame, cell, pairing)),
    )


def _group(rows: list[ComparisonRow], identity: str) -> ComparisonGroup:
    first = rows[0]
    return ComparisonGroup(
        task=first.task,
        model=first.model,
        metric=first.metric,
        reported_split=first.reported_split,
        num_evaluation_examples=first.num_evaluation_examples,
        constant_score=first.constant_score,
        caption=_caption(rows) + identity,
        rows=tuple(rows),
    )


def _caption(rows: list[ComparisonRow]) -> str:
    first = rows[0]
    examples = plural(first.num_evaluation_examples, "example")
    splits = sorted({row.chosen_on for row in rows})
    if splits == [NOTHING_CHOSEN]:
        chosen = "Nothing was chosen: the last step of every run counts."
    else:
        names = ["nothing" if split == NOTHING_CHOSEN else split for split in splits]
        chosen = f"Chosen on: {', '.join(names)}."
    split = f"the {first.reported_split} split of {first.task} ({examples})"
    return f"Scores are {first.metric} times 100 on {split}. {chosen}"


def _notes(frame: Frame, groups: tuple[ComparisonGroup, ...]) -> tuple[str, ...]:
    notes = []
    shown = [row for group in groups for row in group.rows if row.difference is not None and row.difference.interval]
    if any(row.sequential is None for row in shown):
        notes.append("The 95 % interval is the paired t interval over seeds; it covers the choice of seeds only.")
    if any(row.sequential is not None for row in shown):
        notes.append(
            "Where seeds were added until it was decided, the interval is a repeated confidence interval: all looks "
            "together hold the true difference with 95 %, whenever one stops. The mean after an early stop overstates "
            "the difference on average; the interval does not."
        )
    if any(cell.first.folds for cell in frame.cells):
        notes.append("Seeds go through folds that share training rows: intervals over them are too narrow.")
    if any(cell.baseline == MATCHED_STRATEGY for cell in frame.cells):
        notes.append(
            f"Plain fine-tuning is {MATCHED_STRATEGY} here: as many updates as cost what EH-FT costs, an update of an "
            "adapter counted as two thirds of one of fine-tuning."
        )
    if frame.num_selection_runs:
        notes.append(f"Left out: {plural(frame.num_selection_runs, 'run')} that only chose a learning rate.")
    return tuple(notes)
