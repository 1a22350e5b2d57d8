"""Score against cost: what a strategy reaches and how long a run trains for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from headstart.comparison.comparison_table import ComparisonGroup, ComparisonRow
from headstart.comparison.formats import duration, points
from headstart.reports.figures.drawing import Element, Figure, dot, group, line, marker
from headstart.reports.figures.scales import BOTTOM, LEFT, RIGHT, TOP, Axis, above, around, draw_axes
from headstart.reports.figures.series import SeriesNumbers, legend_of

Seconds = Mapping[str, Mapping[int, float]]
"""Training seconds of finished runs by experiment and seed."""


def cost_figure(name: str, group_: ComparisonGroup, seconds: Seconds, series: SeriesNumbers) -> Figure | None:
    """Return score against training time; None when no run finished."""
    rows = [row for row in group_.rows if row.summary is not None]
    if not rows:
        return None
    times = [value for row in rows for value in seconds[row.experiment_digest].values()]
    unit, size = time_unit(max(times))
    x_axis = Axis(
        title=f"training time of a run, {unit}", low=0.0, high=above([t / size for t in times]), begin=LEFT, end=RIGHT
    )
    low, high = around([*(100 * score for row in rows for _, score in row.scores), *_spread_ends(rows)])
    y_axis = Axis(title=f"{group_.metric} times 100", low=low, high=high, begin=BOTTOM, end=TOP)
    marks = [_mark(row, seconds[row.experiment_digest], size, x_axis, y_axis, series[row.label]) for row in rows]
    return Figure(
        name=name,
        title="Score against cost",
        caption="Up and to the left is better. Marks are means with standard deviations, dots are seeds.",
        description=_description(group_, rows),
        elements=(draw_axes(x_axis, y_axis), *marks),
        legend=legend_of(rows, series),
    )


def time_unit(longest_seconds: float) -> tuple[str, float]:
    """Return the unit in which an axis of times reads well, and how many seconds it has."""
    for unit, size in (("hours", 3600.0), ("minutes", 60.0)):
        if longest_seconds >= 3 * size:
            return unit, size
    return "seconds", 1.0


def _mark(
    row: ComparisonRow, seconds: Mapping[int, float], size: float, x_axis: Axis, y_axis: Axis, number: int
) -> Element:
    assert row.summary is not None
    assert row.seconds is not None
    mean, deviation = row.summary.mean, row.summary.standard_deviation or 0.0
    x, y = x_axis.place(row.seconds / size), y_axis.place(100 * mean)
    low, high = (y_axis.place(100 * (mean + sign * deviation)) for sign in (-1, 1))
    ends = [line((x, low), (x, high), "spread"), line((x - 4, low), (x + 4, low), "spread"),
            line((x - 4, high), (x + 4, high), "spread")]  # fmt: skip
    return group(
        [
            *(dot(x_axis.place(seconds[seed] / size), y_axis.place(100 * score)) for seed, score in row.scores),
            *(ends if deviation else ()),
            marker(number, x, y, 5.5),
        ],
        series=number,
        tip=f"{row.label}: {points(mean)} in {duration(row.seconds)}",
    )


def _spread_ends(rows: Sequence[ComparisonRow]) -> list[float]:
    return [
        100 * (row.summary.mean + sign * (row.summary.standard_deviation or 0.0))
        for row in rows
        if row.summary
        for sign in (-1, 1)
    ]


def _description(group_: ComparisonGroup, rows: Sequence[ComparisonRow]) -> str:
    parts = [f"{row.label}: {points(row.summary.mean)} in {duration(row.seconds)}" for row in rows if row.summary]
    return f"Mean {group_.metric} times 100 against mean training time. {'; '.join(parts)}."
