"""The command `headstart`: one file per verb; each parses, calls one function and prints."""

from __future__ import annotations

import io
import sys
from typing import Annotated, Any, NoReturn

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
from headstart.cli.gc import gc
from headstart.cli.groups import grouped
from headstart.cli.inspect import inspect
from headstart.cli.launching import check_verb, run_launched
from headstart.cli.output import fitted, write_any_text
from headstart.cli.plain_text import say
from headstart.cli.plan import plan
from headstart.cli.predict import predict
from headstart.cli.push import push
from headstart.cli.report import report
from headstart.cli.runs import runs
from headstart.cli.serve import serve
from headstart.cli.submit import submit
from headstart.cli.tasks import tasks
from headstart.cli.usual import Verb
from headstart.cli.verify import verify
from headstart.errors import HeadstartError, UsageError, shortened
from headstart.hardware import let_threads_sleep
from headstart.machine import machine_error

INTERRUPTED = 130
"""How typer ends on control-C."""
NEARBY = 20
"""Characters that are shown on either side of one that no text holds."""
PANIC = "PanicException"
"""What libraries in Rust raise where they cannot go on, such as on an expression that never ends: no `Exception`."""


class Verbs(typer.core.TyperGroup):
    """All verbs; a mistake ends with its message, in the flags of the verb."""

    def invoke(self, context: Any) -> Any:
        """Run a verb; what goes wrong ends with its message and without a traceback: exit code 2 for a mistake.

        This is the one place that says in a sentence how the machine failed, such as a full disk: exit code 1.
        """
        try:
            return super().invoke(context)
        except HeadstartError as error:
            self._end(context, error)
        except UnicodeEncodeError as error:
            if not _is_of_a_name(error):
                raise
            self._end(context, _odd_name(error))
        except BrokenPipeError:  # whoever read our output has had enough
            raise
        except Exception as error:
            failed = machine_error(error)
            if failed is None:
                raise
            self._end(context, failed)
        except BaseException as error:
            if type(error).__name__ != PANIC:
                raise
            said = f"a library gave up on a file or a text: {error}"
            remedy = "  Take the model or the table from another place, or write it again."
            self._end(context, UsageError(said, remedy=remedy))

    def _end(self, context: Any, error: HeadstartError) -> NoReturn:
        verb = self.get_command(context, context.invoked_subcommand or "")
        said = f"headstart: {in_flags(str(error), flags_of(verb) if verb else {})}"
        say(fitted(said, sys.stderr), file=sys.stderr)
        sys.exit(error.exit_code)


def _is_of_a_name(error: UnicodeEncodeError) -> bool:
    """Whether what cannot be written are bytes of a file's name that are no text: tables with such are refused."""
    return all("\udc80" <= sign <= "\udcff" for sign in error.object[error.start : error.end])


def _odd_name(error: UnicodeEncodeError) -> UsageError:
    around = error.object[max(0, error.start - NEARBY) : error.end + NEARBY]
    said = f"the name of a file or folder holds bytes that are no text in UTF-8: {shortened(around)}"
    return UsageError(said, remedy="  Rename it.")


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
VERBS = (
    *(demo, inspect, fit, predict, evaluate, compare, report, plan, runs, gc),
    *(export, serve, push, submit, verify, tasks, doctor),
)
for verb in VERBS:
    app.command(verb.__name__, cls=Verb)(grouped(verb))


def _print_version(is_wanted: bool) -> None:
    if is_wanted:
        say(f"headstart {__version__}")
        raise typer.Exit


@app.callback()
def face(
    context: typer.Context,
    _version: Annotated[
        bool,
        typer.Option("--version", help="Show the version and exit.", is_eager=True, callback=_print_version),
    ] = False,
) -> None:
    """Stand before all verbs."""
    check_verb(context.invoked_subcommand or "")


def _flush_output() -> None:
    """Write the rest of the output, while there is still a place to say that it cannot be written."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        pass
    except OSError as error:
        say(f"headstart: the output cannot be written: {error.strerror}", file=sys.stderr)
        sys.stdout = io.StringIO()  # what is left would be tried again at the end
        sys.exit(1)


def main() -> None:
    """Run the command line."""
    let_threads_sleep()
    write_any_text()
    try:
        run_launched(app)
    except SystemExit as end:
        if end.code == INTERRUPTED:
            say("headstart: interrupted", file=sys.stderr)
        _flush_output()
        raise
