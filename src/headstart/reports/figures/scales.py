"""Axes: where a value lies, where round numbers lie, and how both are drawn."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from headstart.comparison.formats import MINUS
from headstart.reports.figures.drawing import Element, element, group, line, text

LEFT, RIGHT, TOP, BOTTOM = 56.0, 438.0, 14.0, 256.0
"""The frame of an ordinary figure."""


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

    def clip(self, value: float) -> float:
        """Return the position of a value, or of the end that it lies beyond."""
        return self.place(min(max(value, self.low), self.high))

    def ticks(self, num_steps: int = 5, *, is_signed: bool = False) -> tuple[Tick, ...]:
        """Return about `num_steps` ticks at round numbers, with a plus above zero where the axis `is_signed`."""
        step = nice_step(self.high - self.low, num_steps)
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        digits = max(0, -math.floor(math.log10(step) + 1e-9))
        sign = "+" if is_signed else ""
        return tuple(
            Tick(
                position=self.place(index * step),
                text=f"{index * step:{sign if index else ''},.{digits}f}".replace("-", MINUS),
            )
            for index in range(first, last + 1)
        )


def nice_step(span: float, num_steps: int = 5) -> float:
    """Return the round number (1, 2 or 5 times a power of ten) that cuts a span into about `num_steps`."""
    raw = span / num_steps
    power = 10.0 ** math.floor(math.log10(raw))
    return power * min((1, 2, 5, 10), key=lambda factor: abs(math.log(factor * power / raw)))


def above(values: Sequence[float]) -> float:
    """Return a round number above all values: an axis from zero ends there."""
    highest = max([*values, 1e-3])
    step = nice_step(highest)
    return step * math.ceil(1.02 * highest / step)


def around(values: Sequence[float], least_span: float = 4.0) -> tuple[float, float]:
    """Return round numbers below and above all values, `least_span` apart or more: noise must not fill a figure."""
    middle, reach = (min(values) + max(values)) / 2, max(max(values) - min(values), least_span) / 2
    low, high = middle - reach, middle + reach
    step = nice_step(high - low)
    return step * math.floor(low / step - 0.2), step * math.ceil(high / step + 0.2)


def draw_axes(x_axis: Axis, y_axis: Axis) -> Element:
    """Return grid lines, ticks and titles of a figure with two axes."""
    left, right, bottom = x_axis.begin, x_axis.end, y_axis.begin
    return group([*draw_y_ticks(y_axis, left, right), *draw_x_axis(x_axis, bottom), draw_y_title(y_axis)])


def draw_y_ticks(axis: Axis, left: float, right: float) -> list[Element]:
    """Return the grid lines of the axis on the left, each with its text."""
    parts: list[Element] = []
    for tick in axis.ticks():
        parts += [
            line((left, tick.position), (right, tick.position), "grid"),
            text(tick.text, left - 7, tick.position + 4, anchor="end"),
        ]
    return parts


def draw_x_axis(axis: Axis, bottom: float, num_ticks: int = 5, *, is_signed: bool = False) -> list[Element]:
    """Return the axis at the bottom: its line, ticks and title."""
    parts = [line((axis.begin, bottom), (axis.end, bottom), "base")]
    for tick in axis.ticks(num_ticks, is_signed=is_signed):
        parts += [
            line((tick.position, bottom), (tick.position, bottom + 4), "base"),
            text(tick.text, tick.position, bottom + 18, anchor="middle"),
        ]
    return [*parts, text(axis.title, (axis.begin + axis.end) / 2, bottom + 38, anchor="middle", class_="title")]


def draw_y_title(axis: Axis) -> Element:
    """Return the title of the axis on the left, upright."""
    middle = (axis.begin + axis.end) / 2
    return element(
        "text", axis.title, class_="title", transform=f"translate(12,{middle:g})rotate(-90)", text_anchor="middle"
    )
