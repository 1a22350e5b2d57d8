"""`headstart runs`: what a store holds."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from headstart.cli import options
from headstart.cli.plain_text import say
from headstart.metrics import written


def runs(
    store: Annotated[Path, typer.Argument(help=options.STORE_HELP)] = Path("runs"), as_json: options.AsJson = False
) -> None:
    """List the runs of a store: how each ended, its score, and the name that `export` takes, which ends in the seed."""
    from headstart.cli.console import TextConsole
    from headstart.cli.printing import list_table
    from headstart.comparison.formats import plural
    from headstart.store.json_records import dump
    from headstart.store.local import existing_store
    from headstart.store.record import Purpose

    records, damage = existing_store(store).read()
    for sentence in damage.sentences():
        say(f"damaged: {sentence}", file=sys.stderr)
    if as_json:
        print(json.dumps([dump(record) for record in records], indent=2))
        return
    table = list_table("run", "task", "strategy", "status", "score", "seconds")
    for record in records:
        score = record.scores.get(record.metric)
        table.add_row(
            f"{record.experiment_digest[:12]}/{record.seed}",
            record.task,
            record.label,
            f"{record.status}" + (f" ({record.purpose})" if record.purpose is not Purpose.REPORT else ""),
            "" if score is None else written(record.metric, score),
            f"{record.seconds:.0f}",
        )
    for run in damage.runs:
        table.add_row(f"{run.digest[:12]}/{run.seed}", run.task, run.label, "damaged", "", "")
    TextConsole(highlight=False, markup=False).print(table)
    say(f"{plural(len(records), 'run')} in {store}")
