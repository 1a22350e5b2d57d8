"""What stages measured beside their scores, gathered by strategy, as a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from headstart.comparison.cells import Cell
from headstart.comparison.comparison_table import ComparisonGroup
from headstart.comparison.formats import PLUS_MINUS
from headstart.comparison.measurements import MEASUREMENTS, Measurement
from headstart.reports.figures.drawing import DataTable
from headstart.stats.summary import summarise


def measurement_table(group: ComparisonGroup, cells: Mapping[tuple[str, str], Cell]) -> DataTable | None:
    """Return mean and standard deviation over seeds, a line per quantity that any run has; None without any."""
    rows = []
    for each in MEASUREMENTS:
        values = [[value for run in cells[row.key].finished if (value := each.of_run(run)) is not None]
                  for row in group.rows]  # fmt: skip
        if any(values):
            rows.append((each.name, *(_mean_text(of_row, each) for of_row in values)))
    return DataTable(headings=("", *(row.label for row in group.rows)), rows=tuple(rows)) if rows else None


def _mean_text(values: Sequence[float], measurement: Measurement) -> str:
    if not values:
        return measurement.missing
    summary = summarise(values)
    deviation, write = summary.standard_deviation, measurement.write
    return write(summary.mean) + (f" {PLUS_MINUS} {write(deviation)}" if deviation is not None else "")
