"""`headstart report`: a store as one page, or as its table for a paper, a document or a program."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from headstart.artifacts.folder_checks import INFO_FILE, RACE_FOLDER
from headstart.cli import options
from headstart.cli.output import print_json
from headstart.cli.plain_text import say
from headstart.errors import UsageError
from headstart.option import named
from headstart.shown_text import as_text

if TYPE_CHECKING:
    from headstart.comparison.report import Report
    from headstart.reports.fit.facts import RaceFacts


class Format(StrEnum):
    """What a report is written as."""

    HTML = "html"
    MARKDOWN = "md"
    LATEX = "latex"
    CSV = "csv"
    JSON = "json"
    TEXT = "text"


SUFFIXES = {
    ".html": Format.HTML,
    ".htm": Format.HTML,
    ".md": Format.MARKDOWN,
    ".tex": Format.LATEX,
    ".csv": Format.CSV,
    ".json": Format.JSON,
    ".txt": Format.TEXT,
}


def report(
    store: Annotated[Path, typer.Argument(help=options.STORE_HELP)] = Path("runs"),
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            help="The file to write; replaced when it is there. (Default: report.html; another --format is printed.)",
        ),
    ] = None,
    format_: Annotated[
        Format | None, typer.Option("--format", help="(Default: by the suffix of --out; without --out html.)")
    ] = None,
    match_compute: Annotated[
        bool,
        typer.Option(
            "--match-compute", help="Compare with fine-tuning at EH-FT's compute instead of at equal updates."
        ),
    ] = False,
    spreadsheet_safe: options.SpreadsheetSafe = False,
    group_by: options.GroupBy = None,
    figures: Annotated[
        Path | None, typer.Option("--figures", help="A folder to write every figure to, as SVG and PDF for a paper.")
    ] = None,
) -> None:
    """Write a report of stored runs: one self-contained page that opens offline, or the table in another format.

    The same store gives the same bytes. A model folder that `fit` found by a search stands for the race in it.

    [bold]Example[/]: headstart report runs --format latex --out table.tex
    """
    from headstart.store.local import existing_store

    chosen = format_ or _format_of(out)
    if spreadsheet_safe and chosen is not Format.CSV:
        raise UsageError(
            f"`spreadsheet_safe` would have no effect on a report as {chosen}",
            allowed="  It is for CSV.",
            remedy="  Leave it out, or give --format csv.",
        )
    if group_by is not None and chosen in (Format.CSV, Format.LATEX):
        raise UsageError(
            f"`group_by` would have no effect on a report as {chosen}",
            allowed="  It is for html, md, json and text.",
            remedy="  Leave it out, or give another --format.",
        )
    store = _race_of(store)
    existing_store(store)  # Before the numbers' packages are imported.
    from headstart.search.outcome import is_store_of_search

    if is_store_of_search(store):
        _refuse_for_race(store, match_compute=match_compute, group_by=group_by, figures=figures)
        _report_race(store, chosen, out, spreadsheet_safe=spreadsheet_safe)
        return
    from headstart.comparison.report import read_report

    found = read_report(store, equal_compute=match_compute)
    if group_by is not None:
        from headstart.sweeps.row_groups import with_groups

        found = with_groups(found, group_by)
    if chosen is Format.HTML:
        from headstart.reports.html import write_html

        out = out or Path("report.html")
        write_html(found, out)
    else:
        _write(_rendered(found, chosen, spreadsheet_safe=spreadsheet_safe), chosen, out)
    if out is not None:
        say(f"report: {out}")
    if figures is not None:
        from headstart.reports.figures.figure_files import write_report_figures

        say(
            f"figures: {len(write_report_figures(found, figures))} files in {figures}",
            file=sys.stderr if out is None else sys.stdout,
        )


def _race_of(folder: Path) -> Path:
    """Return the race that a model folder holds; any other folder as it is."""
    race = folder / RACE_FOLDER
    return race if (folder / INFO_FILE).is_file() and race.is_dir() else folder


def _format_of(out: Path | None) -> Format:
    if out is None:
        return Format.HTML
    if out.suffix.lower() not in SUFFIXES:
        raise UsageError(
            f"--out {out} does not say what to write",
            allowed=f"  Suffixes with a format: {', '.join(SUFFIXES)}.",
            remedy="  Give --format, or one of these suffixes.",
        )
    return SUFFIXES[out.suffix.lower()]


def _write(text: str, format_: Format, out: Path | None) -> None:
    """Write a report to a file, or print it."""
    from headstart.atomic_files import write_output

    if out is not None:
        write_output(out, text)
    elif format_ is Format.JSON:
        print_json(text)
    else:
        print(as_text(text) if sys.stdout.isatty() else text, end="")


def _refuse_for_race(store: Path, **asked: object) -> None:
    """Refuse options of comparisons where a store is that of a search.

    Raises:
        UsageError: naming them.
    """
    given = [name for name, value in asked.items() if value]
    if given:
        raise UsageError(
            f"{named(given)} would have no effect: {store} holds the trials of a search, which chose a model and "
            "compare nothing",
            remedy="  Leave it out, or give a store of `headstart compare`.",
        )


def _report_race(store: Path, format_: Format, out: Path | None, *, spreadsheet_safe: bool) -> None:
    """Write or print what the race of a search came to."""
    from headstart.reports import race as reports
    from headstart.search.outcome import read_outcome

    race = read_outcome(store)
    if format_ is Format.HTML:
        out = out or Path("report.html")
        reports.write_race_html(race, store.resolve().name, out)
    else:
        write: Mapping[Format, Callable[[RaceFacts], str]] = {
            Format.MARKDOWN: reports.race_as_markdown,
            Format.LATEX: reports.race_as_latex,
            Format.CSV: partial(reports.race_as_csv, spreadsheet_safe=spreadsheet_safe),
            Format.JSON: reports.race_as_json,
            Format.TEXT: reports.race_as_text,
        }
        _write(write[format_](race), format_, out)
    if out is not None:
        say(f"report: {out}")


def _rendered(found: Report, format_: Format, *, spreadsheet_safe: bool) -> str:
    from headstart.reports.latex import as_latex
    from headstart.reports.renderings import as_markdown, as_text
    from headstart.reports.values import as_csv, as_json

    write: Mapping[Format, Callable[[Report], str]] = {
        Format.MARKDOWN: as_markdown,
        Format.LATEX: as_latex,
        Format.CSV: partial(as_csv, spreadsheet_safe=spreadsheet_safe),
        Format.JSON: as_json,
        Format.TEXT: as_text,
    }
    return write[format_](found)
