"""The geometry of the report's figures: plain numbers that a template draws as SVG.

Lengths are in the units of a figure's view box; y grows downwards. Positions are rounded to a tenth, so a figure is
small and the same on every machine.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from headstart.reports.curves import LearningCurve, StageCurve
from headstart.reports.formats import points, signed_points
from headstart.reports.tables import ComparisonGroup, ComparisonRow

WIDTH, HEIGHT = 460, 300
LEFT, RIGHT, TOP, BOTTOM = 56, 438, 14, 256
STRIP_WIDTH, STRIP_MARGIN = 168, 8
NUM_SERIES = 8
"""How many series have a colour, a marker and a dash pattern of their own; the baseline has the first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """A mark of an axis."""

    position: float
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """A linear axis from `low` at `begin` to `high` at `end`."""

    title: str
    low: float
    high: float
    begin: float
    end: float

    def place(self, value: float) -> float:
        """Return the position of a value."""
        share = (value - self.low) / (self.high - self.low)
        return round(self.begin + share * (self.end - self.begin), 1)

    def ticks(self) -> tuple[Tick, ...]:
        """Return ticks at round numbers."""
        step = nice_step(self.high - self.low)
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        digits = max(0, -math.floor(math.log10(step) + 1e-9))
        return tuple(
            Tick(position=self.place(index * step), text=f"{index * step:,.{digits}f}")
            for index in range(first, last + 1)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Marker:
    """A mean with its spread, and the values it comes from."""

    series: int
    label: str
    x: float
    y: float
    low: float
    high: float
    dots: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CostFigure:
    """Cost against score."""

    x_axis: Axis
    y_axis: Axis
    markers: tuple[Marker, ...]
    description: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One stage of one strategy: the mean's path, the band between the seeds, where the stage begins."""

    series: int
    label: str
    path: str
    band: str
    start: tuple[float, float]
    is_later_stage: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CurveFigure:
    """Training loss against updates."""

    x_axis: Axis
    y_axis: Axis
    lines: tuple[Line, ...]
    description: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Strip:
    """The paired differences of one row: a dot per seed, the mean, and the interval, cut at the strip's ends."""

    zero: float
    mean: float
    dots: tuple[float, ...]
    interval: tuple[float, float] | None
    is_cut_low: bool
    is_cut_high: bool
    description: str


def series_of(group: ComparisonGroup) -> dict[str, int]:
    """Return the series number of every row by experiment: 0 for baselines, then in the table's order."""
    others = [row for row in group.rows if not row.is_baseline]
    numbers = {row.experiment_digest: 1 + index % (NUM_SERIES - 1) for index, row in enumerate(others)}
    return {row.experiment_digest: numbers.get(row.experiment_digest, 0) for row in group.rows}


def nice_step(span: float, num_steps: int = 5) -> float:
    """Return the round number (1, 2 or 5 times a power of ten) that cuts a span into about `num_steps`."""
    raw = span / num_steps
    power = 10.0 ** math.floor(math.log10(raw))
    return power * min((factor for factor in (1, 2, 5, 10)), key=lambda factor: abs(math.log(factor * power / raw)))


def cost_figure(group: ComparisonGroup, seconds: dict[str, dict[int, float]]) -> CostFigure | None:
    """Return score against training seconds; None when no run finished.

    Args:
        group: the rows to draw.
        seconds: training seconds by experiment and seed.
    """
    rows = [row for row in group.rows if row.summary is not None]
    if not rows:
        return None
    scores = [100 * score for row in rows for _, score in row.scores]
    times = [value for row in rows for value in seconds[row.experiment_digest].values()]
    x_axis = Axis(title="training time of a run, seconds", low=0.0, high=_above(times), begin=LEFT, end=RIGHT)
    low, high = _around([*scores, *_spread_ends(rows)])
    y_axis = Axis(title=f"{group.metric} times 100", low=low, high=high, begin=BOTTOM, end=TOP)
    series = series_of(group)
    markers = [
        _marker(row, series[row.experiment_digest], seconds[row.experiment_digest], x_axis, y_axis) for row in rows
    ]
    return CostFigure(x_axis=x_axis, y_axis=y_axis, markers=tuple(markers), description=_cost_description(group, rows))


def curve_figure(group: ComparisonGroup, curves: dict[str, LearningCurve]) -> CurveFigure | None:
    """Return loss against updates for the rows that have a curve; None when none has."""
    rows = [row for row in group.rows if row.experiment_digest in curves]
    if not rows:
        return None
    all_points = [p for row in rows for stage in curves[row.experiment_digest].stages for p in stage.points]
    x_axis = Axis(title="updates", low=0.0, high=float(max(p.step for p in all_points)), begin=LEFT, end=RIGHT)
    y_axis = Axis(
        title="training loss, nats", low=0.0, high=_above([p.high for p in all_points]), begin=BOTTOM, end=TOP
    )
    series = series_of(group)
    lines = [
        _line(row, series[row.experiment_digest], stage, x_axis, y_axis)
        for row in rows
        for stage in curves[row.experiment_digest].stages
    ]
    return CurveFigure(x_axis=x_axis, y_axis=y_axis, lines=tuple(lines), description=_curve_description(rows, curves))


def strip_limit(group: ComparisonGroup) -> float:
    """Return how far a group's strips reach on either side of zero: 1.5 times the widest difference of a seed."""
    widest = max((abs(d) for row in group.rows if row.difference for _, d in row.difference.differences), default=0.0)
    return max(1.5 * widest, 0.005)


def strip(row: ComparisonRow, limit: float) -> Strip | None:
    """Return the strip of a row's paired differences, for a scale from -`limit` to `limit`."""
    if row.difference is None:
        return None
    axis = Axis(title="", low=-limit, high=limit, begin=STRIP_MARGIN, end=STRIP_WIDTH - STRIP_MARGIN)
    interval = row.difference.interval
    low, high = (interval.low, interval.high) if interval else (0.0, 0.0)
    return Strip(
        zero=axis.place(0.0),
        mean=axis.place(row.difference.mean),
        dots=tuple(axis.place(value) for _, value in row.difference.differences),
        interval=(axis.place(max(low, -limit)), axis.place(min(high, limit))) if interval else None,
        is_cut_low=low < -limit,
        is_cut_high=high > limit,
        description=", ".join(f"seed {seed}: {signed_points(value)}" for seed, value in row.difference.differences),
    )


def _marker(row: ComparisonRow, series: int, seconds: dict[int, float], x_axis: Axis, y_axis: Axis) -> Marker:
    assert row.summary is not None
    assert row.seconds is not None
    mean, deviation = row.summary.mean, row.summary.standard_deviation or 0.0
    return Marker(
        series=series,
        label=row.label,
        x=x_axis.place(row.seconds),
        y=y_axis.place(100 * mean),
        low=y_axis.place(100 * (mean - deviation)),
        high=y_axis.place(100 * (mean + deviation)),
        dots=tuple((x_axis.place(seconds[seed]), y_axis.place(100 * score)) for seed, score in row.scores),
    )


def _line(row: ComparisonRow, series: int, stage: StageCurve, x_axis: Axis, y_axis: Axis) -> Line:
    means = [(x_axis.place(p.step), y_axis.place(p.mean)) for p in stage.points]
    highs = [(x_axis.place(p.step), y_axis.place(p.high)) for p in stage.points]
    lows = [(x_axis.place(p.step), y_axis.place(p.low)) for p in reversed(stage.points)]
    return Line(
        series=series,
        label=f"{row.label}, {stage.name}",
        path="M" + _coordinates(means),
        band="M" + _coordinates([*highs, *lows]) + "Z",
        start=means[0],
        is_later_stage=stage.first_step > 0,
    )


def _coordinates(places: Sequence[tuple[float, float]]) -> str:
    return "L".join(f"{x:g},{y:g}" for x, y in places)


def _spread_ends(rows: Sequence[ComparisonRow]) -> list[float]:
    return [
        100 * (row.summary.mean + sign * (row.summary.standard_deviation or 0.0))
        for row in rows
        if row.summary
        for sign in (-1, 1)
    ]


def _above(values: Sequence[float]) -> float:
    """Return a round number above all values: an axis from zero ends there."""
    highest = max([*values, 1e-3])
    step = nice_step(highest)
    return step * math.ceil(1.02 * highest / step)


def _around(values: Sequence[float]) -> tuple[float, float]:
    """Return round numbers below and above all values, some points apart: noise must not fill a figure."""
    middle, reach = (min(values) + max(values)) / 2, max(max(values) - min(values), 4.0) / 2
    low, high = middle - reach, middle + reach
    step = nice_step(high - low)
    return step * math.floor(low / step - 0.2), step * math.ceil(high / step + 0.2)


def _cost_description(group: ComparisonGroup, rows: Sequence[ComparisonRow]) -> str:
    parts = [f"{row.label}: {points(row.summary.mean)} in {row.seconds:.0f} seconds" for row in rows if row.summary]
    return f"Mean {group.metric} times 100 against mean training time. {'; '.join(parts)}."


def _curve_description(rows: Sequence[ComparisonRow], curves: dict[str, LearningCurve]) -> str:
    parts = []
    for row in rows:
        stages = curves[row.experiment_digest].stages
        parts.append(f"{row.label}: from {stages[0].points[0].mean:.2f} to {stages[-1].points[-1].mean:.2f}")
    return f"Training loss in nats, mean over seeds, at the first and the last logged update. {'; '.join(parts)}."
