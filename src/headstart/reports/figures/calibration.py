"""Reliability curves: whether answers given with 80 % confidence are right in 80 % of the cases."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from headstart.comparison.formats import plural
from headstart.reports.figures.drawing import DataTable, Element, Figure, Series, dot, group, line, path, polyline
from headstart.reports.figures.scales import BOTTOM, LEFT, RIGHT, TOP, Axis, draw_axes
from headstart.stats.calibration import NUM_BINS
from headstart.store.diagnostics import CalibrationRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class ReliabilityPoint:
    """The answers of one bin: their mean confidence, the share of right ones (both 0 to 1), and how many there are."""

    confidence: float
    accuracy: float
    num_answers: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReliabilityCurve:
    """A strategy's points over the answers of all seeds, and the mean expected error (ECE, 0 to 1) over seeds.

    Attributes:
        scaled_error: the same after temperature scaling, over the runs where a temperature was fitted; None if none.
        fitted: says in how many runs one was fitted, where that is not all of them; else "".
    """

    series: Series
    points: tuple[ReliabilityPoint, ...]
    error: float
    scaled_error: float | None
    fitted: str


def reliability_curve(
    series: Series, runs: Sequence[CalibrationRecord], scaled: Sequence[CalibrationRecord]
) -> ReliabilityCurve:
    """Return the curve of a strategy's runs, at least one; `scaled` are those with a temperature."""
    joined: defaultdict[int, list[tuple[float, float, int]]] = defaultdict(list)
    for run in runs:
        for confidence, accuracy, count in run.bins:
            joined[math.ceil(confidence * NUM_BINS)].append((confidence, accuracy, count))
    return ReliabilityCurve(
        series=series,
        points=tuple(_join(bins) for _, bins in sorted(joined.items())),
        error=sum(run.expected_error for run in runs) / len(runs),
        scaled_error=sum(run.expected_error for run in scaled) / len(scaled) if scaled else None,
        fitted=f" (fitted in {len(scaled)} of {plural(len(runs), 'run')})" if len(scaled) < len(runs) else "",
    )


def calibration_figure(name: str, curves: Sequence[ReliabilityCurve]) -> Figure | None:
    """Return accuracy against confidence; None without curves."""
    if not curves:
        return None
    return Figure(
        name=name,
        title="Calibration",
        caption=(
            "Accuracy of the answers against the confidence they were given with, all seeds together; larger points "
            "stand for more answers. On the dashed line confidence is right, below it the model is too sure."
        ),
        description=_description(curves),
        elements=draw_curves(curves),
        legend=tuple(curve.series for curve in curves),
        numbers=_numbers(curves),
    )


def draw_curves(curves: Sequence[ReliabilityCurve]) -> tuple[Element, ...]:
    """Return axes, the line on which confidence is right, and the curves, at least one point in all."""
    lowest = math.floor(10 * min(each.confidence for curve in curves for each in curve.points)) / 10
    x_axis = Axis(title="confidence, %", low=100 * min(lowest, 0.9), high=100.0, begin=LEFT, end=RIGHT)
    y_axis = Axis(title="right answers, %", low=0.0, high=100.0, begin=BOTTOM, end=TOP)
    corner = (x_axis.place(x_axis.low), y_axis.place(x_axis.low))
    return (
        draw_axes(x_axis, y_axis),
        line(corner, (RIGHT, TOP), "zero"),
        *(_draw(curve, x_axis, y_axis) for curve in curves),
    )


def _join(bins: Sequence[tuple[float, float, int]]) -> ReliabilityPoint:
    number = sum(count for _, _, count in bins)
    return ReliabilityPoint(
        confidence=sum(count * confidence for confidence, _, count in bins) / number,
        accuracy=sum(count * accuracy for _, accuracy, count in bins) / number,
        num_answers=number,
    )


def _draw(curve: ReliabilityCurve, x_axis: Axis, y_axis: Axis) -> Element:
    total = sum(each.num_answers for each in curve.points)
    places = [(x_axis.place(100 * each.confidence), y_axis.place(100 * each.accuracy)) for each in curve.points]
    points = [
        group(
            [dot(*place, 2.2 + 4.0 * math.sqrt(each.num_answers / total), "point")],
            tip=f"{curve.series.label}: {100 * each.accuracy:.0f} % right at {100 * each.confidence:.0f} % confidence, "
            f"{each.num_answers:,} answers",
        )
        for place, each in zip(places, curve.points, strict=True)
    ]
    return group([path(polyline(places), "line"), *points], series=curve.series.number)


def _description(curves: Sequence[ReliabilityCurve]) -> str:
    parts = [f"{curve.series.label}: {_errors(curve)}" for curve in curves]
    return f"Expected calibration error, mean over seeds. {'; '.join(parts)}."


def _errors(curve: ReliabilityCurve) -> str:
    text = f"{100 * curve.error:.1f} %"
    if curve.scaled_error is None:
        return f"{text}, no temperature fitted"
    return f"{text}, {100 * curve.scaled_error:.1f} % after temperature scaling{curve.fitted}"


def _numbers(curves: Sequence[ReliabilityCurve]) -> DataTable:
    return DataTable(
        headings=("", "calibration error", "after temperature scaling"),
        rows=tuple(
            (
                curve.series.label,
                f"{100 * curve.error:.2f} %",
                f"{100 * curve.scaled_error:.2f} %{curve.fitted}" if curve.scaled_error is not None else "not fitted",
            )
            for curve in curves
        ),
    )
