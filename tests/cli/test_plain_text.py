"""Control characters of labels and file names reach a terminal as text."""

from __future__ import annotations

import io
import logging
from collections.abc import Callable

import pytest
from rich.table import Table
from rich.text import Text

from headstart.cli.console import TextConsole, shown
from headstart.cli.plain_text import PlainFormatter, say
from headstart.cli.scores import class_table
from headstart.stats.class_scores import ClassScores

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


@pytest.mark.parametrize("made", [str, shown])
def test_nothing_of_a_name_in_a_table_is_left_out(made: Callable[[str], Text | str]) -> None:
    """Of rich's own accord BEL, BS, VT, FF and CR are left out, and what stands after an escape is cut."""
    stream = io.StringIO()
    table = Table("name", box=None)
    table.add_row(made("a\x07b\x08"), "x")
    table.add_row(made("c\x1b[2Jd\x0b\x0ce"), "y")
    TextConsole(file=stream, width=80, markup=False).print(table)
    assert [line.split() for line in stream.getvalue().splitlines()[1:]] == [
        [r"a\x07b\x08", "x"],
        [r"c\x1b[2Jd\x0b\x0ce", "y"],
    ]


def test_a_class_with_a_line_end_is_no_second_class() -> None:
    stream = io.StringIO()
    scores = ClassScores(name="good\nbad\tok", precision=1.0, recall=1.0, f1=1.0, num_rows=3, num_answered=3)
    TextConsole(file=stream, width=80, markup=False).print(class_table([scores]))
    _, line = stream.getvalue().splitlines()
    assert line.split() == [r"good\nbad\tok", "100.0", "100.0", "100.0", "3", "3"]


def test_log_messages_are_text() -> None:
    record = logging.LogRecord("headstart", logging.WARNING, "", 0, "%s is damaged", (HOSTILE,), None)
    assert PlainFormatter().format(record) == f"{SHOWN} is damaged"
