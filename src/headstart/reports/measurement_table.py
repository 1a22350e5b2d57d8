"""What stages measured beside their scores, gathered by strategy, as a table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from headstart.comparison.cells import Cell
from headstart.comparison.comparison_table import ComparisonGroup
from headstart.comparison.formats import NOTHING, PLUS_MINUS
from headstart.comparison.measurements import MEASUREMENTS
from headstart.reports.figures.drawing import DataTable
from headstart.stats.summary import summarise


def measurement_table(group: ComparisonGroup, cells: Mapping[tuple[str, str], Cell]) -> DataTable | None:
    """Return mean and standard deviation over seeds, a line per quantity that any run has; None without any."""
    rows = []
    for each in MEASUREMENTS:
        values = [[value for run in cells[row.key].finished if (value := each.of_run(run)) is not None]
                  for row in group.rows]  # fmt: skip
        if any(values):
            rows.append((each.name, *(_mean_text(of_row, each.write) for of_row in values)))
    return DataTable(headings=("", *(row.label for row in group.rows)), rows=tuple(rows)) if rows else None


def _mean_text(values: Sequence[float], write: Callable[[float], str]) -> str:
    if not values:
        return NOTHING
    summary = summarise(values)
    deviation = summary.standard_deviation
    return write(summary.mean) + (f" {PLUS_MINUS} {write(deviation)}" if deviation is not None else "")
