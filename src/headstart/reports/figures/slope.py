"""The slope plot: every seed's step from plain fine-tuning to another strategy, a panel each."""

from __future__ import annotations

import math
from collections.abc import Sequence

from headstart.comparison.comparison_table import ComparisonGroup, ComparisonRow
from headstart.comparison.formats import points, signed_points
from headstart.reports.figures.drawing import WIDTH, Element, Figure, dot, group, line, marker, shorten, text
from headstart.reports.figures.scales import LEFT, TOP, Axis, around, draw_y_title
from headstart.reports.figures.series import SeriesNumbers

PANELS_PER_LINE, PANEL_HEIGHT, LABEL_HEIGHT, RIGHT = 4, 200.0, 44.0, WIDTH - 6.0
Pair = tuple[str, float, float]
"""A seed or fold with the baseline's and the strategy's score."""


def slope_figure(name: str, group_: ComparisonGroup, series: SeriesNumbers) -> Figure | None:
    """Return one task's slope plot; None where no seed is paired."""
    panels = [(row, pairs) for row in group_.rows if (pairs := _pairs(row))]
    if not panels:
        return None
    low, high = around([100 * score for _, pairs in panels for _, left, right in pairs for score in (left, right)])
    num_lines = math.ceil(len(panels) / PANELS_PER_LINE)
    columns = math.ceil(len(panels) / num_lines)
    parts: list[Element] = []
    for index in range(num_lines):
        top = TOP + index * (PANEL_HEIGHT + LABEL_HEIGHT)
        axis = Axis(title=f"{group_.metric} times 100", low=low, high=high, begin=top + PANEL_HEIGHT, end=top)
        parts += [*_grid(axis), draw_y_title(axis)]
        for column, (row, pairs) in enumerate(panels[index * columns : (index + 1) * columns]):
            width = (RIGHT - LEFT) / columns
            parts.append(_panel(row, pairs, axis, LEFT + column * width, width, series))
    return Figure(
        name=name,
        title="Seed by seed",
        caption=(
            f"A line is a {_word(panels[0][0])}, from plain fine-tuning (left) to the strategy (right); dashed where "
            "it falls."
        ),
        description=_description(panels),
        elements=tuple(parts),
        height=TOP + num_lines * (PANEL_HEIGHT + LABEL_HEIGHT),
    )


def _pairs(row: ComparisonRow) -> list[Pair]:
    if row.difference is None:
        return []
    differences, scores = row.difference.differences, row.difference.scores
    return [
        (f"{_word(row)} {number}", before, after)
        for (number, _), (after, before) in zip(differences, scores, strict=True)
    ]


def _word(row: ComparisonRow) -> str:
    return "seed" if row.num_folds is None else "fold"


def _grid(axis: Axis) -> list[Element]:
    parts = []
    for tick in axis.ticks():
        parts += [
            line((LEFT, tick.position), (RIGHT, tick.position), "grid"),
            text(tick.text, LEFT - 7, tick.position + 4, anchor="end"),
        ]
    return parts


def _panel(
    row: ComparisonRow, pairs: Sequence[Pair], axis: Axis, left: float, width: float, series: SeriesNumbers
) -> Element:
    inset = max(14.0, 0.22 * width)
    begin, end = left + inset, left + width - inset
    parts = [line((left, axis.end), (left, axis.begin), "grid")] if left > LEFT else []
    parts += [_seed_line(pair, axis, begin, end) for pair in pairs]
    _, befores, afters = zip(*pairs, strict=True)
    means = [sum(side) / len(pairs) for side in (befores, afters)]
    parts += [
        group([marker(0, begin, axis.place(100 * means[0]))], series=0),
        marker(series[row.label], end, axis.place(100 * means[1])),
    ]
    num_up = sum(after > before for _, before, after in pairs)
    num_down = sum(after < before for _, before, after in pairs)
    middle, bottom = left + width / 2, axis.begin
    parts += [
        text(shorten(row.label, int(width / 6.6)), middle, bottom + 17, anchor="middle", class_="label"),
        text(f"{num_up} up, {num_down} down", middle, bottom + 33, anchor="middle"),
    ]
    return group(parts, series=series[row.label])


def _seed_line(pair: Pair, axis: Axis, begin: float, end: float) -> Element:
    name, before, after = pair
    from_place, to_place = (begin, axis.place(100 * before)), (end, axis.place(100 * after))
    return group(
        [line(from_place, to_place, "seed down" if after < before else "seed"), dot(*from_place), dot(*to_place)],
        tip=f"{name}: {points(before)} to {points(after)}, {signed_points(after - before)}",
    )


def _description(panels: Sequence[tuple[ComparisonRow, list[Pair]]]) -> str:
    parts = [
        f"{row.label}: {sum(after > before for _, before, after in pairs)} of {len(pairs)} {_word(row)}s rise, "
        f"{sum(after < before for _, before, after in pairs)} fall"
        for row, pairs in panels
    ]
    return f"Scores of every seed with plain fine-tuning and with the strategy. {'; '.join(parts)}."
