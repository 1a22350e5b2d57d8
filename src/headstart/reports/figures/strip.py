"""The strip in a table's row: every seed's paired difference, the mean and its interval on a scale that rows share."""

from __future__ import annotations

from headstart.comparison.comparison_table import ComparisonGroup, ComparisonRow
from headstart.comparison.formats import signed_points
from headstart.reports.figures.drawing import Element, dot, element, line, marker
from headstart.reports.figures.forest import forest_limit, interval_marks
from headstart.reports.figures.scales import Axis

STRIP_WIDTH, STRIP_HEIGHT, STRIP_MARGIN = 168.0, 26.0, 8.0


def strip_limit(group: ComparisonGroup) -> float:
    """Return how far a group's strips reach on either side of zero."""
    return forest_limit([row.difference for row in group.rows if row.difference is not None])


def strip(row: ComparisonRow, series: int, limit: float) -> Element | None:
    """Return the strip of a row's paired differences, for a scale from -`limit` to `limit`; None without any."""
    difference = row.difference
    if difference is None:
        return None
    axis = Axis(title="", low=-100 * limit, high=100 * limit, begin=STRIP_MARGIN, end=STRIP_WIDTH - STRIP_MARGIN)
    y, zero = STRIP_HEIGHT / 2, axis.place(0.0)
    interval = difference.interval
    unit = "seed" if row.num_folds is None else "fold"
    return element(
        "svg",
        line((zero, 1.0), (zero, STRIP_HEIGHT - 1.0), "zero"),
        *(interval_marks(axis, interval.low, interval.high, y) if interval else ()),
        *(dot(axis.clip(100 * value), y) for _, value in difference.differences),
        marker(series, axis.clip(100 * difference.mean), y, 4.6),
        class_=f"strip series-{series}",
        viewBox=f"0 0 {STRIP_WIDTH:g} {STRIP_HEIGHT:g}",
        width=STRIP_WIDTH,
        height=STRIP_HEIGHT,
        role="img",
        aria_label="Differences: "
        + ", ".join(f"{unit} {number}: {signed_points(value)}" for number, value in difference.differences),
    )
