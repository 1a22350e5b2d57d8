"""How the verbs write to a terminal or a pipe, whatever its encoding can hold."""

from __future__ import annotations

import codecs
import io
import json
import logging
import os
import shlex
import shutil
import sys
import textwrap
from typing import TextIO

from headstart.cli.plain_text import PlainFormatter
from headstart.shown_text import NOT_SHOWN

DRAWN = {
    "\N{FULL BLOCK}": "#",
    "\N{LOWER ONE EIGHTH BLOCK}": "_",
    "\N{CHECK MARK}": "+",
    "\N{BALLOT X}": "x",
    "\N{PLUS-MINUS SIGN}": "+-",
    "\N{MINUS SIGN}": "-",
    "\N{EN DASH}": "-",
    "\N{RIGHTWARDS ARROW}": "->",
    "\N{LEFTWARDS ARROW}": "<-",
    "\N{HORIZONTAL ELLIPSIS}": "...",
    "\N{BULLET}": "*",
    "\N{NO-BREAK SPACE}": " ",
    "\N{BOX DRAWINGS LIGHT HORIZONTAL}": "-",
    "\N{BOX DRAWINGS HEAVY HORIZONTAL}": "-",
}
"""What our own signs are drawn as where an encoding lacks them; all other characters are escaped."""
DRAWING, ESCAPING = "headstart.drawing", "headstart.escaping"
"""Names of our ways to write what an encoding lacks, as Python's `errors` takes them."""


def write_any_text() -> None:
    """Have standard output and error write every text: what their encoding lacks is drawn or escaped.

    One that was closed before we began leads nowhere: otherwise the next file that is opened would take its number,
    and what a library prints would go into it.
    """
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115 - open for as long as the process lives
    codecs.register_error(DRAWING, lambda error: _replaced(error, DRAWN))
    codecs.register_error(ESCAPING, lambda error: _replaced(error, {}))
    if logging.lastResort is not None:
        logging.lastResort.setFormatter(PlainFormatter())
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=DRAWING)


def print_json(text: str) -> None:
    """Print JSON as it is; characters that the output's encoding lacks are escaped as JSON has it."""
    encoding = sys.stdout.encoding or "utf-8"
    shown = NOT_SHOWN.sub(lambda found: json.dumps(found.group())[1:-1], text.rstrip("\n"))
    print(shown.encode(encoding, ESCAPING).decode(encoding))


def fitted(text: str, stream: TextIO) -> str:
    """Return text whose lines end between words where `stream` is a terminal; further lines are indented."""
    if not stream.isatty():
        return text
    wrapper = textwrap.TextWrapper(
        shutil.get_terminal_size().columns, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False
    )
    return "\n".join(wrapper.fill(line) for line in text.splitlines())


def next_line(*words: object) -> str:
    """Return the line that names the command to go on with; words are quoted for a shell where they need it."""
    return f"Next: {shlex.join(map(str, words))}"


def rows_text(number: int) -> str:
    """Return a number of rows in words."""
    return "1 row" if number == 1 else f"{number} rows"


def _replaced(error: UnicodeError, drawn: dict[str, str]) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end]
    return "".join(drawn.get(sign) or json.dumps(sign)[1:-1] for sign in lacking), error.end
