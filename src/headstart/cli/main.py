"""The command `headstart`: one file per verb; each parses, calls one function and prints."""

from __future__ import annotations

import sys

import click
import typer

from headstart.cli import compare, demo, doctor, evaluate, export, fit, predict, report, runs, tasks
from headstart.errors import HeadstartError

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
for verb in (demo, fit, predict, evaluate, compare, report, runs, export, tasks, doctor):
    verb.register(app)


def main() -> None:
    """Run the command line; a person's mistake ends with its message and exit code 2, never with a traceback."""
    try:
        code = app(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except HeadstartError as error:
        print(f"headstart: {error}", file=sys.stderr)
        code = error.exit_code
    except (KeyboardInterrupt, click.Abort):
        print("headstart: interrupted; the same command again goes on from here", file=sys.stderr)
        code = 130
    sys.exit(code if isinstance(code, int) else 0)
