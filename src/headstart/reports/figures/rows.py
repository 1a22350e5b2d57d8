"""A dot plot of one measured quantity: a line per strategy, every seed a dot, the mean a mark."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from headstart.reports.figures.drawing import (
    WIDTH,
    DataTable,
    Element,
    Figure,
    Series,
    dot,
    group,
    line,
    marker,
    shorten,
    text,
)
from headstart.reports.figures.scales import Axis, above, draw_x_axis

LEFT, RIGHT, TOP, ROW_HEIGHT, LABEL_LENGTH = 14.0, WIDTH - 14.0, 10.0, 50.0, 38
LINE, DOTS = 27.0, 38.0
"""Where a row's line and its dots lie under the row's top."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredRow:
    """A strategy's values by seed: at least one, all zero or above."""

    series: Series
    values: tuple[tuple[int, float], ...]

    @property
    def mean(self) -> float:
        """Their mean."""
        return sum(value for _, value in self.values) / len(self.values)


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantity:
    """What is measured: its title, its axis, how to read it, and how a value is written ("{:.2f}" for two decimals)."""

    title: str
    axis: str
    caption: str
    pattern: str = "{:.2f}"


def measured_figure(name: str, quantity: Quantity, rows: Sequence[MeasuredRow]) -> Figure | None:
    """Return the plot; None without rows."""
    if not rows:
        return None
    bottom = TOP + len(rows) * ROW_HEIGHT
    highest = above([value for row in rows for _, value in row.values])
    axis = Axis(title=quantity.axis, low=0.0, high=highest, begin=LEFT, end=RIGHT)
    grid = [line((tick.position, TOP), (tick.position, bottom), "grid") for tick in axis.ticks()]
    means = ", ".join(f"{row.series.label}: {quantity.pattern.format(row.mean)}" for row in rows)
    return Figure(
        name=name,
        title=quantity.title,
        caption=quantity.caption,
        description=f"{quantity.axis}, mean over seeds. {means}.",
        elements=(
            group([*grid, *draw_x_axis(axis, bottom)]),
            *(_draw(row, quantity, axis, TOP + index * ROW_HEIGHT) for index, row in enumerate(rows)),
        ),
        numbers=_numbers(quantity, rows),
        height=bottom + 46.0,
    )


def _draw(row: MeasuredRow, quantity: Quantity, axis: Axis, top: float) -> Element:
    said = quantity.pattern.format(row.mean)
    lowest, highest = (axis.place(end(value for _, value in row.values)) for end in (min, max))
    return group(
        [
            text(shorten(row.series.label, LABEL_LENGTH), LEFT, top + 13.0, class_="label"),
            text(said, RIGHT, top + 13.0, anchor="end"),
            line((lowest, top + LINE), (highest, top + LINE), "interval"),
            *(dot(axis.place(value), top + DOTS) for _, value in row.values),
            marker(row.series.number, axis.place(row.mean), top + LINE),
        ],
        series=row.series.number,
        tip=f"{row.series.label}: mean {said} over {len(row.values)} runs",
    )


def _numbers(quantity: Quantity, rows: Sequence[MeasuredRow]) -> DataTable:
    seeds = sorted({seed for row in rows for seed, _ in row.values})
    values = [dict(row.values) for row in rows]
    return DataTable(
        headings=("seed", *(row.series.label for row in rows)),
        rows=tuple(
            (str(seed), *(quantity.pattern.format(of[seed]) if seed in of else "" for of in values)) for seed in seeds
        ),
    )
