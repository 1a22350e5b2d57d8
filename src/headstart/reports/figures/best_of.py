"""The expected best of several runs against the time that they take: what trying again buys."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from headstart.comparison.comparison_table import ComparisonGroup, ComparisonRow
from headstart.comparison.formats import plural, points
from headstart.reports.figures.cost import time_unit
from headstart.reports.figures.drawing import DataTable, Element, Figure, dot, group, path, polyline
from headstart.reports.figures.scales import BOTTOM, LEFT, RIGHT, TOP, Axis, above, around, draw_axes
from headstart.reports.figures.series import SeriesNumbers, legend_of
from headstart.stats.best_of import TRIALS_PER_BEST_WITH_INTERVAL, ExpectedBest, expected_best


@dataclass(frozen=True, slots=True, kw_only=True)
class _Curve:
    """A strategy's expected best of 1, 2, ... runs; `seconds` is what one takes."""

    row: ComparisonRow
    seconds: float
    best: tuple[ExpectedBest, ...]


def best_of_figure(name: str, group_: ComparisonGroup, series: SeriesNumbers) -> Figure | None:
    """Return the expected best score against training time; None where no strategy has two finished runs."""
    curves = [
        _Curve(row=row, seconds=row.seconds, best=expected_best([score for _, score in row.scores]))
        for row in group_.rows
        if row.n > 1 and row.seconds is not None
    ]
    if not curves:
        return None
    unit, size = time_unit(max(curve.seconds * len(curve.best) for curve in curves))
    times = [curve.seconds * len(curve.best) / size for curve in curves]
    x_axis = Axis(title=f"training time of all runs, {unit}", low=0.0, high=above(times), begin=LEFT, end=RIGHT)
    low, high = around([100 * value for curve in curves for best in curve.best for value in _reach(best)], 2.0)
    y_axis = Axis(title=f"expected best {group_.metric} times 100", low=low, high=high, begin=BOTTOM, end=TOP)
    return Figure(
        name=name,
        title="Expected best of n runs",
        caption=(
            "What the best of 1, 2, ... runs is expected to reach, against the time they take together. The band is an "
            f"approximate 95 % interval, drawn where there are {TRIALS_PER_BEST_WITH_INTERVAL} times as many runs. "
            "Not to be read beside a mean."
        ),
        description=_description(curves),
        elements=(draw_axes(x_axis, y_axis), *(_draw(curve, x_axis, y_axis, size, series) for curve in curves)),
        legend=legend_of([curve.row for curve in curves], series),
        numbers=_numbers(curves),
    )


def _draw(curve: _Curve, x_axis: Axis, y_axis: Axis, size: float, series: SeriesNumbers) -> Element:
    def place(best: ExpectedBest, value: float) -> tuple[float, float]:
        return x_axis.place(best.num_trials * curve.seconds / size), y_axis.place(100 * value)

    banded = [(best, best.interval) for best in curve.best if best.interval is not None]
    parts: list[Element] = []
    if banded:
        edge = [place(best, interval.high) for best, interval in banded]
        edge += [place(best, interval.low) for best, interval in reversed(banded)]
        parts.append(path(polyline(edge, is_closed=True), "band edged"))
    means = [place(best, best.value) for best in curve.best]
    dots = [
        group([dot(*at, 3.0, "point")], tip=f"{curve.row.label}, best of {best.num_trials}: {points(best.value)}")
        for at, best in zip(means, curve.best, strict=True)
    ]
    return group([*parts, path(polyline(means), "line"), *dots], series=series[curve.row.label])


def _reach(best: ExpectedBest) -> tuple[float, ...]:
    return (best.value, best.interval.low, best.interval.high) if best.interval else (best.value,)


def _description(curves: Sequence[_Curve]) -> str:
    parts = [
        f"{curve.row.label}: {points(curve.best[0].value)} with one run, {points(curve.best[-1].value)} as the best of "
        f"{len(curve.best)}"
        for curve in curves
    ]
    return f"Expected best score. {'; '.join(parts)}."


def _numbers(curves: Sequence[_Curve]) -> DataTable:
    longest = max(len(curve.best) for curve in curves)
    return DataTable(
        headings=("best of", *(curve.row.label for curve in curves)),
        rows=tuple(
            (plural(n, "run"), *(points(curve.best[n - 1].value) if n <= len(curve.best) else "" for curve in curves))
            for n in range(1, longest + 1)
        ),
    )
