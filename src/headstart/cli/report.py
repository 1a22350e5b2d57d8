"""`headstart report`: a store as one page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from headstart.cli import options


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("report")(report)


def report(
    store: Annotated[Path, typer.Argument(help="The folder that was --store of compare.")] = Path("runs"),
    out: Annotated[Path, typer.Option("--out", "-o", help="The page to write; replaced when it is there.")] = Path(
        "report.html"
    ),
    as_json: options.AsJson = False,
) -> None:
    """Write one self-contained HTML page from stored runs; it opens offline. With --json, print the table instead."""
    from headstart.reports.frame import Frame
    from headstart.reports.html import write_html
    from headstart.reports.renderings import as_json as table_as_json
    from headstart.reports.tables import build_comparison

    if as_json:
        typer.echo(table_as_json(build_comparison(Frame.from_store(store))))
        return
    write_html(store, out)
    typer.echo(f"report: {out}")
