"""The page of the map: what each strategy gains over plain fine-tuning, against the rows of each class."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from benchmarks.figure_pages import Section, as_markdown, write_figure_page
from headstart.atomic_files import write_json, write_text
from headstart.comparison.comparison_table import ComparisonRow
from headstart.comparison.formats import MINUS, points
from headstart.comparison.report import read_report
from headstart.reports.figures.drawing import DataTable, Element, Figure, Series, group, line, marker, text
from headstart.reports.figures.figure_files import standalone_svg
from headstart.reports.figures.scales import BOTTOM, LEFT, RIGHT, TOP, Axis, around, draw_y_ticks, draw_y_title
from headstart.stats.comparisons import PairedDifference, compare_paired
from headstart.store.json_records import dump

TITLE = "When does a head start help?"
READING = (
    "Each point is the mean difference to plain fine-tuning with a fresh head at the same updates, over paired seeds: "
    "a seed draws its own training rows, and all strategies train on the same. Bars are 95 % t intervals over seeds. "
    "With fewer than six seeds no verdict is given: the points show where to look, not what is so.",
    "Fine-tuning is undertrained in some cells: so many updates from a fresh head do not suffice. The gain there is "
    "that of a short budget.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gain:
    """One strategy in one cell; scores and differences from 0 to 1."""

    label: str
    score: float
    seconds: float
    difference: PairedDifference | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CellGains:
    """What one cell says.

    Attributes:
        is_undertrained: whether plain fine-tuning learned too little, by the report's own rule.
    """

    table: str
    rows_per_class: int
    metric: str
    num_runs: int
    is_undertrained: bool
    gains: tuple[Gain, ...]


def read_gains(store: Path, table: str, rows_per_class: int) -> CellGains:
    """Return the gains over plain fine-tuning of a cell's store.

    Raises:
        UsageError: if it holds nothing to report.
    """
    (comparison,) = read_report(store).table.groups
    (baseline,) = [row for row in comparison.rows if row.is_baseline]
    return CellGains(
        table=table,
        rows_per_class=rows_per_class,
        metric=comparison.metric,
        num_runs=sum(len(row.scores) for row in comparison.rows),
        is_undertrained=baseline.is_undertrained,
        gains=tuple(_gain(row, baseline) for row in comparison.rows if row.scores),
    )


def _gain(row: ComparisonRow, baseline: ComparisonRow) -> Gain:
    scores = dict(row.scores)
    return Gain(
        label=row.label,
        score=sum(scores.values()) / len(scores),
        seconds=row.seconds or 0.0,
        difference=None if row.is_baseline else compare_paired(scores, dict(baseline.scores)),
    )


def write_map(folder: Path, cells: Sequence[CellGains]) -> None:
    """Write map.html, map.md, map.json and a figure for each table."""
    series = _series(cells)
    figures = [gain_figure(list(each), series) for _, each in groupby(cells, lambda cell: cell.table)]
    table = numbers(cells)
    runs = f"{sum(cell.num_runs for cell in cells)} runs in {len(cells)} cells."
    section = Section(title="Gain against rows a class", paragraphs=(*READING, runs), figures=figures)
    write_figure_page(folder / "map.html", TITLE, (section, Section(title="All cells", table=table)))
    write_text(folder / "map.md", f"# {TITLE}\n\n" + "\n\n".join((*READING, runs)) + f"\n\n{as_markdown(table)}")
    write_json(folder / "map.json", [dump(cell) for cell in cells])
    for figure in figures:
        write_text(folder / f"{figure.name}.svg", standalone_svg(figure))


def gain_figure(cells: Sequence[CellGains], series: dict[str, int]) -> Figure:
    """Return the figure of one table: its numbers of rows from left to right, the strategies side by side."""
    ends = [100 * end for cell in cells for gain in cell.gains for end in _ends(gain)]
    low, high = around([0.0, *ends])
    y_axis = Axis(title=f"gain in {cells[0].metric}, points", low=low, high=high, begin=BOTTOM, end=TOP)
    width = (RIGHT - LEFT) / len(cells)
    shown = [
        label for label in series if any(gain.label == label and gain.difference for c in cells for gain in c.gains)
    ]
    marks: list[Element] = []
    for place, cell in enumerate(cells):
        left = LEFT + place * width
        marks.append(text(f"{cell.rows_per_class:,}", left + width / 2, BOTTOM + 18, anchor="middle"))
        for gain in (gain for gain in cell.gains if gain.difference):
            x = left + width * (shown.index(gain.label) + 1) / (len(shown) + 1)
            marks.append(_mark(gain, cell, x, y_axis, series[gain.label]))
    title = text("rows of each class", (LEFT + RIGHT) / 2, BOTTOM + 38, anchor="middle", class_="title")
    axes = [*draw_y_ticks(y_axis, LEFT, RIGHT), draw_y_title(y_axis), title]
    zero = line((LEFT, y_axis.place(0)), (RIGHT, y_axis.place(0)), "zero")
    table = cells[0].table
    return Figure(
        name=f"map-{table.lower()}",
        title=table,
        caption="Above the dashed line the head start gains.",
        description=f"{table}: " + "; ".join(_words(gain, cell) for cell in cells for gain in cell.gains),
        elements=(group(axes), zero, *marks),
        legend=tuple(Series(number=series[label], label=label) for label in shown),
    )


def numbers(cells: Iterable[CellGains]) -> DataTable:
    """Return all cells as a table; scores times 100."""
    return DataTable(
        headings=("table", "rows a class", "strategy", "score", "gain", "95 % interval", "seeds", "seconds a run"),
        rows=tuple(
            (
                f"{cell.table}, {cell.metric}" + (", fine-tuning undertrained" if cell.is_undertrained else ""),
                str(cell.rows_per_class),
                gain.label,
                points(gain.score),
                _signed(gain.difference.mean) if gain.difference else "",
                _interval(gain.difference),
                str(gain.difference.n) if gain.difference else "",
                f"{gain.seconds:.0f}",
            )
            for cell in cells
            for gain in cell.gains
        ),
    )


def _series(cells: Sequence[CellGains]) -> dict[str, int]:
    labels = dict.fromkeys(gain.label for cell in cells for gain in cell.gains)
    return {label: number for number, label in enumerate(labels)}


def _ends(gain: Gain) -> tuple[float, ...]:
    if gain.difference is None:
        return ()
    interval = gain.difference.interval
    return (gain.difference.mean,) if interval is None else (interval.low, interval.high)


def _mark(gain: Gain, cell: CellGains, x: float, axis: Axis, number: int) -> Element:
    assert gain.difference is not None
    low, *_, high = (axis.place(100 * end) for end in (*_ends(gain), *_ends(gain)))
    parts = [line((x, low), (x, high), "interval"), marker(number, x, axis.place(100 * gain.difference.mean))]
    return group(parts, series=number, tip=_words(gain, cell))


def _words(gain: Gain, cell: CellGains) -> str:
    if gain.difference is None:
        return f"{gain.label} with {cell.rows_per_class} rows: {points(gain.score)}"
    return f"{gain.label} with {cell.rows_per_class} rows: {_signed(gain.difference.mean)} {_interval(gain.difference)}"


def _interval(difference: PairedDifference | None) -> str:
    if difference is None or difference.interval is None:
        return ""
    return f"[{_signed(difference.interval.low)}, {_signed(difference.interval.high)}]"


def _signed(value: float) -> str:
    return f"{100 * value:+.1f}".replace("-", MINUS)
