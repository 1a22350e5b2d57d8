"""The page of the command line's reference: what every verb's `--help-all` says.

`python -m tests.support.command_reference` writes it; a test holds it to what the verbs say.
"""

from __future__ import annotations

import typer
from typer.testing import CliRunner

from headstart.cli.main import app
from tests.support.paths import REPOSITORY

FILE = REPOSITORY / "docs" / "reference" / "command-line.md"
WIDTH = 110
HEAD = """# Command line

What `headstart VERB --help-all` says of each verb; `--help` shows the options that most people need.
"""


def page() -> str:
    """Return the whole page."""
    verbs = list(typer.main.get_command(app).commands)  # type: ignore[attr-defined]  # a group has them
    return "\n".join([HEAD, *(f"## {verb}\n\n```text\n{said(verb)}\n```\n" for verb in verbs)])


def said(verb: str) -> str:
    """Return what a verb says of itself, without colours, frames and space at the ends of lines."""
    environment = {"COLUMNS": str(WIDTH), "TERM": "dumb", "NO_COLOR": "1", "_TYPER_FORCE_DISABLE_TERMINAL": "1"}
    for option in ("--help-all", "--help"):
        found = CliRunner(env=environment).invoke(app, [verb, option])
        if found.exit_code == 0:
            break
    return "\n".join(unframed(line) for line in found.output.strip("\n").splitlines())


def unframed(line: str) -> str:
    """Return a line without its part of the frame around it: frames weigh more than the words in them."""
    if line.startswith(("╭", "╰")):
        return line.strip("╭╮╰╯─ ")
    return line.strip("│").rstrip()


if __name__ == "__main__":
    FILE.write_text(page(), encoding="utf-8")
