"""Score against the number of training rows: would more labels help?"""

from __future__ import annotations

import math
from collections.abc import Sequence

from headstart import metrics
from headstart.comparison.formats import NOTHING, range_of
from headstart.reports.figures.drawing import DataTable, Element, Figure, dot, group, line, path, polyline, text
from headstart.reports.figures.scales import BOTTOM, LEFT, RIGHT, TOP, Axis, around, draw_y_ticks, draw_y_title
from headstart.reports.fit.facts import CurvePoint
from headstart.stats.intervals import Interval

_ROOM_OF_A_TEXT = 44.0
"""Numbers of rows are written below the axis where they lie this far apart or more."""


def training_rows_figure(name: str, metric: str, points: Sequence[CurvePoint]) -> Figure | None:
    """Return the score against the number of rows on a logarithmic scale; None with fewer than two numbers of rows."""
    if len({each.num_rows for each in points}) < 2:
        return None
    unit, title = (1.0, metric) if metric in metrics.ERRORS else (100.0, f"{metric} times 100")
    rows = [math.log2(each.num_rows) for each in points]
    x_axis = Axis(title="training rows, logarithmic scale",
                  low=min(rows), high=max(rows), begin=LEFT + 16, end=RIGHT - 20)  # fmt: skip
    ends = [unit * value for each in points for value in _ends(each)]
    low, high = around(ends, 4.0 if unit > 1 else max(1e-9, max(ends) / 10))
    high = high if metric in metrics.ERRORS else min(high, 100.0)
    y_axis = Axis(title=title, low=low, high=high, begin=BOTTOM, end=TOP)
    places = [(x_axis.place(x), y_axis.place(unit * each.score)) for x, each in zip(rows, points, strict=True)]
    marks = [
        group(
            [*_interval(each, place[0], unit, y_axis), dot(*place, 4.0, "point")],
            tip=f"{_at_rows(metric, each)} {_range(metric, each.interval)}".strip(),
        )
        for place, each in zip(places, points, strict=True)
    ]
    return Figure(
        name=name,
        title="Score against training rows",
        caption="Points are scores on rows that were not trained on, with 95 % intervals.",
        description="; ".join(_at_rows(metric, each) for each in points) + ".",
        elements=(
            group([*draw_y_ticks(y_axis, LEFT, RIGHT), draw_y_title(y_axis), *_draw_rows(x_axis, points)]),
            group([path(polyline(places), "line"), *marks], series=1),
        ),
        numbers=DataTable(
            headings=("training rows", metric, "95 % interval"),
            rows=tuple(
                (f"{each.num_rows:,}", metrics.written(metric, each.score), _range(metric, each.interval) or NOTHING)
                for each in points
            ),
        ),
    )


def _at_rows(metric: str, each: CurvePoint) -> str:
    return f"{each.num_rows:,} rows: {metrics.written(metric, each.score)}"


def _ends(each: CurvePoint) -> tuple[float, ...]:
    return (each.score,) if each.interval is None else (each.score, each.interval.low, each.interval.high)


def _range(metric: str, interval: Interval | None) -> str:
    return "" if interval is None else range_of(metric, interval)


def _interval(each: CurvePoint, x: float, unit: float, y_axis: Axis) -> list[Element]:
    if each.interval is None:
        return []
    low, high = y_axis.place(unit * each.interval.low), y_axis.place(unit * each.interval.high)
    return [line((x, low), (x, high), "spread"), *(line((x - 4, y), (x + 4, y), "spread") for y in (low, high))]


def _draw_rows(axis: Axis, points: Sequence[CurvePoint]) -> list[Element]:
    """Return the axis at the bottom with a tick at each point, and its number where there is room."""
    parts: list[Element] = [line((LEFT, BOTTOM), (RIGHT, BOTTOM), "base")]
    last = math.inf
    # From the right: all rows of the table are what a reader looks for.
    for each in reversed(points):
        x = axis.place(math.log2(each.num_rows))
        parts.append(line((x, BOTTOM), (x, BOTTOM + 4), "base"))
        if last - x >= _ROOM_OF_A_TEXT:
            parts.append(text(f"{each.num_rows:,}", x, BOTTOM + 18, anchor="middle"))
            last = x
    return [*parts, text(axis.title, (LEFT + RIGHT) / 2, BOTTOM + 38, anchor="middle", class_="title")]
