"""`headstart tasks`: the tasks that are known by name."""

from __future__ import annotations

import json

import typer

from headstart.cli import options


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("tasks")(tasks)


def tasks(as_json: options.AsJson = False) -> None:
    """List the tasks that `--tasks` takes, with their columns, labels, metrics and sizes."""
    from rich.console import Console
    from rich.table import Column, Table

    from headstart.cli.printing import columns_that_fold
    from headstart.tasks.catalogue import TASKS

    known = [TASKS.get(name) for name in TASKS]
    if as_json:
        typer.echo(
            json.dumps(
                [
                    {
                        "name": task.name,
                        "text_columns": task.text_columns,
                        "label_column": task.label_column,
                        "labels": task.labels,
                        "metrics": task.metrics,
                        "num_rows": dict(task.num_rows),
                        "licence": task.licence,
                    }
                    for task in known
                ],
                indent=2,
            )
        )
        return
    table = Table(
        Column("task", no_wrap=True), *columns_that_fold("texts", "labels", "metrics", "rows", "licence"), box=None
    )
    for task in known:
        table.add_row(
            task.name,
            ", ".join(task.text_columns),
            ", ".join(task.labels),
            ", ".join(task.metrics),
            ", ".join(f"{split} {count}" for split, count in task.num_rows),
            task.licence,
        )
    Console(highlight=False, markup=False).print(table)
