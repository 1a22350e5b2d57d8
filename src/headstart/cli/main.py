"""The command `headstart`: one file per verb; each parses, calls one function and prints."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer
import typer.core

from headstart import __version__
from headstart.cli.compare import compare
from headstart.cli.demo import demo
from headstart.cli.doctor import doctor
from headstart.cli.evaluate import evaluate
from headstart.cli.export import export
from headstart.cli.fit import fit
from headstart.cli.flags import flags_of, in_flags
from headstart.cli.groups import grouped
from headstart.cli.inspect import inspect
from headstart.cli.output import fitted, write_any_text
from headstart.cli.plan import plan
from headstart.cli.predict import predict
from headstart.cli.report import report
from headstart.cli.runs import runs
from headstart.cli.submit import submit
from headstart.cli.tasks import tasks
from headstart.cli.usual import Verb
from headstart.cli.verify import verify
from headstart.errors import HeadstartError

INTERRUPTED = 130
"""How typer ends on control-C."""


class Verbs(typer.core.TyperGroup):
    """All verbs; a mistake ends with its message, in the flags of the verb."""

    def invoke(self, context: Any) -> Any:
        """Run a verb; a person's mistake ends with its message and exit code 2, never with a traceback."""
        try:
            return super().invoke(context)
        except HeadstartError as error:
            verb = self.get_command(context, context.invoked_subcommand or "")
            said = f"headstart: {in_flags(str(error), flags_of(verb) if verb else {})}"
            print(fitted(said, sys.stderr), file=sys.stderr)
            sys.exit(error.exit_code)


app = typer.Typer(
    cls=Verbs,
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
for verb in (demo, inspect, fit, predict, evaluate, compare, report, plan, runs, export, submit, verify, tasks, doctor):
    app.command(verb.__name__, cls=Verb)(grouped(verb))


def _print_version(is_wanted: bool) -> None:
    if is_wanted:
        print(f"headstart {__version__}")
        raise typer.Exit


@app.callback()
def face(
    _version: Annotated[
        bool,
        typer.Option("--version", help="Show the version and exit.", is_eager=True, callback=_print_version),
    ] = False,
) -> None:
    """Stand before all verbs."""


def main() -> None:
    """Run the command line."""
    write_any_text()
    try:
        app()
    except SystemExit as end:
        if end.code == INTERRUPTED:
            print("headstart: interrupted", file=sys.stderr)
        raise
