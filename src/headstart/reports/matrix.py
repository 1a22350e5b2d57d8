"""The table of tasks by strategies: a cell is a mean and its difference, and opens the seeds behind it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from headstart.comparison.cells import Cell
from headstart.comparison.comparison_table import ComparisonGroup, ComparisonRow, ComparisonTable
from headstart.comparison.formats import PLUS_MINUS, points, signed_points
from headstart.reports.figures.series import SeriesNumbers
from headstart.stats.comparisons import Verdict
from headstart.store.record import RunStatus


class Mark(StrEnum):
    """What a cell says at a glance, by a sign and a word as well as a colour."""

    BETTER = "better"
    WORSE = "worse"
    OPEN = "open"
    NONE = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedLine:
    """One seed of a cell: its score, or how it failed, and the difference to plain fine-tuning at that seed."""

    seed: int
    score: str
    difference: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MatrixCell:
    """One strategy on one task, as text; `value` is what the column is sorted by, the mean times 100."""

    score: str
    deviation: str
    difference: str
    value: float | None
    mark: Mark
    finding: str
    seeds: tuple[SeedLine, ...]
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MatrixColumn:
    """A strategy: its label, its series and whether any of its rows is a baseline."""

    label: str
    series: int
    is_baseline: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class MatrixRow:
    """A task: its number in the report, and a cell for every column, None where it was not run."""

    number: int
    group: ComparisonGroup
    cells: tuple[MatrixCell | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Matrix:
    """The whole table."""

    columns: tuple[MatrixColumn, ...]
    rows: tuple[MatrixRow, ...]


def build_matrix(table: ComparisonTable, cells: Mapping[tuple[str, str], Cell], series: SeriesNumbers) -> Matrix:
    """Return the table of a report; `cells` are the runs behind the rows, by their keys."""
    baselines = {row.label for row in table.rows if row.is_baseline}
    columns = tuple(
        MatrixColumn(label=label, series=number, is_baseline=label in baselines) for label, number in series.items()
    )
    return Matrix(
        columns=columns, rows=tuple(_row(n, group, cells, columns) for n, group in enumerate(table.groups, 1))
    )


def seed_lines(row: ComparisonRow, cell: Cell) -> tuple[SeedLine, ...]:
    """Return every seed of a row, the failed ones too, sorted by seed."""
    # Where seeds go through folds, what differs is a fold.
    differences = dict(row.difference.differences) if row.difference and row.num_folds is None else {}
    texts = {run.seed: failure_word(run.status) for run in cell.failed}
    texts |= {seed: points(score) for seed, score in row.scores}
    return tuple(
        SeedLine(seed=seed, score=texts[seed], difference=signed_points(differences.get(seed)))
        for seed in sorted(texts)
    )


def failure_word(status: RunStatus) -> str:
    """Return how a run failed, in a word."""
    return "diverged" if status is RunStatus.DIVERGED else "error"


def _row(
    number: int, group: ComparisonGroup, cells: Mapping[tuple[str, str], Cell], columns: tuple[MatrixColumn, ...]
) -> MatrixRow:
    by_label = {row.label: row for row in group.rows}
    return MatrixRow(
        number=number,
        group=group,
        cells=tuple(
            _cell(row, cells[row.key]) if (row := by_label.get(column.label)) is not None else None
            for column in columns
        ),
    )


def _cell(row: ComparisonRow, cell: Cell) -> MatrixCell:
    summary, difference = row.summary, row.difference
    deviation = summary.standard_deviation if summary else None
    return MatrixCell(
        score=points(summary.mean if summary else None),
        deviation=f"{PLUS_MINUS} {points(deviation)}" if deviation is not None else "",
        difference=signed_points(difference.mean) if difference else "",
        value=round(100 * summary.mean, 6) if summary else None,
        mark=_mark(row),
        finding=row.finding,
        seeds=seed_lines(row, cell),
        words=row.words,
    )


def _mark(row: ComparisonRow) -> Mark:
    if row.difference is None:
        return Mark.NONE
    if row.verdict is Verdict.BETTER:
        return Mark.BETTER
    return Mark.WORSE if row.verdict is Verdict.WORSE else Mark.OPEN
