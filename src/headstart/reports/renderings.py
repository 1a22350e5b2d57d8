"""The comparison table written out: for the terminal, as Markdown, CSV and JSON.

People read scores times 100 with two decimals; CSV and JSON keep them as they are stored, unrounded, from 0 to 1.
"""

from __future__ import annotations

import csv
import io
import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from headstart.reports.formats import NO_BREAK, PLUS_MINUS, duration, points, short_count, signed_points
from headstart.reports.tables import ComparisonGroup, ComparisonRow, ComparisonTable

if TYPE_CHECKING:
    from rich.console import Group, JustifyMethod, RenderableType
    from rich.table import Table

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

_CSV_COLUMNS = (
    "task", "model", "label", "strategy", "metric", "reported_split", "chosen_on", "n", "num_diverged", "num_errors",
    "mean", "standard_deviation", "mean_with_failures", "majority_score", "stage1_mean", "difference_mean",
    "difference_low", "difference_high", "num_pairs", "num_missing_pairs", "p_value", "seconds",
    "num_trained_parameters", "num_steps", "words", "experiment_digest",
)  # fmt: skip


def mean_and_deviation(row: ComparisonRow) -> str:
    """Write the mean with its standard deviation, as in "78.57 ± 1.03"."""
    if row.summary is None:
        return points(None)
    deviation = row.summary.standard_deviation
    mean = points(row.summary.mean)
    return mean if deviation is None else f"{mean} {PLUS_MINUS} {points(deviation)}"


def interval_text(row: ComparisonRow) -> str:
    """Write the difference's 95 % interval, as in "[-0.31, +2.69]"."""
    interval = row.difference.interval if row.difference else None
    return (
        points(None)
        if interval is None
        else f"[{signed_points(interval.low)},{NO_BREAK}{signed_points(interval.high)}]"
    )


def runs_text(row: ComparisonRow) -> str:
    """Write how many runs finished, and of how many where some failed: "3", "9/10"."""
    return f"{row.n}/{row.n + row.num_failed}" if row.num_failed else str(row.n)


def as_rich(table: ComparisonTable) -> Group:
    """Return the tables for the terminal, one per task; words stand as numbered notes under them."""
    from rich.console import Group
    from rich.text import Text

    numbers = {word: number for number, word in enumerate(_all_words(table), start=1)}
    parts: list[RenderableType] = []
    for group in table.groups:
        parts += [Text(f"{group.task}  {group.model}", style="bold"), Text(group.caption, style="dim")]
        parts += [_rich_group(group, numbers), Text()]
    parts.append(_rich_notes(table, numbers))
    return Group(*parts)


def as_markdown(table: ComparisonTable) -> str:
    """Return the table as GitHub-flavoured Markdown, with captions and notes as a list under it."""
    headings = [("task", False), *((heading, is_number) for heading, is_number in _COLUMNS), ("what it shows", False)]
    lines = [
        _markdown_line([heading for heading, _ in headings]),
        _markdown_line(["---:" if is_number else "---" for _, is_number in headings]),
        *[_markdown_line([row.task, *_cells(row), "; ".join(row.words) or "baseline"]) for row in table.rows],
    ]
    captions = [f"{group.caption} Model: {group.model}." for group in table.groups]
    remarks = [f"- {_escape_markdown(sentence)}" for sentence in (*captions, *table.notes)]
    return "\n".join([*lines, "", *remarks]) + "\n"


def as_csv(table: ComparisonTable) -> str:
    """Return one line per row with a heading; scores unrounded from 0 to 1, empty where there is no value."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_CSV_COLUMNS)
    for row in table.rows:
        writer.writerow(_csv_values(row))
    return text.getvalue()


def as_json(table: ComparisonTable) -> str:
    """Return rows, captions and notes as JSON; scores unrounded from 0 to 1, null where there is no value."""
    return json.dumps(asdict(table), indent=2, ensure_ascii=False) + "\n"


def _cells(row: ComparisonRow) -> list[str]:
    return [
        row.label,
        mean_and_deviation(row),
        runs_text(row),
        points(row.stage1.mean if row.stage1 else None),
        signed_points(row.difference.mean if row.difference else None),
        interval_text(row),
        duration(row.seconds),
        short_count(row.num_trained_parameters),
    ]


def _all_words(table: ComparisonTable) -> list[str]:
    return list(dict.fromkeys(word for row in table.rows for word in row.words))


def _rich_group(group: ComparisonGroup, numbers: dict[str, int]) -> Table:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    rendered = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False, header_style="bold")
    for heading, is_number in (*_COLUMNS, ("notes", False)):
        can_wrap = heading in ("strategy", "95 % interval", "notes")
        justify: JustifyMethod = "right" if is_number else "left"
        rendered.add_column(heading, justify=justify, no_wrap=not can_wrap, overflow="fold")
    rendered.columns[0].min_width = 13
    for row in group.rows:
        notes = ",".join(str(numbers[word]) for word in row.words)
        rendered.add_row(*map(Text, _cells(row)), Text(notes), style="bold" if row.is_baseline else "")
    return rendered


def _rich_notes(table: ComparisonTable, numbers: dict[str, int]) -> Table:
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=(0, 1, 0, 0))
    grid.add_column(justify="right", style="bold")
    for word, number in numbers.items():
        grid.add_row(str(number), Text(word))
    for note in table.notes:
        grid.add_row("", Text(note))
    return grid


def _csv_values(row: ComparisonRow) -> list[object]:
    difference = row.difference
    interval = difference.interval if difference else None
    return [
        row.task, row.model, row.label, row.strategy, row.metric, row.reported_split, row.chosen_on, row.n,
        row.num_diverged, row.num_errors, row.summary and row.summary.mean,
        row.summary and row.summary.standard_deviation, row.mean_with_failures, row.majority_score,
        row.stage1 and row.stage1.mean, difference and difference.mean, interval and interval.low,
        interval and interval.high, difference and difference.n, difference and difference.num_missing_pairs,
        difference and difference.p_value, row.seconds, row.num_trained_parameters, row.num_steps,
        "; ".join(row.words), row.experiment_digest,
    ]  # fmt: skip


def _markdown_line(cells: list[str]) -> str:
    return "| " + " | ".join(_escape_markdown(cell) for cell in cells) + " |"


def _escape_markdown(text: str) -> str:
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;")
