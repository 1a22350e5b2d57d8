"""A figure as values, and the one writer that turns it into SVG.

Lengths are in units of the figure's view box; y grows downwards. Positions are rounded to a tenth, so a figure is small
and the same on every machine. Colours, dashes and fonts are classes of `figures.css`, never attributes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from markupsafe import escape

from headstart.shown_text import on_a_page

WIDTH, HEIGHT = 460.0, 300.0
NUM_COLOURS, NUM_SERIES = 8, 16
"""Each series has its own dash pattern, and a marker that no other of its colour has; the baseline is the first."""

Place = tuple[float, float]

_CORNERS: tuple[tuple[Place, ...], ...] = (
    (),
    ((-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)),
    ((0.0, -1.2), (1.15, 0.8), (-1.15, 0.8)),
    ((0.0, -1.3), (1.3, 0.0), (0.0, 1.3), (-1.3, 0.0)),
)
"""The markers of size 1: circle, square, triangle, diamond."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Element:
    """An SVG element; strings among the children are text."""

    tag: str
    attributes: tuple[tuple[str, str], ...] = ()
    children: tuple[Element | str, ...] = ()

    def __html__(self) -> str:
        """Return the element as SVG, everything escaped; a template writes this as it is."""
        attributes = "".join(f' {name}="{escape(on_a_page(value))}"' for name, value in self.attributes)
        if not self.children:
            return f"<{self.tag}{attributes}/>"
        content = "".join(_written(child) for child in self.children)
        return f"<{self.tag}{attributes}>{content}</{self.tag}>"


def _written(child: Element | str) -> str:
    return str(escape(on_a_page(child) if isinstance(child, str) else child))


@dataclass(frozen=True, slots=True, kw_only=True)
class DataTable:
    """A figure's numbers as text: what it says to people who cannot see it."""

    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """A name and the number of its colour, marker and dash pattern."""

    number: int
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A figure with all that is said about it.

    Attributes:
        name: letters, digits and hyphens; unique on a page, and the file's name.
        caption: how to read it, in a sentence.
        description: what it shows, in words and numbers.
        legend: the series that are told apart by marker and dash alone; empty where labels stand at the marks.
        numbers: the same values as a table; None where the page has them elsewhere.
    """

    name: str
    title: str
    caption: str
    description: str
    elements: tuple[Element, ...]
    legend: tuple[Series, ...] = ()
    numbers: DataTable | None = None
    width: float = WIDTH
    height: float = HEIGHT

    @property
    def svg(self) -> Element:
        """The drawing for the page, named by its title and described."""
        title, description = f"{self.name}-title", f"{self.name}-desc"
        return element(
            "svg",
            element("title", self.title, id=title),
            element("desc", self.description, id=description),
            *self.elements,
            class_="figure",
            viewBox=f"0 0 {self.width:g} {self.height:g}",
            role="img",
            aria_labelledby=title,
            aria_describedby=description,
        )


def element(tag: str, *children: Element | str, **attributes: str | float) -> Element:
    """Return an element; `class_` and `text_anchor` stand for `class` and `text-anchor`, numbers are rounded."""
    return Element(
        tag=tag,
        attributes=tuple(
            (name.rstrip("_").replace("_", "-"), value if isinstance(value, str) else number(value))
            for name, value in attributes.items()
        ),
        children=children,
    )


def group(children: Iterable[Element], *, series: int | None = None, tip: str = "") -> Element:
    """Return a group; `series` gives its colour and dash, `tip` is what it says on hover."""
    title = (element("title", tip),) if tip else ()
    classes = " ".join(([f"series-{series}"] if series is not None else []) + (["tip"] if tip else []))
    return element("g", *title, *children, **({"class_": classes} if classes else {}))


def path(description: str, class_: str) -> Element:
    """Return a path."""
    return element("path", class_=class_, d=description)


def line(begin: Place, end: Place, class_: str) -> Element:
    """Return a straight line."""
    return path(polyline((begin, end)), class_)


def polyline(places: Sequence[Place], *, is_closed: bool = False) -> str:
    """Return the description of a path through places."""
    return "M" + "L".join(f"{number(x)},{number(y)}" for x, y in places) + ("Z" if is_closed else "")


def text(content: str, x: float, y: float, *, anchor: str = "start", class_: str = "") -> Element:
    """Return a line of text; `anchor` is "start", "middle" or "end"."""
    attributes: dict[str, str | float] = {"x": x, "y": y}
    if anchor != "start":
        attributes["text_anchor"] = anchor
    if class_:
        attributes["class_"] = class_
    return element("text", content, **attributes)


def dot(x: float, y: float, radius: float = 2.4, class_: str = "dot") -> Element:
    """Return a small circle: one seed's value."""
    return element("circle", class_=class_, cx=x, cy=y, r=radius)


def marker(series: int, x: float, y: float, size: float = 5.0, class_: str = "mark") -> Element:
    """Return the mark of a series: circle, square, triangle or diamond, solid or hollow."""
    is_hollow = (series // len(_CORNERS) + series // NUM_COLOURS) % 2 == 1
    name = f"{class_} hollow" if is_hollow else class_
    corners = _CORNERS[series % len(_CORNERS)]
    if not corners:
        return dot(x, y, size, name)
    return path(polyline([(x + size * dx, y + size * dy) for dx, dy in corners], is_closed=True), name)


def swatch(series: int) -> Element:
    """Return the sign of a series for a legend: its line with its marker."""
    return element(
        "svg",
        path("M1,7H29", "line"),
        marker(series, 15.0, 7.0, 4.0),
        class_=f"swatch series-{series}",
        viewBox="0 0 30 14",
        width=30,
        height=14,
        aria_hidden="true",
    )


def shorten(label: str, num_characters: int) -> str:
    """Return a label that fits, the end cut off where it is too long; the whole one stands in the tip."""
    return (
        label if len(label) <= num_characters else label[: num_characters - 1].rstrip(" ,(") + "\N{HORIZONTAL ELLIPSIS}"
    )


def slug(label: str) -> str:
    """Return what is left of a label for a file's name or an identifier: letters, digits and hyphens."""
    return re.sub(r"[^a-z0-9]+", "-", label.lower()).strip("-")[:60]


def number(value: float) -> str:
    """Write a length with a tenth at most."""
    return f"{round(value, 1) + 0.0:g}"
