"""The command line of the server where headstart is not installed: `python -m headstart_runtime serve`."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from dataclasses import fields
from typing import get_args, get_type_hints

from headstart_runtime.errors import RuntimeFault
from headstart_runtime.server.options import OptionError, ServeOptions, meanings

MODELS_HELP = "A folder that `headstart export --format onnx` wrote, or NAME=FOLDER."


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code: 2 for a mistake."""
    parser = argparse.ArgumentParser(prog="python -m headstart_runtime", description="Serve exported classifiers.")
    verb = parser.add_subparsers(required=True, metavar="serve").add_parser("serve", help="Answer over HTTP.")
    verb.add_argument("models", nargs="+", metavar="MODEL", help=MODELS_HELP)
    hints = get_type_hints(ServeOptions)
    for each in fields(ServeOptions):
        kind = next(kind for kind in (*get_args(hints[each.name]), hints[each.name]) if kind is not type(None))
        shown = "" if each.default is None else f" [default: {each.default}]"
        verb.add_argument(_flag(each.name), type=kind, default=each.default, help=meanings()[each.name] + shown)
    given = vars(parser.parse_args(arguments))
    models = given.pop("models")
    try:
        from headstart_runtime.server.run import read_names, serve
    except ModuleNotFoundError as error:
        print(f"headstart_runtime: serving needs the extra 'serve': {error.name} cannot be found", file=sys.stderr)
        return 2
    try:
        serve(read_names(models), ServeOptions(**given), lambda line: print(line, flush=True))
    except (RuntimeFault, OptionError) as error:
        said = re.sub(r"`([a-z_]+)`", lambda found: _flag(found[1]), str(error))
        print(f"headstart_runtime: {said}", file=sys.stderr)
        return 2
    return 0


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"
