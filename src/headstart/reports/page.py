"""The report's page as values: what the template writes, in the order in which it stands there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from headstart.comparison.answers import Answer
from headstart.comparison.cells import Cell
from headstart.comparison.comparison_table import ComparisonGroup, ComparisonRow, ComparisonTable
from headstart.comparison.formats import NOTHING, count, error_line, points
from headstart.comparison.origins import Origins, read_origins
from headstart.comparison.overall import OverallAnswer
from headstart.comparison.report import Report
from headstart.reports.evidence_table import evidence_table, run_caption, run_table, spread_table
from headstart.reports.figures.drawing import DataTable, Element, Figure
from headstart.reports.figures.gallery import Cells, overview_figures, task_figures
from headstart.reports.figures.series import SeriesNumbers, series_numbers
from headstart.reports.figures.strip import strip, strip_limit
from headstart.reports.group_table import GROUPS_CAPTION, group_table
from headstart.reports.matrix import Matrix, build_matrix, failure_word, seed_lines
from headstart.reports.measurement_table import measurement_table
from headstart.reports.renderings import cells_of
from headstart.store.record import RunRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class RowView:
    """One row of a task's table, as text (`cells_of`) beside the values that columns are sorted by."""

    row: ComparisonRow
    series: int
    cells: tuple[str, ...]
    strip: Element | None
    trained_in_full: str
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupHeading:
    """What the page's overview shows about one task."""

    number: int
    group: ComparisonGroup
    answers: tuple[Answer, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupView:
    """All that the page shows about one task.

    Attributes:
        plans: (label, plan) of every row: its stages with their updates and learning rates.
        seeds: (seed, cells) of every seed: its score in each row, or how that run failed.
    """

    number: int
    group: ComparisonGroup
    answers: tuple[Answer, ...]
    rows: tuple[RowView, ...]
    has_strips: bool
    strip_limit: str
    figures: tuple[Figure, ...]
    spread: DataTable
    evidence: DataTable | None
    run_by_run: DataTable | None
    run_caption: str
    plans: tuple[tuple[str, str], ...]
    seeds: tuple[tuple[int, tuple[str, ...]], ...]
    measurements: DataTable | None
    by_group: DataTable | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureView:
    """One run that did not finish."""

    task: str
    label: str
    seed: int
    kind: str
    place: str
    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """The whole report.

    Attributes:
        view: gives all about one task; it is not kept, so that a long report does not hold all of its figures at once.
    """

    store_name: str
    num_runs: int
    damage: str
    overall: tuple[OverallAnswer, ...]
    groups: tuple[GroupHeading, ...]
    view: Callable[[GroupHeading], GroupView]
    matrix: Matrix
    overview: tuple[Figure, ...]
    notes: tuple[str, ...]
    failures: tuple[FailureView, ...]
    warnings: tuple[str, ...]
    origins: Origins
    groups_caption: str = GROUPS_CAPTION


def build_page(report: Report) -> Page:
    """Return the page of a report."""
    table, cells, series = report.table, report.cells, series_numbers(report.table.groups)
    return Page(
        store_name=report.store.root.resolve().name if report.store else "",
        num_runs=report.num_runs,
        damage=table.damage,
        overall=report.overall,
        groups=tuple(
            GroupHeading(number=number, group=group, answers=answers)
            for number, (group, answers) in enumerate(report.groups, 1)
        ),
        view=lambda heading: _group_view(heading, report, series),
        matrix=build_matrix(table, cells, series),
        overview=overview_figures(report, series),
        notes=table.notes,
        failures=_failures(table, cells),
        warnings=_warnings(cells),
        origins=read_origins(report.store, cells.values(), report.damaged),
    )


def _group_view(heading: GroupHeading, report: Report, series: SeriesNumbers) -> GroupView:
    number, group, cells = heading.number, heading.group, report.cells
    limit = strip_limit(group)
    return GroupView(
        number=number,
        group=group,
        answers=heading.answers,
        rows=tuple(_row_view(row, series[row.label], limit) for row in group.rows),
        has_strips=any(row.difference for row in group.rows),
        strip_limit=points(limit),
        figures=task_figures(number, group, report, series),
        spread=spread_table(group),
        evidence=evidence_table(group, report.evidence),
        run_by_run=run_table(group, report.evidence),
        run_caption=run_caption(group, report.evidence),
        plans=tuple((row.label, _plan(cells[row.key])) for row in group.rows),
        seeds=_seeds(group, cells),
        measurements=measurement_table(group, cells),
        by_group=group_table(group, report),
    )


def _row_view(row: ComparisonRow, series: int, limit: float) -> RowView:
    return RowView(
        row=row,
        series=series,
        cells=tuple(cells_of(row)),
        strip=strip(row, series, limit),
        trained_in_full=count(row.num_trained_parameters),
        words=row.words or (("baseline",) if row.is_baseline else ()),
    )


def _plan(cell: Cell) -> str:
    """Write the stages with their updates and learning rates."""
    record = cell.first
    steps = {stage.name: f"{stage.num_steps:,} updates" for stage in record.stages}
    names = list(steps or record.learning_rates)
    parts = [
        f"{name}: {steps.get(name, 'updates not recorded')} at {record.learning_rates[name]:g}"
        if name in record.learning_rates
        else f"{name}: {steps[name]}"
        for name in names
    ]
    return ", then ".join(parts) or f"{record.num_steps:,} updates"


def _seeds(group: ComparisonGroup, cells: Cells) -> tuple[tuple[int, tuple[str, ...]], ...]:
    texts = [{line.seed: line.score for line in seed_lines(row, cells[row.key])} for row in group.rows]
    seeds = sorted({seed for text in texts for seed in text})
    return tuple((seed, tuple(text.get(seed, NOTHING) for text in texts)) for seed in seeds)


def _failures(table: ComparisonTable, cells: Cells) -> tuple[FailureView, ...]:
    """Return every failed run once, also one that stands in several tables."""
    views: dict[tuple[str, int], FailureView] = {}
    for group in table.groups:
        for row in group.rows:
            for run in cells[row.key].failed:
                views.setdefault((row.experiment_digest, run.seed), _failure(group, row, run))
    return tuple(views.values())


def _failure(group: ComparisonGroup, row: ComparisonRow, run: RunRecord) -> FailureView:
    step = f"step {run.failed_step}" if run.failed_step is not None else ""
    return FailureView(
        task=group.name,
        label=row.label,
        seed=run.seed,
        kind=failure_word(run.status),
        place=", ".join(part for part in (run.failed_stage, step) if part),
        error=error_line(run.error),
    )


def _warnings(cells: Cells) -> tuple[str, ...]:
    found = (
        f"{run.task}, {run.label}, seed {run.seed}: {warning}"
        for cell in cells.values()
        for run in cell.finished
        for warning in run.warnings
    )
    return tuple(dict.fromkeys(found))
