"""`headstart inspect`: what a task's rows are like, before anything is trained on them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from headstart.cli import options
from headstart.cli.groups import grouped


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("inspect")(grouped(inspect))


def inspect(
    data: options.DataOptions,
    file: Annotated[str | None, typer.Argument(help=options.FILE_HELP)] = None,
    task: Annotated[
        str | None, typer.Option(help="A task by name instead of a file.", rich_help_panel=options.DATA)
    ] = None,
    model: Annotated[str | None, typer.Option("--model", "-m", help="Count the tokens of this model.")] = None,
    max_length: Annotated[int | None, typer.Option(help="Also say how many texts this many tokens would cut.")] = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Write a page with plots.")] = None,
    as_json: options.AsJson = False,
) -> None:
    """Show kind, classes, repeats, leaks and token lengths of a table or task.

    [bold]Example[/]: headstart inspect reviews.csv --label stars --model roberta-base --out data.html
    """
    import json
    from dataclasses import asdict

    from headstart.cli.printing import print_data_report
    from headstart.cli.session import open_session, sources
    from headstart.errors import UsageError
    from headstart.inspection.data import inspect_data
    from headstart.inspection.data_page import write_data_page

    if data.evaluate_on is not None:
        raise UsageError("--evaluate-on would have no effect: nothing is evaluated", remedy="  Leave it out.")
    if max_length is not None and model is None:
        raise UsageError("--max-length counts tokens, and no model was named", remedy="  Give --model.")
    cache = open_session()
    (source,) = sources(data, file=file, tasks=(task,) if task else ())
    report = inspect_data(
        cache.rows.of(source),
        tokenizer=cache.tokenizer(model) if model else None,
        model=model,
        max_length=max_length,
    )
    if out is not None:
        write_data_page(report, out)
    if as_json:
        typer.echo(json.dumps(asdict(report), indent=2))
        return
    print_data_report(report)
    if out is not None:
        typer.echo(f"Page: {out.resolve()}")
