"""The report on a task's rows as one self-contained page: no script, no network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from headstart.atomic_files import write_output
from headstart.inspection.data import Bin, DataReport
from headstart.reports.html import environment

WIDTH, HEIGHT, AXIS = 460.0, 180.0, 22.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """A bar of a histogram: its place and size in the figure, and what it says on hover."""

    x: float
    y: float
    width: float
    height: float
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Histogram:
    """A histogram as a template draws it; `description` says it in words."""

    title: str
    bars: tuple[Bar, ...]
    low: str
    high: str
    description: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassRow:
    """A class, its rows by split, and its share of the most frequent one's in training, 0 to 100."""

    name: str
    counts: tuple[int, ...]
    share: float


def write_data_page(report: DataReport, out: Path) -> None:
    """Write the page to `out`, whole or not at all; a page that is there is replaced."""
    write_output(out, render_data_page(report))


def render_data_page(report: DataReport) -> str:
    """Return the page."""
    return (
        environment()
        .get_template("data.html.j2")
        .render(report=report, histograms=_histograms(report), classes=_classes(report), width=WIDTH, height=HEIGHT)
    )


def _histograms(report: DataReport) -> tuple[Histogram, ...]:
    figures = []
    for split in report.splits:
        if split.lengths is not None:
            figures.append(_histogram(f"Tokens per text, {split.name}", split.lengths.histogram, "tokens"))
        if split.value_histogram:
            figures.append(_histogram(f"{report.label_column}, {split.name}", split.value_histogram, "value"))
    return tuple(figures)


def _histogram(title: str, bins: Sequence[Bin], unit: str) -> Histogram:
    tallest = max(each.count for each in bins)
    width = WIDTH / len(bins)
    room = HEIGHT - AXIS
    heights = [room * each.count / tallest for each in bins]
    bars = tuple(
        Bar(
            x=round(number * width, 1),
            y=round(room - height, 1),
            width=round(max(1.0, width - 1.5), 1),
            height=round(height, 1),
            title=f"{each.low:g} to {each.high:g}: {each.count:,} rows",
        )
        for number, (each, height) in enumerate(zip(bins, heights, strict=True))
    )
    fullest = max(bins, key=lambda each: each.count)
    low, high = f"{bins[0].low:g}", f"{bins[-1].high:g}"
    description = f"{title}: from {low} to {high} {unit}, most rows at {fullest.low:g}"
    return Histogram(title=title, bars=bars, low=low, high=high, description=description)


def _classes(report: DataReport) -> tuple[ClassRow, ...]:
    names = [split.name for split in report.splits]
    most = max((each.counts.get(names[0], 0) for each in report.classes), default=0)
    return tuple(
        ClassRow(
            name=each.name,
            counts=tuple(each.counts.get(name, 0) for name in names),
            share=round(100 * each.counts.get(names[0], 0) / max(1, most), 1),
        )
        for each in report.classes
    )
