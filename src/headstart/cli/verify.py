"""`headstart verify`: whether every byte is as it was written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from headstart.cli import options
from headstart.cli.plain_text import say
from headstart.manifest import COPY_AGAIN, MANIFEST_FILE

if TYPE_CHECKING:
    from headstart.sweeps.verify import Verification

NUM_NAMED = 5
REMEDIES = {
    "store": "  Remove the folder of each damaged run and call `headstart compare` as before: it is done again.",
    "search": "  Copy the folder anew from where it is whole. An unfinished search begins anew once it is removed.",
    "run": "  Remove the folder and call `headstart compare` as before: the run is done again.",
    "model folder": COPY_AGAIN.replace("`headstart verify` with `renew`", "`headstart verify --renew`"),
}


def verify(
    path: Annotated[Path, typer.Argument(help="A store, a run (a folder seed-N in a store) or a model folder.")],
    renew: Annotated[
        bool,
        typer.Option("--renew", help="Write the checksums of a model folder anew, after a change that you made in it."),
    ] = False,
    quiet: options.Quiet = False,
    as_json: options.AsJson = False,
) -> None:
    """Check every byte of a store, a run or a model folder; names each file that changed, and then exits with 1.

    Checksums are written with the files. They find accidents of disks and copies, not forgeries: whoever can change a
    file can change its checksum, too.
    """
    from headstart.cli.display import byte_display
    from headstart.sweeps.verify import Checksums, renew_checksums

    if renew:
        renew_checksums(path)
    checksums = Checksums.read(path)
    with byte_display("checking", checksums.num_bytes, quiet=quiet or as_json) as listener:
        found = checksums.verify(listener)
    if as_json:
        print(json.dumps(_json(found), indent=2))
    else:
        _print(found, path, quiet=quiet)
    if found.damages:
        raise typer.Exit(1)


def _json(found: Verification) -> dict[str, object]:
    return {
        "kind": found.kind,
        "num_files": found.num_files,
        "num_bytes": found.num_bytes,
        "damages": [{"file": str(damage.file), "what": damage.what} for damage in found.damages],
        "without_checksums": [str(folder) for folder in found.without_checksums],
    }


def _print(found: Verification, path: Path, *, quiet: bool) -> None:
    from headstart.comparison.formats import plural
    from headstart.sweeps.verify import STORE, is_search

    for damage in found.damages:
        say(damage)
    files = f"{plural(found.num_files, 'file')}, {found.num_bytes / 1e6:,.1f} MB"
    if found.damages:
        say(f"{plural(len(found.damages), 'file')} of {path} damaged ({files} have a checksum)")
        say(REMEDIES["search" if found.kind == STORE and is_search(path) else found.kind])
    elif not quiet:
        say(f"{path}: every byte is as it was written ({files})" if found.num_files else f"{path}: nothing to check")
    if found.without_checksums and not quiet:
        say(f"no {MANIFEST_FILE} in {_named(found.without_checksums)}: an older headstart wrote none, or it is lost")


def _named(folders: tuple[Path, ...]) -> str:
    more = f" and {len(folders) - NUM_NAMED} more" if len(folders) > NUM_NAMED else ""
    return ", ".join(map(str, folders[:NUM_NAMED])) + more
