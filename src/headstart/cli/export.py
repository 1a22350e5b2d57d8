"""`headstart export`: any finished run as a model folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from headstart.cli import options
from headstart.cli.plain_text import say


def export(
    store: Annotated[Path, typer.Argument(help=options.STORE_HELP)],
    run: Annotated[str, typer.Argument(help="The run's name, as `headstart runs` lists it: <digest>/<seed>.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the model; new or empty.")],
    quiet: options.Quiet = False,
    as_json: options.AsJson = False,
) -> None:
    """Write a finished run as a model folder; where its weights were not kept, run it again, bit for bit."""
    from headstart.artifacts.new_folder import require_empty
    from headstart.store.local import existing_store
    from headstart.sweeps.stored_runs import find_run

    require_empty(out)
    opened = existing_store(store)
    found = find_run(opened, run)
    from headstart.cli.display import sweep_display
    from headstart.cli.session import open_session
    from headstart.experiments.run_data import RunData
    from headstart.store.json_records import dump
    from headstart.sweeps.export import export_run
    from headstart.sweeps.serial import SerialExecutor

    cache = open_session()
    with sweep_display([found], quiet=quiet or as_json) as listener:
        executor = SerialExecutor(opened, listener=listener, cache=cache)
        record = export_run(RunData.of(found, cache), opened, out, executor)
    if as_json:
        print(json.dumps(dump(record), indent=2))
    else:
        say(f"model: {out}")
