"""The page of the benchmark on small tables: score against cost, and what `auto` is held to."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from benchmarks.figure_pages import Section, as_markdown, write_figure_page
from headstart.atomic_files import write_text
from headstart.comparison.formats import MINUS, plural
from headstart.reports.figures.drawing import DataTable, Element, Figure, Series, group, line, marker, text
from headstart.reports.figures.figure_files import standalone_svg
from headstart.reports.figures.scales import BOTTOM, LEFT, RIGHT, TOP, Axis, around, draw_y_ticks, draw_y_title
from headstart.stats.comparisons import compare_paired

TITLE = "The best model of a small table: accuracy against time"
AUTO, SETFIT = "auto-3m", "setfit"
AUTOS = ("auto-1m", "auto-2m", AUTO, "auto-15m")
OTHERS_THAN_SINGLE = (*AUTOS, "tfidf", "frozen", "setfit", "autogluon", "autointent")
LEAST = -0.01
"""On no table may the interval of auto's difference to the best single strategy lie below this."""
SHARE_OF_SETFIT = 1 / 20
AUTO_SECONDS = 180.0
"""What `auto` has; others that took longer would have had no model when stopped by then."""
READING = (
    "One encoder, embedded:minilm-l6, for all but TF-IDF. Seconds are until the model is fitted, imports included; the "
    "score is of the published validation rows, which chose nothing. Means over draws of the training rows.",
)


@dataclass(frozen=True, slots=True)
class Result:
    """One contender on one draw of a table; `score` is None where there was no model, and `error` says why."""

    table: str
    metric: str
    contender: str
    draw: int
    score: float | None
    wall: float
    cpu: float
    error: str
    limit: float | None = None
    cores: int = 0
    note: str = ""

    @property
    def label(self) -> str:
        """The contender, with the limit under which it was stopped."""
        return self.contender if self.limit is None else f"{self.contender}, {self.limit:g} s"


Cell = dict[int, Result]


def write_tables(folder: Path, results: Sequence[Result]) -> None:
    """Write tables.html, tables.md and a figure for each table."""
    cells = cells_of(results)
    series = {name: number for number, name in enumerate(dict.fromkeys(each.label for each in results))}
    figures = [cost_figure(table, cells[table], series) for table in cells]
    unlimited = cells_of(each for each in results if each.limit is None)
    scores, failures, held = score_table(cells), failure_table(results), claims(unlimited)
    sections = [
        Section(title="Score against CPU time", paragraphs=READING, figures=figures),
        Section(title="All contenders", table=scores),
        Section(title="What auto is held to", paragraphs=held),
    ]
    if failures.rows:
        sections.append(Section(title="Without a model", table=failures))
    write_figure_page(folder / "tables.html", TITLE, sections)
    parts = (f"# {TITLE}", *READING, as_markdown(scores), *held, *([as_markdown(failures)] if failures.rows else []))
    write_text(folder / "tables.md", "\n\n".join(parts) + "\n")
    for figure in figures:
        write_text(folder / f"{figure.name}.svg", standalone_svg(figure))


def cells_of(results: Iterable[Result]) -> dict[str, dict[str, Cell]]:
    """Return finished results by table, label and draw."""
    cells: defaultdict[str, defaultdict[str, Cell]] = defaultdict(lambda: defaultdict(dict))
    for each in results:
        if each.score is not None:
            cells[each.table][each.label][each.draw] = each
    return {table: dict(contenders) for table, contenders in cells.items()}


def claims(cells: dict[str, dict[str, Cell]]) -> list[str]:
    """Return in words what `auto` with three minutes is held to, and whether it is so."""
    return [
        *([_mean_claim(cells)] if all(AUTO in cell for cell in cells.values()) else []),
        *(claim for table, cell in cells.items() if AUTO in cell for claim in _single_claim(table, cell)),
        *(claim for table, cell in cells.items() for claim in _gains_over_frozen(table, cell)),
        *([_cost_claim(cells)] if any(SETFIT in cell and AUTO in cell for cell in cells.values()) else []),
        *_late(cells),
    ]


def _mean_claim(cells: dict[str, dict[str, Cell]]) -> str:
    everywhere = set.intersection(*(set(cell) for cell in cells.values())) - set(AUTOS)
    pairs = {name: [_both(cell[AUTO], cell[name]) for cell in cells.values()] for name in everywhere}
    means = {
        name: (fmean(_score(ours) for ours, _ in both), fmean(_score(theirs) for _, theirs in both))
        for name, both in pairs.items()
        if all(ours for ours, _ in both)
    }
    if not means:
        return "No other contender has a model of every table."
    best = min(sorted(means), key=lambda name: means[name][0] - means[name][1])
    ours, theirs = means[best]
    others = {name for cell in cells.values() for name in cell} - set(AUTOS) - set(means)
    return (
        f"Mean of {len(cells)} tables: {AUTO} {_points(ours)}, the best other with a model of each, {best}, "
        f"{_points(theirs)}: {'held' if ours >= theirs else 'not held'} (at least as accurate, without a limit, on the "
        f"draws that both have)."
    ) + (f" Not on every table, and left out: {', '.join(sorted(others))}." if others else "")


def _both(first: Cell, second: Cell) -> tuple[Cell, Cell]:
    """Return two cells, of the draws that both have."""
    draws = [draw for draw in first if draw in second]
    return {draw: first[draw] for draw in draws}, {draw: second[draw] for draw in draws}


def _single_claim(table: str, cell: dict[str, Cell]) -> list[str]:
    single = {name: _score(draws) for name, draws in cell.items() if name not in OTHERS_THAN_SINGLE}
    if not single:
        return []
    best = max(single, key=lambda name: single[name])
    difference = compare_paired(_scores(cell[AUTO]), _scores(cell[best]))
    if difference is None or difference.interval is None:
        return [f"{table}: too few draws to compare {AUTO} with the best single strategy, {best}."]
    low, high = difference.interval.low, difference.interval.high
    return [
        f"{table}: {AUTO} minus the best single strategy, {best}: {_signed(difference.mean)} [{_signed(low)}, "
        f"{_signed(high)}] over {plural(difference.n, 'draw')}: {'not held' if high < LEAST else 'held'} (not below "
        f"{_signed(LEAST)}). The best is chosen after the fact, which speaks against {AUTO}."
    ]


def _gains_over_frozen(table: str, cell: dict[str, Cell]) -> list[str]:
    """Return how far each `auto` is above the logistic regression on frozen vectors of the same draws."""
    found = []
    for name in AUTOS:
        difference = (
            compare_paired(_scores(cell[name]), _scores(cell["frozen"])) if {name, "frozen"} <= set(cell) else None
        )
        if difference is not None:
            found.append(
                f"{table}: {name} minus frozen: {_signed(difference.mean)} over {plural(difference.n, 'draw')}."
            )
    return found


def _cost_claim(cells: dict[str, dict[str, Cell]]) -> str:
    pairs = [_both(cell[AUTO], cell[SETFIT]) for cell in cells.values() if SETFIT in cell and AUTO in cell]
    both = [pair for pair in pairs if pair[0]]
    if not both:
        return f"{AUTO} and SetFit have no draw in common."
    ours, theirs = (sum(fmean(each.cpu for each in pair[place].values()) for pair in both) for place in (0, 1))
    is_held = ours <= SHARE_OF_SETFIT * theirs
    return (
        f"CPU seconds on {len(both)} tables: {AUTO} {ours:,.0f}, SetFit {theirs:,.0f}, a share of {ours / theirs:.3f}: "
        f"{'held' if is_held else 'not held'} (at most {SHARE_OF_SETFIT:g})."
    )


def _late(cells: dict[str, dict[str, Cell]]) -> list[str]:
    """Return in words who has no model yet when the time of `auto` is over."""
    tables: defaultdict[str, list[str]] = defaultdict(list)
    for table, cell in cells.items():
        for name, draws in cell.items():
            if name not in AUTOS and fmean(each.cpu / max(each.cores, 1) for each in draws.values()) > AUTO_SECONDS:
                tables[name].append(table)
    if not tables:
        return []
    named = "; ".join(f"{name} ({', '.join(found)})" for name, found in tables.items())
    return [f"Stopped after {AUTO_SECONDS:g} processor seconds of a core, these have no model: {named}."]


def score_table(cells: dict[str, dict[str, Cell]]) -> DataTable:
    """Return every contender's mean score and cost on each table."""
    return DataTable(
        headings=("contender", "table", "score", "spread", "wall s", "CPU s", "draws", "cores", "beside it"),
        rows=tuple(
            (
                name,
                table,
                _points(_score(draws)),
                f"{100 * min(_scores(draws).values()):.1f} to {100 * max(_scores(draws).values()):.1f}",
                f"{fmean(each.wall for each in draws.values()):,.0f}",
                f"{fmean(each.cpu for each in draws.values()):,.0f}",
                str(len(draws)),
                ", ".join(sorted({str(each.cores or "not noted") for each in draws.values()})),
                "; ".join(sorted({each.note for each in draws.values()} - {""})),
            )
            for table, contenders in cells.items()
            for name, draws in contenders.items()
        ),
    )


def failure_table(results: Iterable[Result]) -> DataTable:
    """Return who had no model, and why."""
    rows = ((each.label, each.table, str(each.draw), each.error) for each in results if each.score is None)
    return DataTable(headings=("contender", "table", "draw", "why"), rows=tuple(rows))


def cost_figure(table: str, contenders: dict[str, Cell], series: dict[str, int]) -> Figure:
    """Return mean score against mean CPU seconds, on a logarithmic axis, draws as its range."""
    seconds = {name: fmean(each.cpu for each in draws.values()) for name, draws in contenders.items()}
    decades = [math.log10(max(value, 0.1)) for value in seconds.values()]
    first, last = math.floor(min(decades)), max(math.ceil(max(decades)), math.floor(min(decades)) + 1)
    x_axis = Axis(title="CPU seconds", low=first, high=last, begin=LEFT, end=RIGHT)
    low, high = around([100 * score for draws in contenders.values() for score in _scores(draws).values()])
    metric = next(iter(next(iter(contenders.values())).values())).metric
    y_axis = Axis(title=f"{metric} times 100", low=low, high=high, begin=BOTTOM, end=TOP)
    marks = [
        _mark(name, draws, x_axis.place(math.log10(max(seconds[name], 0.1))), y_axis, series[name])
        for name, draws in contenders.items()
    ]
    words = "; ".join(f"{name} {_points(_score(contenders[name]))} in {seconds[name]:,.0f} s" for name in contenders)
    return Figure(
        name=f"tables-{table.lower()}",
        title=table,
        caption="Up and to the left is better. Marks are means over draws, lines their range.",
        description=f"{table}, mean score and CPU seconds: {words}.",
        elements=(group([*draw_y_ticks(y_axis, LEFT, RIGHT), draw_y_title(y_axis), *_decades(x_axis)]), *marks),
        legend=tuple(Series(number=series[name], label=name) for name in contenders),
    )


def _decades(axis: Axis) -> list[Element]:
    parts = [line((axis.begin, BOTTOM), (axis.end, BOTTOM), "base")]
    for decade in range(int(axis.low), int(axis.high) + 1):
        x = axis.place(decade)
        parts += [
            line((x, BOTTOM), (x, BOTTOM + 4), "base"),
            text(f"{10.0**decade:,g}", x, BOTTOM + 18, anchor="middle"),
        ]
    return [*parts, text(axis.title, (axis.begin + axis.end) / 2, BOTTOM + 38, anchor="middle", class_="title")]


def _mark(name: str, draws: Cell, x: float, axis: Axis, number: int) -> Element:
    scores = [100 * score for score in _scores(draws).values()]
    spread = line((x, axis.place(min(scores))), (x, axis.place(max(scores))), "spread")
    tip = f"{name}: {fmean(scores):.1f}"
    return group([spread, marker(number, x, axis.place(fmean(scores)), 5.5)], series=number, tip=tip)


def _scores(draws: Cell) -> dict[int, float]:
    return {draw: each.score for draw, each in draws.items() if each.score is not None}


def _score(draws: Cell) -> float:
    return fmean(_scores(draws).values())


def _points(score: float) -> str:
    return f"{100 * score:.1f}"


def _signed(value: float) -> str:
    return f"{100 * value:+.1f}".replace("-", MINUS)
