"""Answered numbers against the true ones: on the line the model is right."""

from __future__ import annotations

from collections.abc import Sequence

import numpy

from headstart.reports.figures.drawing import Figure, dot, group, line
from headstart.reports.figures.scales import BOTTOM, LEFT, RIGHT, TOP, Axis, draw_axes, nice_step
from headstart.stats.limits import Values

MOST_DOTS = 1_000
"""Rows that are drawn, evenly spaced over all: a page stays small."""


def answered_numbers_figure(name: str, labels: Values, answers: Values) -> Figure:
    """Return the answers [n] to rows with the labels [n]."""
    step = -(-len(labels) // MOST_DOTS)
    low, high = _limits([*labels.tolist(), *answers.tolist()])
    x_axis = Axis(title="label", low=low, high=high, begin=LEFT, end=RIGHT)
    y_axis = Axis(title="answer", low=low, high=high, begin=BOTTOM, end=TOP)
    dots = [
        dot(x_axis.place(label), y_axis.place(answer))
        for label, answer in zip(labels[::step].tolist(), answers[::step].tolist(), strict=True)
    ]
    errors = numpy.abs(answers - labels)
    return Figure(
        name=name,
        title="Answers and labels",
        caption="A dot for each row. On the dashed line the answer is right; above it the answer is too high.",
        description=f"Half of the rows are answered to within {numpy.median(errors):.4g}, "
        f"nine of ten to within {numpy.quantile(errors, 0.9):.4g}.",
        elements=(
            draw_axes(x_axis, y_axis),
            line((LEFT, BOTTOM), (RIGHT, TOP), "zero"),
            group(dots, series=1),
        ),
    )


def _limits(values: Sequence[float]) -> tuple[float, float]:
    """Return round numbers around all values."""
    low, high = min(values), max(values)
    span = high - low or abs(high) or 1.0
    step = nice_step(span)
    return step * float(numpy.floor(low / step)), step * float(numpy.ceil(high / step + 1e-9))
