"""The command `headstart`: one file per verb; each parses, calls one function and prints."""

from __future__ import annotations

import sys

import typer

from headstart.cli import (
    compare,
    demo,
    doctor,
    evaluate,
    export,
    fit,
    inspect,
    plan,
    predict,
    report,
    runs,
    submit,
    tasks,
)
from headstart.errors import HeadstartError

INTERRUPTED = 130
"""How typer ends on control-C."""

app = typer.Typer(
    name="headstart",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help=(
        "Fine-tune a pretrained model to classify, and give its head a head start.\n\n"
        "Start with [bold]headstart demo[/], then [bold]headstart fit reviews.csv --text text --label stars "
        "--model roberta-base --out my-model[/]."
    ),
)
for verb in (demo, inspect, fit, predict, evaluate, compare, report, plan, runs, export, submit, tasks, doctor):
    verb.register(app)


def main() -> None:
    """Run the command line; a person's mistake ends with its message and exit code 2, never with a traceback."""
    try:
        app()
    except HeadstartError as error:
        print(f"headstart: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except SystemExit as end:
        if end.code == INTERRUPTED:
            print("headstart: interrupted; the same command again goes on from here", file=sys.stderr)
        raise
