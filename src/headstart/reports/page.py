"""The report's page as values: what the template writes, in the order in which it stands there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from headstart.reports.answers import Answer, answers_of
from headstart.reports.curves import learning_curve
from headstart.reports.formats import NOTHING, count, duration, points, short_count, signed_points
from headstart.reports.frame import Cell, Frame
from headstart.reports.origins import Origins, read_origins
from headstart.reports.plots import (
    CostFigure,
    CurveFigure,
    Strip,
    cost_figure,
    curve_figure,
    series_of,
    strip,
    strip_limit,
)
from headstart.reports.renderings import interval_text, mean_and_deviation, runs_text
from headstart.reports.tables import ComparisonGroup, ComparisonRow, ComparisonTable, build_comparison
from headstart.stats.intervals import Interval, percentile_bootstrap, percentile_bootstrap_coverage
from headstart.store.local import LocalStore
from headstart.store.record import RunRecord, RunStatus

Cells = Mapping[tuple[str, str], Cell]
"""A report's cells by their keys."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RowView:
    """One row of the table, as text; `series` names its colour, marker and dash pattern."""

    label: str
    is_baseline: bool
    series: int
    score: str
    runs: str
    stage1: str
    difference: str
    interval: str
    strip: Strip | None
    seconds: str
    trained: str
    trained_in_full: str
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceView:
    """What stands behind a row's verdict."""

    label: str
    plan: str
    outcomes: str
    p_value: str
    bootstrap: str
    coverage: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedView:
    """One seed's scores, one per row of the group; a word where there is none."""

    seed: int
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupView:
    """All that the page shows about one task."""

    number: int
    group: ComparisonGroup
    answers: tuple[Answer, ...]
    rows: tuple[RowView, ...]
    has_strips: bool
    strip_limit: str
    cost: CostFigure | None
    curves: CurveFigure | None
    evidence: tuple[EvidenceView, ...]
    seeds: tuple[SeedView, ...]


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
    """The whole report."""

    store_name: str
    num_runs: int
    groups: tuple[GroupView, ...]
    notes: tuple[str, ...]
    failures: tuple[FailureView, ...]
    warnings: tuple[str, ...]
    origins: Origins
    nothing: str = NOTHING
    """What stands where there is no value."""


def build_page(store: LocalStore, frame: Frame) -> Page:
    """Return the page of a store's runs."""
    table = build_comparison(frame)
    cells = {cell.key: cell for cell in frame.cells}
    return Page(
        store_name=store.root.resolve().name,
        num_runs=frame.num_runs,
        groups=tuple(_group_view(number, group, store, cells) for number, group in enumerate(table.groups, start=1)),
        notes=table.notes,
        failures=_failures(table, cells),
        warnings=_warnings(frame),
        origins=read_origins(store, frame),
    )


def _group_view(number: int, group: ComparisonGroup, store: LocalStore, cells: Cells) -> GroupView:
    series, limit = series_of(group), strip_limit(group)
    own = {row.experiment_digest: cells[row.key] for row in group.rows}
    curves = {digest: curve for digest, cell in own.items() if (curve := learning_curve(store, cell)) is not None}
    seconds = {digest: {run.seed: run.seconds for run in cell.finished} for digest, cell in own.items()}
    return GroupView(
        number=number,
        group=group,
        answers=answers_of(group),
        rows=tuple(_row_view(row, series[row.experiment_digest], limit) for row in group.rows),
        has_strips=any(row.difference for row in group.rows),
        strip_limit=points(limit),
        cost=cost_figure(group, seconds),
        curves=curve_figure(group, curves),
        evidence=tuple(_evidence(row, own[row.experiment_digest]) for row in group.rows),
        seeds=_seeds(group, cells),
    )


def _row_view(row: ComparisonRow, series: int, limit: float) -> RowView:
    return RowView(
        label=row.label,
        is_baseline=row.is_baseline,
        series=series,
        score=mean_and_deviation(row),
        runs=runs_text(row),
        stage1=points(row.stage1.mean if row.stage1 else None),
        difference=signed_points(row.difference.mean if row.difference else None),
        interval=interval_text(row),
        strip=strip(row, limit),
        seconds=duration(row.seconds),
        trained=short_count(row.num_trained_parameters),
        trained_in_full=count(row.num_trained_parameters),
        words=row.words or (("baseline",) if row.is_baseline else ()),
    )


def _evidence(row: ComparisonRow, cell: Cell) -> EvidenceView:
    difference = row.difference
    bootstrap: Interval | None = None
    if difference is not None and difference.n > 1:
        bootstrap = percentile_bootstrap([value for _, value in difference.differences])
    coverage = percentile_bootstrap_coverage(difference.n) if bootstrap and difference else None
    return EvidenceView(
        label=row.label,
        plan=_plan(cell),
        outcomes=f"{difference.wins} / {difference.ties} / {difference.losses}" if difference else points(None),
        p_value=f"{difference.p_value:.3f}" if difference else points(None),
        bootstrap=f"[{signed_points(bootstrap.low)}, {signed_points(bootstrap.high)}]" if bootstrap else points(None),
        coverage=f"{100 * coverage:.0f} %" if coverage else points(None),
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


def _seeds(group: ComparisonGroup, cells: Cells) -> tuple[SeedView, ...]:
    texts: list[dict[int, str]] = []
    for row in group.rows:
        failed = {run.seed: _kind(run.status) for run in cells[row.key].failed}
        texts.append(failed | {seed: points(score) for seed, score in row.scores})
    seeds = sorted({seed for text in texts for seed in text})
    return tuple(SeedView(seed=seed, cells=tuple(text.get(seed, points(None)) for text in texts)) for seed in seeds)


def _failures(table: ComparisonTable, cells: Cells) -> tuple[FailureView, ...]:
    """Return every failed run once, also one that stands in several tables."""
    views: dict[tuple[str, int], FailureView] = {}
    for row in table.rows:
        for run in cells[row.key].failed:
            views.setdefault((row.experiment_digest, run.seed), _failure(row, run))
    return tuple(views.values())


def _failure(row: ComparisonRow, run: RunRecord) -> FailureView:
    step = f"step {run.failed_step}" if run.failed_step is not None else ""
    return FailureView(
        task=row.task,
        label=row.label,
        seed=run.seed,
        kind=_kind(run.status),
        place=", ".join(part for part in (run.failed_stage, step) if part),
        error=_last_line(run.error),
    )


def _warnings(frame: Frame) -> tuple[str, ...]:
    found = (
        f"{run.task}, {run.label}, seed {run.seed}: {warning}"
        for cell in frame.cells
        for run in cell.finished
        for warning in run.warnings
    )
    return tuple(dict.fromkeys(found))


def _kind(status: RunStatus) -> str:
    return "diverged" if status is RunStatus.DIVERGED else "error"


def _last_line(text: str) -> str:
    """Return what a traceback ends with: the error itself."""
    lines = text.strip().splitlines()
    return lines[-1].strip() if lines else ""
