"""The confusion matrix: what each class is answered as. With few classes with numbers, with many as a map of dots."""

from __future__ import annotations

from collections.abc import Sequence

import numpy
from numpy.typing import NDArray

from headstart.reports.figures.drawing import DataTable, Element, Figure, element, group, shorten, text

MOST_NAMED = 24
"""Classes whose names are written beside the matrix; more have no room."""
MOST_NUMBERED = 14
"""Classes whose cells have their numbers in them."""
MOST_LISTED = 40
_SIDE = 440.0
_NUM_SHADES = 5


def confusion_figure(name: str, counts: NDArray[numpy.int64], names: Sequence[str]) -> Figure:
    """Return the matrix.

    Args:
        name: of the figure.
        counts: rows labelled i and answered as j [c, c].
        names: of the classes [c].
    """
    num_classes = len(names)
    has_names = num_classes <= MOST_NAMED
    left, top = (136.0, 8.0) if has_names else (26.0, 8.0)
    size = (_SIDE - left) / num_classes
    bottom = top + num_classes * size
    shares = counts / numpy.maximum(counts.sum(axis=1, keepdims=True), 1)
    cells = [
        _cell(int(i), int(j), counts, float(shares[i, j]), names, left + j * size, top + i * size, size)
        for i, j in numpy.argwhere(counts > 0)
    ]
    frame = element("rect", class_="grid", x=left, y=top, width=_SIDE - left, height=bottom - top)
    middle = (top + bottom) / 2
    titles = [
        text("answer", (left + _SIDE) / 2, bottom + (74.0 if has_names else 18.0), anchor="middle", class_="title"),
        element(
            "text", "label", class_="title", transform=f"translate(12,{middle:g})rotate(-90)", text_anchor="middle"
        ),
    ]
    return Figure(
        name=name,
        title="Confusion matrix",
        caption=(
            "A line for each label, a column for each answer, in one order: right answers lie on the diagonal. The "
            "darker, the larger the share of the line."
        ),
        description=_description(counts, names),
        elements=(
            frame,
            *cells,
            *(_names(names, left, top, bottom, size) if has_names else ()),
            *titles,
        ),
        numbers=_numbers(counts, names),
        height=bottom + (82.0 if has_names else 26.0),
    )


def most_frequent_confusions(counts: NDArray[numpy.int64]) -> list[tuple[int, int]]:
    """Return all pairs of a label and another class that it was answered as, the most frequent pair first."""
    wrong = counts.copy()
    numpy.fill_diagonal(wrong, 0)
    order = numpy.argsort(-wrong, axis=None, kind="stable")[: int((wrong > 0).sum())]
    return [(int(place // len(wrong)), int(place % len(wrong))) for place in order]


def _cell(
    i: int,
    j: int,
    counts: NDArray[numpy.int64],
    share: float,
    names: Sequence[str],
    x: float,
    y: float,
    size: float,
) -> Element:
    has_number = len(names) <= MOST_NUMBERED
    # Without its number a pale cell is easily missed.
    shade = min(_NUM_SHADES, (1 if has_number else 3) + int(share * _NUM_SHADES))
    kind = "right" if i == j else "wrong"
    parts = [
        element(
            "rect",
            class_=f"cell-{kind} shade-{shade}",
            x=x,
            y=y,
            width=max(size - 0.6, 1.5),
            height=max(size - 0.6, 1.5),
        )
    ]
    if has_number:
        number_class = "on-dark" if shade >= 4 else "on-light"
        parts.append(text(f"{counts[i, j]:,}", x + size / 2, y + size / 2 + 4, anchor="middle", class_=number_class))
    tip = f"{names[i]}, answered {names[j]}: {counts[i, j]:,} of {counts[i].sum():,}"
    return group([element("title", tip), *parts])


def _names(names: Sequence[str], left: float, top: float, bottom: float, size: float) -> list[Element]:
    parts: list[Element] = []
    for number, name in enumerate(names):
        middle = (number + 0.5) * size
        parts.append(text(shorten(name, 14), left - 6, top + middle + 4, anchor="end"))
        place = f"translate({left + middle + 3:g},{bottom + 12:g})rotate(-35)"
        parts.append(element("text", shorten(name, 14), transform=place, text_anchor="end"))
    return parts


def _description(counts: NDArray[numpy.int64], names: Sequence[str]) -> str:
    right, total = int(numpy.trace(counts)), int(counts.sum())
    pairs = [f"{names[i]} as {names[j]} {counts[i, j]:,}" for i, j in most_frequent_confusions(counts)[:5]]
    most = f" Most often mistaken: {'; '.join(pairs)}." if pairs else ""
    return f"{right:,} of {total:,} rows are answered right.{most}"


def _numbers(counts: NDArray[numpy.int64], names: Sequence[str]) -> DataTable:
    """Return the mistaken pairs, the most frequent first."""
    return DataTable(
        headings=("label", "answer", "rows", "of the label's"),
        rows=tuple(
            (names[i], names[j], f"{counts[i, j]:,}", f"{100 * counts[i, j] / counts[i].sum():.1f} %")
            for i, j in most_frequent_confusions(counts)[:MOST_LISTED]
        ),
    )
