"""`headstart gc`: what a store holds that no record names."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from headstart.cli import options
from headstart.cli.plain_text import say


def gc(
    store: Annotated[Path, typer.Argument(help=options.STORE_HELP)] = Path("runs"),
    delete: Annotated[bool, typer.Option("--delete", help="Remove what is listed.")] = False,
    unfinished: Annotated[
        bool,
        typer.Option("--unfinished", help="Also list runs without a result, which the same command would go on with."),
    ] = False,
    as_json: options.AsJson = False,
) -> None:
    """List what no record of a store names: leftovers of killed processes, checkpoints, rows without an experiment.

    Nothing is removed without --delete, and nothing that a living process works on.
    """
    from headstart.cli.printing import list_table
    from headstart.comparison.formats import plural
    from headstart.store.local import existing_store
    from headstart.sweeps.unused import find_unused, remove_unused

    opened = existing_store(store)
    found = find_unused(opened, unfinished=unfinished)
    if delete:
        found = remove_unused(opened, found)
    if as_json:
        listed = [{"path": str(each.path), "why": each.why, "num_bytes": each.num_bytes} for each in found]
        print(json.dumps({"deleted": delete, "unused": listed}, indent=2))
        return
    table = list_table("path", "MB", "why")
    for each in found:
        table.add_row(str(each.path.relative_to(store)), f"{each.num_bytes / 1e6:,.1f}", each.why)
    if found:
        from headstart.cli.console import TextConsole

        TextConsole(highlight=False, markup=False).print(table)
    size = f"{sum(each.num_bytes for each in found) / 1e6:,.1f} MB"
    say(f"{plural(len(found), 'item')} {'removed from' if delete else 'unused in'} {store}, {size}")
    if found and not delete:
        say(f"To remove them: headstart gc {store} --delete" + (" --unfinished" if unfinished else ""))
