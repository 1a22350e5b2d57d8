"""Which cells are formulas is said here in other words than in the code: the list of OWASP, character by character."""

from __future__ import annotations

import csv
import datetime
import io
from decimal import Decimal, InvalidOperation

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headstart.spreadsheet_cells import text_cell, written_rows

FIRST = {0x3D, 0x2B, 0x2D, 0x40, 0x09, 0x0D, 0x0A, 0x00, 0xFF1D, 0xFF0B, 0xFF0D, 0xFF20}
"""Equals, plus, minus, at, tab, carriage return, line feed, null, and the signs in full width."""


def is_plain_number(text: str) -> bool:
    """Whether Python's decimals read an ASCII text as a finite number that has nothing around it."""
    try:
        return text.isascii() and text.strip() == text and "_" not in text and Decimal(text).is_finite()
    except InvalidOperation:
        return False


@pytest.mark.parametrize(
    "text",
    [
        "=cmd|'/c calc'!A1",
        "+1-1",
        "-1+2",
        "-",
        "@SUM(A1:A2)",
        "\t=1",
        "\r=1",
        "\n=1",
        "\0=1",
        "\uff1d1",
        "--1",
        "-1.5 ",
        "-1,5",
        "-inf",
        "+49 30 1",
        "-\u0661",
    ],
)
def test_formulas_become_text(text: str) -> None:
    assert text_cell(text) == f"'{text}"


@pytest.mark.parametrize(
    "value",
    [
        *("", "a=1", " =1", "'=1", '"=1"', "-1.5", "+2", "-.5", "-1.", "-1e-05", "5"),
        *(-1.5, -7, True, None, Decimal("-1.50"), datetime.date(2020, 1, 2)),
    ],
)
def test_all_else_stays(value: object) -> None:
    assert text_cell(value) is value


@given(st.text(st.characters(codec="utf-8") | st.sampled_from("=+-@\t\r\n\0\uff1d.0123456789eE"), max_size=8))
def test_a_cell_counts_where_its_first_character_does_and_it_is_no_number(text: str) -> None:
    counts = text != "" and ord(text[0]) in FIRST and not is_plain_number(text)
    assert text_cell(text) == ("'" if counts else "") + text
    assert text_cell(text_cell(text)) == text_cell(text)


def test_rows_are_made_safe_only_where_this_is_asked_for() -> None:
    rows = [("=a", "b"), (-1, "@c")]
    assert written_rows(rows, spreadsheet_safe=False) is rows
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(written_rows(rows, spreadsheet_safe=True))
    assert text.getvalue() == "'=a,b\n-1,'@c\n"


def test_a_spreadsheet_that_splits_at_another_sign_finds_other_cells() -> None:
    text = io.StringIO()
    csv.writer(text).writerows(written_rows([("a;=cmd()", "b")], spreadsheet_safe=True))
    assert next(csv.reader(io.StringIO(text.getvalue()))) == ["a;=cmd()", "b"]
    assert next(csv.reader(io.StringIO(text.getvalue()), delimiter=";")) == ["a", "=cmd(),b"]
