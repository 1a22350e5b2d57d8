"""The comparison table as values: every number of it comes from stored records, and every caution stands in its row."""

from __future__ import annotations

import itertools
from collections import defaultdict
from dataclasses import dataclass

from headstart.reports.formats import plural, points
from headstart.reports.frame import Cell, Frame, Pairing
from headstart.stats.comparisons import PairedDifference
from headstart.stats.summary import Summary, clearly_above, summarise

UNDERTRAINED = "undertrained"
NOTHING_CHOSEN = "none"
_ADAPTER_ROLE = "adapter"
_PROBE_ROLE = "probe"


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparisonRow:
    """One cell of a report: a task and a strategy over its seeds. Scores are from 0 to 1, as the metric gives them.

    Attributes:
        label: the strategy as the table names it, told apart from its namesakes in the same task.
        scores: (seed, score) of every finished run.
        summary: of these scores; None when no run finished.
        mean_with_failures: the mean with diverged runs at the best constant answer's score; None when none diverged.
        stage1: summary of the scores at Stage 1's end; None where the plan has one stage.
        difference: to the baseline at equal seeds; None where nothing may be compared, and the words say why.
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
    majority_score: float
    num_evaluation_examples: int
    num_steps: int
    scores: tuple[tuple[int, float], ...]
    summary: Summary | None
    num_diverged: int
    num_errors: int
    mean_with_failures: float | None
    stage1: Summary | None
    difference: PairedDifference | None
    seconds: float | None
    num_trained_parameters: int | None
    words: tuple[str, ...]

    @property
    def key(self) -> tuple[str, str]:
        """The key of the row's cell."""
        return (self.experiment_digest, self.task)

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
    majority_score: float
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
    labels = _distinct_labels(frame)
    groups = tuple(
        _group(
            [_row(frame, cell, labels[cell.experiment_digest]) for cell in cells], _namesake_identity(frame, question)
        )
        for question, cells in itertools.groupby(frame.cells, key=lambda cell: cell.question)
    )
    return ComparisonTable(groups=groups, notes=_notes(frame, groups))


def is_undertrained(cell: Cell) -> bool:
    """Return whether a baseline's mean is not above the best constant answer by two standard errors."""
    scores = cell.scores()
    if not scores:
        return True
    return not clearly_above(summarise(scores.values()), cell.first.majority_score, cell.first.num_evaluation_examples)


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
        majority_score=record.majority_score,
        num_evaluation_examples=record.num_evaluation_examples,
        num_steps=record.num_steps,
        scores=tuple(sorted(scores.items())),
        summary=summarise(scores.values()) if scores else None,
        num_diverged=cell.num_diverged,
        num_errors=cell.num_errors,
        mean_with_failures=_mean_with_failures(cell),
        stage1=_summary_or_none(cell.first_stage_scores()),
        difference=pairing.difference if pairing is not None and comparable else None,
        seconds=summarise(run.seconds for run in cell.finished).mean if scores else None,
        num_trained_parameters=record.num_trained_parameters if scores else None,
        words=(*_verdict_words(cell, pairing), *_cautions(frame, cell, pairing)),
    )


def _summary_or_none(scores: dict[int, float]) -> Summary | None:
    return summarise(scores.values()) if scores else None


def _mean_with_failures(cell: Cell) -> float | None:
    if not cell.num_diverged:
        return None
    return summarise([*cell.scores().values(), *[cell.first.majority_score] * cell.num_diverged]).mean


def _verdict_words(cell: Cell, pairing: Pairing | None) -> tuple[str, ...]:
    if cell.is_baseline:
        if cell.finished and is_undertrained(cell):
            return (f"{UNDERTRAINED}: not above the best constant answer by two standard errors",)
        return ()
    if not cell.finished:
        return ("no finished run",)
    if pairing is None or not pairing.baseline.finished:
        return ("no fine-tuning run to compare with",)
    if is_undertrained(pairing.baseline):
        return ("not compared: the baseline is undertrained",)
    if pairing.difference is None:
        return ("not compared: no seed can be paired",)
    if not pairing.has_equal_steps:
        steps = f"{cell.first.num_steps} against the baseline's {pairing.baseline.first.num_steps}"
        return (f"no verdict: unequal steps, {steps}",)
    return (pairing.difference.verdict.value,)


def _cautions(frame: Frame, cell: Cell, pairing: Pairing | None) -> list[str]:
    cautions = []
    if cell.num_diverged:
        cautions.append(_divergence_caution(cell))
    if cell.num_degenerate:
        cautions.append(f"{cell.num_degenerate} of {plural(len(cell.records), 'run')} answered the same to every row")
    if cell.num_errors:
        cautions.append(f"{cell.num_errors} of {plural(len(cell.records), 'run')} stopped by an error")
    if pairing is not None and pairing.num_refused_pairs:
        refused = plural(pairing.num_refused_pairs, "pair")
        cautions.append(f"{refused} refused: the two runs come from different environments")
    if pairing is not None and pairing.difference is not None and pairing.difference.num_missing_pairs:
        cautions.append(f"{plural(pairing.difference.num_missing_pairs, 'pair')} with a missing side")
    cautions += _stage1_cautions(frame, cell)
    if cell.first.chosen_on == cell.first.reported_split:
        cautions.append(f"chosen and reported on the same split, {cell.first.reported_split}")
    return cautions


def _divergence_caution(cell: Cell) -> str:
    share = f"{cell.num_diverged} of {plural(len(cell.records), 'run')} diverged"
    mean, majority = points(_mean_with_failures(cell)), points(cell.first.majority_score)
    return f"{share}: the mean is {mean} with the majority score {majority} for each"


def _stage1_cautions(frame: Frame, cell: Cell) -> list[str]:
    """Say when Stage 1's adapter has learned little: it then hands over a poor head."""
    scores = cell.first_stage_scores()
    if not scores or cell.finished[0].stages[0].role != _ADAPTER_ROLE:
        return []
    stage1, num_examples = summarise(scores.values()), cell.first.num_evaluation_examples
    if not clearly_above(stage1, cell.first.majority_score, num_examples):
        return ["Stage 1 is not clearly above the best constant answer"]
    probe = _probe_scores(frame, cell)
    if probe and not clearly_above(stage1, summarise(probe.values()).mean, num_examples):
        return ["Stage 1 is not clearly above a linear probe"]
    return []


def _probe_scores(frame: Frame, cell: Cell) -> dict[int, float]:
    """Return the best probe of the same question: a linear probe's scores, or LP-FT's at its first stage's end."""
    probes = [
        other.scores() if len(other.first.stages) == 1 else other.first_stage_scores()
        for other in frame.cells
        if other.question == cell.question and [stage.role for stage in other.first.stages[:1]] == [_PROBE_ROLE]
    ]
    return max(filter(None, probes), key=lambda scores: summarise(scores.values()).mean, default={})


def _distinct_labels(frame: Frame) -> dict[str, str]:
    """Tell experiments of one label apart by what differs: steps, learning rates, else the digest."""
    labels = {cell.experiment_digest: cell.first.label for cell in frame.cells}
    for describe in (_describe_steps, _describe_rates, _describe_digest):
        namesakes: defaultdict[tuple[object, str], list[Cell]] = defaultdict(list)
        for cell in frame.cells:
            namesakes[cell.question, labels[cell.experiment_digest]].append(cell)
        for (_, label), cells in namesakes.items():
            if len({describe(cell) for cell in cells}) > 1:
                labels.update({cell.experiment_digest: f"{label}, {describe(cell)}" for cell in cells})
    return labels


def _describe_steps(cell: Cell) -> str:
    return plural(cell.first.num_steps, "step")


def _describe_rates(cell: Cell) -> str:
    return "rates " + " then ".join(f"{rate:g}" for rate in cell.first.learning_rates.values())


def _describe_digest(cell: Cell) -> str:
    return cell.experiment_digest[:8]


def _namesake_identity(frame: Frame, question: tuple[str, ...]) -> str:
    """Return what tells a task from its namesakes with other rows or weights; "" where there is none."""
    namesakes = {cell.question for cell in frame.cells if cell.question[:4] == question[:4]}
    return f" ({question[4] or 'rows not recorded'})" if len(namesakes) > 1 else ""


def _group(rows: list[ComparisonRow], identity: str) -> ComparisonGroup:
    first = rows[0]
    return ComparisonGroup(
        task=first.task,
        model=first.model,
        metric=first.metric,
        reported_split=first.reported_split,
        num_evaluation_examples=first.num_evaluation_examples,
        majority_score=first.majority_score,
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
    if any(
        row.difference is not None and row.difference.interval is not None for group in groups for row in group.rows
    ):
        notes.append("The 95 % interval is the paired t interval over seeds; it covers the choice of seeds only.")
    if any(cell.first.folds for cell in frame.cells):
        notes.append("Seeds go through folds that share training rows: intervals over them are too narrow.")
    if frame.num_selection_runs:
        notes.append(f"Left out: {plural(frame.num_selection_runs, 'run')} that only chose a learning rate.")
    return tuple(notes)
