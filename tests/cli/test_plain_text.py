"""Control characters of labels and file names reach a terminal as text."""

from __future__ import annotations

import io
import logging

import pytest
from rich.table import Table
from rich.text import Text

from headstart.cli.console import TextConsole
from headstart.cli.plain_text import PlainFormatter, say

HOSTILE = "a\x1b]0;title\x07b\x1b[2J\x9b31mc\u202ed\re\x00\x7f"
SHOWN = r"a\x1b]0;title\x07b\x1b[2J\x9b31mc\u202ed\re\x00\x7f"


def test_lines_are_said_as_text(capsys: pytest.CaptureFixture[str]) -> None:
    say("label:", HOSTILE, 3)
    assert capsys.readouterr().out == f"label: {SHOWN} 3\n"


def test_a_console_draws_its_own_colours_and_no_one_elses() -> None:
    stream = io.StringIO()
    console = TextConsole(file=stream, force_terminal=True, width=200, color_system="standard")
    table = Table("name", box=None)
    table.add_row(Text(HOSTILE, style="red"))
    console.print(table)
    console.print(HOSTILE, markup=False, highlight=False)
    drawn = stream.getvalue()
    assert "\x1b[31m" in drawn
    assert not any(sign in drawn for sign in ("\x1b]", "\x1b[2J", "\x9b", "\u202e", "\x07", "\x00", "\x7f"))
    assert r"\x1b[2J" in drawn


def test_log_messages_are_text() -> None:
    record = logging.LogRecord("headstart", logging.WARNING, "", 0, "%s is damaged", (HOSTILE,), None)
    assert PlainFormatter().format(record) == f"{SHOWN} is damaged"
