"""A report for people: the table in the terminal, and all of it as text and Markdown; scores times 100."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from headstart.comparison.comparison_table import ComparisonGroup, ComparisonRow, ComparisonTable
from headstart.comparison.formats import PLUS_MINUS, bracket, duration, points, short_count, signed_points
from headstart.comparison.report import Report
from headstart.reports.group_table import GROUPS_CAPTION, group_table
from headstart.shown_text import on_a_page

if TYPE_CHECKING:
    from rich.console import Group, JustifyMethod, RenderableType
    from rich.table import Table
    from rich.text import Text

_COLUMNS = (
    ("strategy", False),
    ("mean ± sd", True),
    ("n", True),
    ("stage 1", True),
    ("diff.", True),
    ("95 % interval", True),
    ("time", True),
    ("trained", True),
)
"""Headings, and whether numbers stand under them."""
DAMAGED = "damaged"
_NARROWEST = {"strategy": 11, "95 % interval": 9}
"""Columns that take more lines in a narrow terminal, and the characters that they keep: all others stand whole."""
TEXT_WIDTH = 100
"""Columns of plain text, whatever the terminal's are: the same store gives the same bytes."""


def _mean_and_deviation(row: ComparisonRow) -> str:
    """Write the mean with its standard deviation, as in "78.57 ± 1.03"."""
    if row.summary is None:
        return points(None)
    deviation = row.summary.standard_deviation
    mean = points(row.summary.mean)
    return mean if deviation is None else f"{mean} {PLUS_MINUS} {points(deviation)}"


def _runs_text(row: ComparisonRow) -> str:
    """Write how many runs finished, and of how many where some failed: "3", "9/10"."""
    return f"{row.n}/{row.n + row.num_failed}" if row.num_failed else str(row.n)


def as_rich(table: ComparisonTable) -> Group:
    """Return the tables for the terminal, one per task; words stand as numbered notes under them."""
    from rich.console import Group
    from rich.text import Text

    numbers = {word: number for number, word in enumerate(_all_words(table), start=1)}
    parts: list[RenderableType] = []
    for group in table.groups:
        parts += [_text(f"{group.title}  {group.model}", "bold"), _text(group.caption, "dim")]
        parts += [_rich_group(group, numbers), Text()]
    parts.append(_rich_notes(table, numbers))
    return Group(*parts)


def as_text(report: Report) -> str:
    """Return the answers and the tables as plain text of at most 100 columns."""
    return plain_text([*answer_lines(report), "", as_rich(report.table), *rich_groups(report)])


def plain_text(parts: Iterable[RenderableType]) -> str:
    """Return sentences and tables as plain text of at most 100 columns."""
    from rich.console import Console

    console = Console(file=io.StringIO(), width=TEXT_WIDTH, color_system=None, highlight=False, legacy_windows=False)
    for part in parts:
        console.print(_text(part) if isinstance(part, str) else part)
    lines = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    return "\n".join(line.rstrip() for line in lines).rstrip() + "\n"


def rich_groups(report: Report) -> Iterator[RenderableType]:
    """Yield a table of each task's groups of rows for the terminal; nothing where none were asked for."""
    from rich import box
    from rich.table import Table

    for group in report.table.groups:
        found = group_table(group, report)
        if found is None:
            continue
        table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False, header_style="bold")
        for number, heading in enumerate(found.headings):
            table.add_column(_text(heading), justify="right" if number else "left", overflow="fold")
        for cells in found.rows:
            table.add_row(*map(_text, cells))
        yield _text(f"{group.title}: groups of rows", "bold")
        yield _text(GROUPS_CAPTION, "dim")
        yield table


def as_markdown(report: Report) -> str:
    """Return answers, table, captions and notes as GitHub-flavoured Markdown."""
    table = report.table
    headings = [("task", False), *((heading, is_number) for heading, is_number in _COLUMNS), ("what it shows", False)]
    lines = [
        *(f"- {escape_markdown(sentence)}" for sentence in answer_lines(report)),
        "",
        *markdown_table(
            [heading for heading, _ in headings],
            [
                [group.name, *cells_of(row), "; ".join(row.words) or "baseline"]
                for group in table.groups
                for row in group.rows
            ],
            is_number=[is_number for _, is_number in headings],
        ),
    ]
    captions = [f"{group.caption} Model: {group.model}." for group in table.groups]
    remarks = [f"- {escape_markdown(sentence)}" for sentence in (*captions, *table.notes)]
    return "\n".join([*lines, "", *remarks, *_markdown_groups(report)]) + "\n"


def _markdown_groups(report: Report) -> Iterator[str]:
    for group in report.table.groups:
        if (found := group_table(group, report)) is not None:
            yield from ("", f"{escape_markdown(group.name)}: groups of rows. {GROUPS_CAPTION}", "")
            yield from markdown_table(
                found.headings, found.rows, is_number=[False, *[True] * (len(found.headings) - 1)]
            )


def answer_lines(report: Report) -> list[str]:
    """Return what is damaged, the overall answers and those of the tasks; a line begins with its verdict."""
    damage = [(f"{DAMAGED}:", report.table.damage)] if report.table.damage else []
    overall = [(f"{answer.verdict}:", answer.sentence, answer.needed) for answer in report.overall]
    tasks = [(f"{answer.verdict}:", answer.sentence, answer.checks, answer.needed) for answer in report.answers]
    return [" ".join(filter(None, parts)) for parts in (*damage, *overall, *tasks)]


def cells_of(row: ComparisonRow) -> list[str]:
    """Return a row as text: label, mean, runs, Stage 1, difference, interval, time and trained parameters."""
    return [
        row.label,
        _mean_and_deviation(row),
        _runs_text(row),
        points(row.stage1.mean if row.stage1 else None),
        signed_points(row.difference.mean if row.difference else None),
        bracket(row.difference.interval if row.difference else None),
        duration(row.seconds),
        short_count(row.num_trained_parameters),
    ]


def _all_words(table: ComparisonTable) -> list[str]:
    return list(dict.fromkeys(word for row in table.rows for word in row.words))


def _text(words: str, style: str = "") -> Text:
    """Return words as rich lays them out: it would leave control characters out."""
    from rich.text import Text

    return Text(on_a_page(words), style=style)


def _rich_group(group: ComparisonGroup, numbers: dict[str, int]) -> Table:
    from rich import box
    from rich.table import Table

    rendered = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False, header_style="bold")
    for heading, is_number in (*_COLUMNS, ("notes", False)):
        can_wrap = heading in _NARROWEST
        justify: JustifyMethod = "right" if is_number else "left"
        rendered.add_column(
            heading, justify=justify, no_wrap=not can_wrap, overflow="fold", min_width=_NARROWEST.get(heading)
        )
    for row in group.rows:
        notes = ",".join(str(numbers[word]) for word in row.words)
        rendered.add_row(*map(_text, cells_of(row)), _text(notes), style="bold" if row.is_baseline else "")
    return rendered


def _rich_notes(table: ComparisonTable, numbers: dict[str, int]) -> Table:
    from rich.table import Table

    grid = Table.grid(padding=(0, 1, 0, 0))
    grid.add_column(justify="right", style="bold")
    for word, number in numbers.items():
        grid.add_row(str(number), _text(word))
    for note in table.notes:
        grid.add_row("", _text(note))
    return grid


def markdown_table(
    headings: Sequence[str], rows: Iterable[Sequence[str]], *, is_number: Sequence[bool]
) -> Iterator[str]:
    """Yield the lines of a table; `is_number` says of each column whether numbers stand in it."""
    yield _markdown_line(headings)
    yield _markdown_line(["---:" if each else "---" for each in is_number])
    yield from map(_markdown_line, rows)


def _markdown_line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(escape_markdown(cell) for cell in cells) + " |"


def escape_markdown(text: str) -> str:
    """Return text that Markdown shows as it is, on one line."""
    text = on_a_page(text)
    for mark in ("\\", "`", "*", "|", "]("):  # the last: text in brackets is not a link
        text = text.replace(mark, f"{mark[:-1]}\\{mark[-1]}")
    return " ".join(text.replace("&", "&amp;").replace("<", "&lt;").split("\n"))
