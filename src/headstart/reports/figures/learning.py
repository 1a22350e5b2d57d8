"""Learning curves: training loss against updates, mean and spread over seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from headstart.comparison.comparison_table import ComparisonGroup, ComparisonRow
from headstart.comparison.curves import CurvePoint, LearningCurve, StageCurve
from headstart.reports.figures.drawing import DataTable, Element, Figure, dot, group, path, polyline
from headstart.reports.figures.scales import BOTTOM, LEFT, RIGHT, TOP, Axis, above, draw_axes
from headstart.reports.figures.series import SeriesNumbers, legend_of

Curves = Mapping[str, LearningCurve]
"""Curves by experiment."""


def learning_figure(name: str, group_: ComparisonGroup, curves: Curves, series: SeriesNumbers) -> Figure | None:
    """Return loss against updates for the rows that have a curve; None when none has."""
    rows = [row for row in group_.rows if row.experiment_digest in curves]
    if not rows:
        return None
    all_points = [p for row in rows for stage in curves[row.experiment_digest].stages for p in stage.points]
    x_axis = Axis(title="updates", low=0.0, high=float(max(p.step for p in all_points)), begin=LEFT, end=RIGHT)
    y_axis = Axis(title="training loss, nats", low=0.0, high=above([p.high for p in all_points]), begin=BOTTOM, end=TOP)
    stages = [(row, stage) for row in rows for stage in curves[row.experiment_digest].stages]
    bands = [_band(stage, x_axis, y_axis, series[row.label]) for row, stage in stages]
    lines = [_line(row, stage, x_axis, y_axis, series[row.label]) for row, stage in stages]
    return Figure(
        name=name,
        title="Learning curves",
        caption="Mean over seeds, band from lowest to highest; a ring marks where Stage 2 begins.",
        description=_description(rows, curves),
        elements=(draw_axes(x_axis, y_axis), *bands, *lines),
        legend=legend_of(rows, series),
        numbers=_numbers(stages),
    )


def _band(stage: StageCurve, x_axis: Axis, y_axis: Axis, number: int) -> Element:
    highs = [(x_axis.place(p.step), y_axis.place(p.high)) for p in stage.points]
    lows = [(x_axis.place(p.step), y_axis.place(p.low)) for p in reversed(stage.points)]
    return group([path(polyline([*highs, *lows], is_closed=True), "band")], series=number)


def _line(row: ComparisonRow, stage: StageCurve, x_axis: Axis, y_axis: Axis, number: int) -> Element:
    places = [(x_axis.place(p.step), y_axis.place(p.mean)) for p in stage.points]
    parts = [path(polyline(places), "line")]
    if stage.first_step > 0:
        parts.append(dot(*places[0], 4.5, "stage-start"))
    first, last = stage.points[0], stage.points[-1]
    return group(
        parts,
        series=number,
        tip=f"{row.label}, {stage.name}: {first.mean:.3f} at update {first.step:,}, {last.mean:.3f} at {last.step:,}",
    )


def _description(rows: Sequence[ComparisonRow], curves: Curves) -> str:
    parts = []
    for row in rows:
        stages = curves[row.experiment_digest].stages
        parts.append(f"{row.label}: from {stages[0].points[0].mean:.2f} to {stages[-1].points[-1].mean:.2f}")
    return f"Training loss in nats, mean over seeds, at the first and the last logged update. {'; '.join(parts)}."


def _numbers(stages: Sequence[tuple[ComparisonRow, StageCurve]]) -> DataTable:
    return DataTable(
        headings=("", "stage", "first", "a quarter", "half", "three quarters", "last"),
        rows=tuple(
            (row.label, stage.name, *(f"{point.mean:.3f}" for point in _quarters(stage.points)))
            for row, stage in stages
        ),
    )


def _quarters(points: Sequence[CurvePoint]) -> list[CurvePoint]:
    return [points[(len(points) - 1) * quarter // 4] for quarter in range(5)]
