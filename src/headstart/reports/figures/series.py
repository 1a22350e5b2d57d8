"""Which colour, marker and dash pattern a strategy has: the same in every table and figure of a report."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from headstart.comparison.comparison_table import ComparisonGroup, ComparisonRow
from headstart.reports.figures.drawing import NUM_SERIES, Series

SeriesNumbers = Mapping[str, int]
"""The series' number by the strategy's label."""


def series_numbers(groups: Iterable[ComparisonGroup]) -> SeriesNumbers:
    """Number the strategies of a report: baselines first, then as the tables have them; after the sixteenth again."""
    rows = [row for group in groups for row in group.rows]
    labels = dict.fromkeys(row.label for row in sorted(rows, key=lambda row: not row.is_baseline))
    return {label: index % NUM_SERIES for index, label in enumerate(labels)}


def legend_of(rows: Iterable[ComparisonRow], numbers: SeriesNumbers) -> tuple[Series, ...]:
    """Return the legend of some rows."""
    return tuple(Series(number=numbers[row.label], label=row.label) for row in rows)
