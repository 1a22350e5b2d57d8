"""The comparison table as values: every number of it comes from stored records, and every caution stands in its row."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from headstart.comparison.cells import MATCHED_STRATEGY, Cell
from headstart.comparison.class_gaps import class_gaps
from headstart.comparison.comparability import SettingDifference
from headstart.comparison.distinct_labels import distinct_labels
from headstart.comparison.formats import plural
from headstart.comparison.frame import Frame
from headstart.comparison.left_out import LeftOut, damage_in_a_sentence, damaged_seeds, left_out
from headstart.comparison.titles import distinct_names, distinct_titles
from headstart.comparison.words import (
    cautions,
    finding_of,
    is_undertrained,
    mean_with_failures,
    outcomes_of,
    verdict_of,
)
from headstart.metrics import ERRORS
from headstart.stats.comparisons import PairedDifference, Verdict
from headstart.stats.sequential import SequentialComparison
from headstart.stats.summary import Outcomes, Summary, summarise
from headstart.store.declared import DeclaredAxis
from headstart.store.record import NOTHING_CHOSEN
from headstart.store.setting import Setting

PLAIN_FINE_TUNING = "plain fine-tuning"


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparisonRow:
    """One cell of a report: a task and a strategy over its seeds. Scores are from 0 to 1, as the metric gives them.

    Attributes:
        label: the strategy as the table names it, told apart from its namesakes in the same task.
        scores: (seed, score) of every finished run.
        damaged_seeds: of runs that do not count, since their records are damaged.
        outcomes: the summary of these scores, with failed and degenerate runs counted.
        mean_with_failures: the mean with diverged runs at the best constant answer's score; None when none diverged.
        stage1: summary of the scores at Stage 1's end; None where the plan has one stage.
        is_baseline: whether it is plain fine-tuning, which others are compared with.
        is_undertrained: whether it is a baseline that learned too little to be compared with.
        setting: what else decides whether it may be compared; None where it was not recorded.
        num_folds: that the seeds go through, so that a pair is a fold; None where all share one split.
        axes: what was declared to vary beside strategy and adapter, with this row's values.
        baseline: what it is compared with, as sentences name it; "" where nothing is compared.
        baseline_digest: the experiment that it is compared with, or the nearest; None for plain fine-tuning at the
            first value of each axis, and for a row without one.
        differs_in: what keeps the two from being compared: settings that were not declared to vary.
        difference: to the baseline at equal seeds; None where nothing may be compared, and the finding says why.
        verdict: what the difference shows; None where no verdict is given, and the finding says why.
        finding: the verdict in words, marked where a pair's libraries differ, or why there is none; "" for a baseline
            that is trained well enough.
        cautions: what has to be read with the numbers.
        sequential: where a comparison stands that adds seeds until it is decided; None for a fixed number of seeds.
        errors: of numbers, in the labels' unit: the mean of each over the finished runs; constant_errors: that of the
            best constant answer.
        seconds: mean training time of a finished run, without evaluation.
        num_trained_parameters: scalars trained in the widest stage.
    """

    task: str
    model: str
    label: str
    strategy: str
    experiment_digest: str
    is_baseline: bool
    is_undertrained: bool
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
    damaged_seeds: tuple[int, ...]
    mean_with_failures: float | None
    stage1: Summary | None
    setting: Setting | None
    num_folds: int | None
    axes: tuple[DeclaredAxis, ...]
    baseline: str
    baseline_digest: str | None
    differs_in: tuple[SettingDifference, ...]
    difference: PairedDifference | None
    verdict: Verdict | None
    sequential: SequentialComparison | None
    errors: dict[str, float] = field(default_factory=dict)
    constant_errors: dict[str, float] = field(default_factory=dict)
    seconds: float | None
    num_trained_parameters: int | None
    finding: str
    cautions: tuple[str, ...]

    @property
    def words(self) -> tuple[str, ...]:
        """The finding and every caution, the finding first."""
        return (self.finding, *self.cautions) if self.finding else self.cautions

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
        title: the task, told apart from its namesakes; to stand beside the model.
        name: the same where it stands alone.
        caption: a sentence: metric, reported split, and what was chosen where.
        left_out: strategies without a row, since all of their runs are damaged.
    """

    task: str
    title: str
    name: str
    model: str
    metric: str
    reported_split: str
    num_evaluation_examples: int
    constant_score: float
    caption: str
    rows: tuple[ComparisonRow, ...]
    left_out: tuple[LeftOut, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparisonTable:
    """All groups of a comparison, and the sentences that have to be read with them.

    Attributes:
        damage: what is damaged in the store, in a sentence that stands before all others; "" where nothing is.
    """

    groups: tuple[ComparisonGroup, ...]
    notes: tuple[str, ...]
    damage: str = ""

    @property
    def rows(self) -> tuple[ComparisonRow, ...]:
        """The rows of all groups."""
        return tuple(row for group in self.groups for row in group.rows)

    @property
    def num_failed(self) -> int:
        """How many runs of all rows failed."""
        return sum(row.num_failed for row in self.rows)


def build_comparison(frame: Frame, root: Path | None = None) -> ComparisonTable:
    """Return the comparison table of a frame; `root` is the store that damaged files are named in."""
    labels = distinct_labels(frame)
    titles = distinct_titles(dict.fromkeys(cell.question for cell in frame.cells))
    names = distinct_names(titles)
    groups = tuple(
        replace(
            _group([_row(frame, cell, labels) for cell in frame.of_question(question)], title, names[question]),
            left_out=left_out(frame, question),
        )
        for question, title in titles.items()
    )
    notes = (*frame.damage.sentences(root), *_notes(frame, groups))
    return ComparisonTable(groups=groups, notes=notes, damage=damage_in_a_sentence(frame.damage))


def _row(frame: Frame, cell: Cell, labels: Mapping[str, str]) -> ComparisonRow:
    record = cell.first
    scores = cell.scores
    pairing = frame.pair(cell)
    comparable = pairing is not None and not is_undertrained(pairing.baseline)
    difference = pairing.difference if pairing is not None and comparable else None
    return ComparisonRow(
        task=record.task,
        model=record.model,
        label=labels[cell.experiment_digest],
        strategy=record.strategy,
        experiment_digest=record.experiment_digest,
        is_baseline=cell.is_baseline,
        is_undertrained=cell.is_baseline and bool(cell.finished) and is_undertrained(cell),
        metric=record.metric,
        reported_split=record.reported_split,
        chosen_on=record.chosen_on,
        constant_score=cell.constant_score,
        num_evaluation_examples=record.num_evaluation_examples,
        num_steps=record.num_steps,
        scores=tuple(sorted(scores.items())),
        outcomes=outcomes_of(cell),
        num_diverged=cell.num_diverged,
        num_errors=cell.num_errors,
        damaged_seeds=damaged_seeds(frame.damage, cell),
        mean_with_failures=mean_with_failures(cell),
        stage1=summarise(stage1.values()) if (stage1 := cell.first_stage_scores()) else None,
        setting=cell.setting,
        num_folds=record.folds,
        axes=cell.axes,
        baseline=_baseline_name(pairing.baseline, labels) if pairing is not None and difference is not None else "",
        baseline_digest=pairing.baseline.experiment_digest if pairing is not None else None,
        differs_in=pairing.counterpart.refused or () if pairing is not None else (),
        difference=difference,
        verdict=verdict_of(cell, pairing),
        sequential=pairing.sequential if pairing is not None and comparable else None,
        errors=_errors(run.scores for run in cell.finished),
        constant_errors=_errors(run.constant_scores for run in (cell.finished if record.folds else [record])),
        seconds=summarise(run.seconds for run in cell.finished).mean if scores else None,
        num_trained_parameters=record.num_trained_parameters if scores else None,
        finding=finding_of(cell, pairing, frame.damage),
        cautions=tuple(cautions(frame, cell, pairing)),
    )


def _baseline_name(baseline: Cell, labels: Mapping[str, str]) -> str:
    """Name it by its label only where more than strategy and adapter vary."""
    return labels[baseline.experiment_digest] if baseline.axes else PLAIN_FINE_TUNING


def _group(rows: list[ComparisonRow], title: str, name: str) -> ComparisonGroup:
    first = rows[0]
    return ComparisonGroup(
        task=first.task,
        title=title,
        name=name,
        model=first.model,
        metric=first.metric,
        reported_split=first.reported_split,
        num_evaluation_examples=first.num_evaluation_examples,
        constant_score=first.constant_score,
        caption=_caption(rows),
        rows=tuple(rows),
    )


def _caption(rows: list[ComparisonRow]) -> str:
    first = rows[0]
    splits = sorted({row.chosen_on for row in rows})
    if splits == [NOTHING_CHOSEN]:
        chosen = "Nothing was chosen: the last step of every run counts."
    else:
        names = ["nothing" if split == NOTHING_CHOSEN else split for split in splits]
        chosen = f"Chosen on: {', '.join(names)}."
    return " ".join([f"Scores are {first.metric} times 100 on {_scored_rows(first)}.", chosen, *_errors_in_words(rows)])


def _scored_rows(row: ComparisonRow) -> str:
    if row.num_folds is not None:
        return f"the {row.num_folds} folds of {row.task}, of which each seed holds one out"
    return f"the {row.reported_split} split of {row.task} ({plural(row.num_evaluation_examples, 'example')})"


def _errors(scores: Iterable[Mapping[str, float]]) -> dict[str, float]:
    """Return the mean of each error over runs that have it."""
    found = [each for each in scores if each]
    return {
        name: summarise(each[name] for each in found).mean
        for name in ERRORS
        if found and all(name in each for each in found)
    }


def _errors_in_words(rows: list[ComparisonRow]) -> Iterator[str]:
    """Yield a sentence for each error: what every row's runs reach, and the best constant answer."""
    for name in ERRORS:
        reached = [f"{row.label} {row.errors[name]:.4g}" for row in rows if name in row.errors]
        constant = next((row.constant_errors[name] for row in rows if name in row.constant_errors), None)
        if reached and constant is not None:
            reached.append(f"the best constant answer {constant:.4g}")
        if reached:
            yield f"Mean {name}, in the labels' unit: {', '.join(reached)}."


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
        notes.append(
            "Where seeds go through folds that share training rows, a pair is a fold, the mean of its seeds; "
            "intervals over folds are a little too narrow."
        )
    notes += class_gaps(frame.cells)
    if any(cell.baseline == MATCHED_STRATEGY for cell in frame.cells):
        notes.append(
            f"Plain fine-tuning is {MATCHED_STRATEGY} here: as many updates as cost what EH-FT costs, an update of an "
            "adapter counted as two thirds of one of fine-tuning."
        )
    if frame.num_selection_runs:
        notes.append(f"Left out: {plural(frame.num_selection_runs, 'run')} that only chose a learning rate.")
    return tuple(notes)
