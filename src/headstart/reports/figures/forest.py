"""Forest plots of paired differences: a line per task or strategy, the joint gain as a diamond below."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from headstart.comparison.comparison_table import ComparisonGroup, ComparisonRow
from headstart.comparison.formats import bracket, points, signed_points
from headstart.comparison.words import pairs_of
from headstart.reports.figures.drawing import (
    DataTable,
    Element,
    Figure,
    Place,
    dot,
    group,
    line,
    marker,
    path,
    polyline,
    shorten,
    text,
)
from headstart.reports.figures.rows import DOTS, LABEL_LENGTH, LEFT, LINE, RIGHT, ROW_HEIGHT, TOP
from headstart.reports.figures.scales import Axis, draw_x_axis
from headstart.reports.figures.series import SeriesNumbers
from headstart.stats.across_tasks import GainAcrossTasks
from headstart.stats.comparisons import PairedDifference
from headstart.stats.intervals import Interval

NUM_TICKS = 9
CAPTION = "The mark is the mean paired difference, the line its 95 % interval, each small dot below one pair."


@dataclass(frozen=True, slots=True, kw_only=True)
class ForestRow:
    """One line of a forest plot: what is compared, and its paired differences."""

    label: str
    series: int
    baseline: str
    difference: PairedDifference
    verdict: str


def forest_of_strategies(name: str, group_: ComparisonGroup, series: SeriesNumbers) -> Figure | None:
    """Return one task's forest plot, a line per strategy; None where nothing is compared."""
    rows = [
        ForestRow(
            label=row.label,
            series=series[row.label],
            baseline=row.baseline,
            difference=row.difference,
            verdict=row.finding,
        )
        for row in group_.rows
        if row.difference is not None
    ]
    limit = forest_limit([row.difference for row in rows])
    return _forest(name, f"Paired differences on {group_.name}", rows, limit, None) if rows else None


def forest_of_tasks(
    name: str,
    label: str,
    pairs: Sequence[tuple[ComparisonGroup, ComparisonRow]],
    number: int,
    pooled: GainAcrossTasks | None,
    limit: float,
) -> Figure | None:
    """Return one strategy's forest plot, a line per task; None where nothing is compared.

    The strategy has the series `number`, and `pooled` is its gain over all of the tasks. The axis reaches `limit` on
    either side of zero, in the scores' unit.
    """
    rows = [
        ForestRow(
            label=group_.title,
            series=number,
            baseline=row.baseline,
            difference=row.difference,
            verdict=row.finding,
        )
        for group_, row in pairs
        if row.difference is not None
    ]
    return _forest(name, f"{label} against {_baseline(rows)}", rows, limit, pooled) if rows else None


def forest_limit(differences: Sequence[PairedDifference]) -> float:
    """Return how far an axis reaches on either side of zero: over every seed, and intervals up to 1.5 times that."""
    widest = max((abs(value) for each in differences for _, value in each.differences), default=0.0)
    intervals = [each.interval for each in differences if each.interval is not None]
    reach = max((abs(end) for interval in intervals for end in (interval.low, interval.high)), default=0.0)
    return 1.08 * max(widest, min(reach, 1.5 * widest), 0.005)


def _forest(name: str, title: str, rows: Sequence[ForestRow], limit: float, pooled: GainAcrossTasks | None) -> Figure:
    """Return the plot of at least one row."""
    num_rows = len(rows) + (pooled is not None)
    bottom = TOP + num_rows * ROW_HEIGHT
    axis = Axis(title=f"worse  \N{LEFTWARDS ARROW}  points against {_baseline(rows)}  \N{RIGHTWARDS ARROW}  better",
                low=-100 * limit, high=100 * limit, begin=LEFT, end=RIGHT)  # fmt: skip
    grid = [line((tick.position, TOP), (tick.position, bottom), "grid") for tick in axis.ticks(NUM_TICKS)]
    zero = line((axis.place(0.0), TOP), (axis.place(0.0), bottom), "zero")
    lines = [_draw_row(row, axis, TOP + index * ROW_HEIGHT) for index, row in enumerate(rows)]
    if pooled is not None:
        lines.append(_draw_pooled(pooled, axis, bottom - ROW_HEIGHT))
    return Figure(
        name=name,
        title=title,
        caption=CAPTION,
        description=_description(rows, pooled),
        elements=(group([*grid, zero, *draw_x_axis(axis, bottom, NUM_TICKS, is_signed=True)]), *lines),
        numbers=_numbers(rows, pooled),
        height=bottom + 46.0,
    )


def interval_marks(axis: Axis, low: float, high: float, y: float) -> list[Element]:
    """Return the line at `y` from `low` to `high`, in the scores' unit, on an axis in points.

    An end beyond the axis is an arrow, the others are ticks.
    """
    left, right = axis.clip(100 * low), axis.clip(100 * high)
    return [
        line((left, y), (right, y), "interval"),
        path(polyline(_end(left, y, 5.0 if 100 * low < axis.low else 0.0)), "end"),
        path(polyline(_end(right, y, -5.0 if 100 * high > axis.high else 0.0)), "end"),
    ]


def _baseline(rows: Sequence[ForestRow]) -> str:
    """Name what all rows are compared with; in general words where that is not one thing."""
    baselines = {row.baseline for row in rows}
    return baselines.pop() if len(baselines) == 1 else "fine-tuning"


def difference_text(mean: float, interval: Interval | None) -> str:
    """Write a difference with its interval: "+1.20 [+0.40, +2.00]"."""
    return f"{signed_points(mean)} {bracket(interval)}".rstrip()


def _end(x: float, y: float, depth: float) -> list[Place]:
    """Return an interval's end: an upright tick, or an arrow `depth` long that points to where it goes on."""
    return [(x + depth, y - 4), (x, y), (x + depth, y + 4)] if depth else [(x, y - 4), (x, y + 4)]


def _draw_row(row: ForestRow, axis: Axis, top: float) -> Element:
    difference, y = row.difference, top + LINE
    said = difference_text(difference.mean, difference.interval)
    marks = interval_marks(axis, difference.interval.low, difference.interval.high, y) if difference.interval else []
    return group(
        [
            text(shorten(row.label, LABEL_LENGTH), LEFT, top + 13.0, class_="label"),
            text(said, RIGHT, top + 13.0, anchor="end"),
            *marks,
            *(dot(axis.clip(100 * value), top + DOTS) for _, value in difference.differences),
            marker(row.series, axis.clip(100 * difference.mean), y),
        ],
        series=row.series,
        tip=f"{row.label}: {said} over {pairs_of(difference)}; {row.verdict}",
    )


def _pooled_label(gain: GainAcrossTasks) -> str:
    """Name the last line: the mean gain, a diamond as wide as its interval over other seeds."""
    return f"mean of {gain.num_tasks} tasks"


def _draw_pooled(gain: GainAcrossTasks, axis: Axis, top: float) -> Element:
    y, interval = top + LINE + 3.0, gain.interval_for_these_tasks
    ends = (interval.low, gain.mean, interval.high) if interval else (gain.mean,) * 3
    low, middle, high = (axis.clip(100 * value) for value in ends)
    said = difference_text(gain.mean, interval)
    return group(
        [
            line((LEFT, top + 1.0), (RIGHT, top + 1.0), "base"),
            text(_pooled_label(gain), LEFT, top + 15.0, class_="label"),
            text(said, RIGHT, top + 15.0, anchor="end"),
            path(polyline([(low, y), (middle, y - 7), (high, y), (middle, y + 7)], is_closed=True), "pooled"),
        ],
        tip=f"{_pooled_label(gain)}: {said}",
    )


def _description(rows: Sequence[ForestRow], pooled: GainAcrossTasks | None) -> str:
    parts = [f"{row.label}: {difference_text(row.difference.mean, row.difference.interval)}" for row in rows]
    if pooled is not None:
        parts.append(f"{_pooled_label(pooled)}: {difference_text(pooled.mean, pooled.interval_for_these_tasks)}")
    return f"Differences to {_baseline(rows)} at equal seeds, in points. {'; '.join(parts)}."


def _numbers(rows: Sequence[ForestRow], pooled: GainAcrossTasks | None) -> DataTable:
    cells = [
        (
            row.label,
            signed_points(row.difference.mean),
            bracket(row.difference.interval),
            str(row.difference.n),
            points(row.difference.standard_deviation),
            row.verdict,
        )
        for row in rows
    ]
    if pooled is not None:
        said = f"{pooled.wins} up, {pooled.ties} equal, {pooled.losses} down"
        cells.append(
            (_pooled_label(pooled), signed_points(pooled.mean), bracket(pooled.interval_for_these_tasks), "", "", said)
        )
    return DataTable(headings=("", "difference", "95 % interval", "pairs", "sd", "verdict"), rows=tuple(cells))
