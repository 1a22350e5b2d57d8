"""The report of a search's race in every format: who was tried, who was taken and why."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from headstart.atomic_files import write_output
from headstart.metrics import written
from headstart.reports.fit.facts import RaceFacts, Tried
from headstart.reports.fit.page import tried_headings, tried_views
from headstart.reports.fit.words import NO_ESTIMATE, sentence
from headstart.reports.html import environment
from headstart.reports.latex import escape, tabular
from headstart.reports.renderings import escape_markdown, markdown_table, plain_text
from headstart.spreadsheet_cells import written_rows

if TYPE_CHECKING:
    from rich.table import Table

SCHEMA_VERSION = 1
"""Of the JSON; it rises when a field goes or changes."""
REMARK = "remark"


def race_table(race: RaceFacts) -> Table:
    """Return a line for each candidate for a terminal, those that got furthest first, and of these the best."""
    from rich.table import Column, Table

    headings = ("candidate", "trained by", race.metric, "folds", "updates", "seconds")
    table = Table(*(Column(name, overflow="fold") for name in headings), box=None)
    for each in race.by_rank:
        without_score = "failed" if each.num_folds else "untried"
        table.add_row(
            f"{each.name}{' (taken)' if each.is_chosen else ''}",
            each.trained_by,
            without_score if each.score is None else written(race.metric, each.score),
            str(each.num_folds),
            f"{each.num_updates:,}",
            "" if each.seconds is None else f"{each.seconds:.0f}",
        )
    return table


def write_race_html(race: RaceFacts, title: str, path: Path) -> None:
    """Write the page to `path`, whole or not at all; it has no script, and is equal for equal races."""
    template = environment().get_template("race.html.j2")
    page = template.render(
        race=race,
        title=title,
        headings=tried_headings(race.metric),
        tried=tried_views(race.metric, race.by_rank),
        no_estimate=NO_ESTIMATE if race.has_scores else "",
        sentence=sentence,
    )
    write_output(path, page)


def race_as_text(race: RaceFacts) -> str:
    """Return the race as plain text of at most 100 columns."""
    problems = [f"{each.name}: {each.note}" for each in race.by_rank if each.note]
    return plain_text([*race_lines(race), "", race_table(race), *problems])


def race_as_markdown(race: RaceFacts) -> str:
    """Return the race as GitHub-flavoured Markdown."""
    said = [f"- {escape_markdown(line)}" for line in race_lines(race)]
    rows = [[*cells, remark] for cells, remark in _rows(race)]
    numbers = len(_headings(race)) - 2
    lines = markdown_table(_headings(race), rows, is_number=[False, *[True] * numbers, False])
    return "\n".join([*said, "", *lines]) + "\n"


def race_as_latex(race: RaceFacts) -> str:
    """Return the race as a `table`, to be set with the packages booktabs, textcomp and T1 fonts."""
    caption = " ".join([f"Race of {race.task}, {race.model}.", *race_lines(race)[1:]])
    rows = [[*cells, remark] for cells, remark in _rows(race)]
    columns = f"l{'r' * (len(_headings(race)) - 2)}l"
    head = [r"% \usepackage[T1]{fontenc} \usepackage{textcomp,booktabs}", ""]
    return "\n".join([*head, tabular(escape(caption), "tab:headstart-race", columns, _headings(race), rows)])


def race_as_csv(race: RaceFacts, *, spreadsheet_safe: bool = False) -> str:
    """Return a heading and one line per candidate: scores unrounded, from 0 to 1; a value that is missing is empty."""
    beside = {"task": race.task, "model": race.model, "metric": race.metric}
    rows = [{**beside, **_values(each)} for each in race.by_rank]
    lines: list[list[object]] = [list(rows[0]), *(list(row.values()) for row in rows)]
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(written_rows(lines, spreadsheet_safe=spreadsheet_safe))
    return text.getvalue()


def race_as_json(race: RaceFacts) -> str:
    """Return everything as JSON: scores unrounded, from 0 to 1; a value that is missing is null."""
    values = {
        "schema_version": SCHEMA_VERSION,
        **asdict(race),
        "tried": [_values(each) for each in race.by_rank],
        "notes": race_lines(race)[2:],
    }
    del values["out_of_time"]
    return json.dumps(values, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def race_lines(race: RaceFacts) -> list[str]:
    """Return in sentences what raced, who was taken and why, what the scores are not, and who was left out."""
    raced = f"The candidates of a search for the best model of {race.task}, from {race.model}, by {race.metric}."
    on_scores = [NO_ESTIMATE] if race.has_scores else []
    left_out = [sentence(race.out_of_time)] if race.out_of_time else []
    return [raced, sentence(race.reason), *on_scores, *left_out]


def _headings(race: RaceFacts) -> list[str]:
    return ["trained as", *tried_headings(race.metric), REMARK]


def _rows(race: RaceFacts) -> Iterator[tuple[list[str], str]]:
    """Yield each candidate's cells, and the remark beside them."""
    for view in tried_views(race.metric, race.by_rank):
        yield [view.label, *view.cells], " ".join(filter(None, ["taken" if view.is_chosen else "", view.note]))


def _values(each: Tried) -> dict[str, object]:
    return {
        "candidate": each.name,
        "trained_by": each.trained_by,
        "score": each.score,
        "num_folds": each.num_folds,
        "num_rows": each.num_rows,
        "num_updates": each.num_updates,
        "seconds": each.seconds,
        "is_taken": each.is_chosen,
        "problem": each.note,
    }
