"""`headstart push`: a model folder to the hub."""

from __future__ import annotations

import json
import logging
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from headstart.artifacts.push_options import PushOptions
from headstart.cli import options
from headstart.cli.plain_text import say

if TYPE_CHECKING:
    from headstart.artifacts.push import Parcel, Pushed


def push(
    pushing: PushOptions,
    folder: Annotated[Path, typer.Argument(help="A model folder that fit or export left, one for onnxruntime too.")],
    repository: Annotated[str, typer.Argument(help="OWNER/NAME on the hub; made where it is new.")],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="List the files and their sizes, and send nothing.")
    ] = False,
    quiet: options.Quiet = False,
    as_json: options.AsJson = False,
) -> None:
    """Send a model folder to the hub, with its card, as one commit.

    Every byte is checked first, and only files that the folder's checksums.json names are sent; race/, the records of a
    search, stays here. The token is that of `hf auth login` or of the environment variable HF_TOKEN. A call that was
    stopped goes on when you repeat it.

    [bold]Example[/]: headstart push my-model my-team/reviews
    """
    from huggingface_hub.utils.logging import set_verbosity
    from huggingface_hub.utils.tqdm import disable_progress_bars

    from headstart.artifacts.push import pack, require_repository
    from headstart.artifacts.push import push as send

    require_repository(repository)
    set_verbosity(logging.ERROR)
    if quiet or as_json:
        disable_progress_bars()
    parcel = pack(folder)
    pushed = None if dry_run else send(parcel, repository, pushing)
    if as_json:
        print(json.dumps(_json(parcel, pushed), indent=2))
    elif pushed is None:
        _print_parcel(parcel, repository, pushing)
    else:
        _print(pushed, parcel, quiet=quiet)


def _json(parcel: Parcel, pushed: Pushed | None) -> dict[str, object]:
    files = {"files": parcel.sizes, "num_bytes": parcel.num_bytes, "left_out": parcel.left_out}
    return files if pushed is None else files | asdict(pushed)


def _print_parcel(parcel: Parcel, repository: str, pushing: PushOptions) -> None:
    for name, size in parcel.sizes.items():
        say(f"{size:>15,}  {name}")
    say(f"{parcel.num_bytes:>15,}  bytes in {len(parcel.sizes)} files")
    _print_left_out(parcel)
    seen = "public" if pushing.public else "private"
    say(f"would go to {repository}, branch {pushing.revision}, {seen}: {pushing.message or parcel.message}")
    say("nothing was sent")


def _print(pushed: Pushed, parcel: Parcel, *, quiet: bool) -> None:
    if not quiet:
        _print_left_out(parcel)
        done = "pushed" if pushed.is_new else "the hub has it already:"
        say(f"{done} {len(parcel.sizes)} files, {parcel.num_bytes / 1e6:,.1f} MB: {pushed.url}")
    say(f"{pushed.repository}@{pushed.commit}")
    if not quiet:
        say(f"Next: headstart predict {pushed.repository}@{pushed.commit} FILE --out predictions.csv")


def _print_left_out(parcel: Parcel) -> None:
    if parcel.left_out:
        say(f"left out: {', '.join(parcel.left_out)}")
