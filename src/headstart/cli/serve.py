"""`headstart serve`: models answer over HTTP."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from headstart.cli.plain_text import say
from headstart.serving import ServeOptions


def serve(
    models: Annotated[
        list[str],
        typer.Argument(
            help="Folders that `headstart export --format onnx` wrote, NAME=FOLDER, or OWNER/NAME@REVISION on the hub."
        ),
    ],
    serving: ServeOptions,
) -> None:
    """Answer over HTTP: /predict for programs, a page for people at /; without torch.

    Requests that wait are computed together. Control-C, or SIGTERM, answers what is in hand and ends with 0.

    [bold]Example[/]: headstart export my-model --format onnx --out my-model-onnx
    headstart serve my-model-onnx
    """
    from headstart.serving import serve as serve_models

    serve_models(models, serving, _say_at_once)


def _say_at_once(line: str) -> None:
    say(line)
    sys.stdout.flush()  # who started this process may wait for the line
