"""Cells of CSV and TSV that a spreadsheet would take for a formula, and how they become text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\0", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""What a cell that is taken for a formula begins with: the signs, characters that some programs skip before them, and
the signs in full width, which East Asian spreadsheets read as the plain ones."""
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
MEANING = (
    "Put ' before every cell and column name that a spreadsheet would take for a formula. Such a file no longer has "
    "the texts exactly as they were."
)
"""Of the option, on the command line."""


def text_cell(value: Any) -> Any:
    """Return what to write for a value so that no spreadsheet takes it for a formula.

    A text that begins as a formula does gets an apostrophe before it. Numbers stay numbers, also those written as text,
    such as "-1.5": a number alone computes nothing.

    Source: OWASP, "CSV Injection" (owasp.org/www-community/attacks/CSV_Injection). It also puts the apostrophe before
    texts that are plain numbers, and every cell in quotes; the quotes are left to the `csv` module.
    """
    is_formula = isinstance(value, str) and value.startswith(FORMULA_STARTS) and not _NUMBER.fullmatch(value)
    return f"'{value}" if is_formula else value


def written_rows(rows: Iterable[Sequence[Any]], *, spreadsheet_safe: bool) -> Iterable[Sequence[Any]]:
    """Return rows as they are written: as they are, or with every cell as `text_cell` gives it."""
    return ([text_cell(cell) for cell in row] for row in rows) if spreadsheet_safe else rows
