"""What a terminal or a page would obey, and what cannot be seen, is written out."""

from __future__ import annotations

import unicodedata

import pytest

from headstart.shown_text import as_text, on_a_page

HOSTILE = "a\x1b]0;title\x07b\x1b[2J\x9b31mc\u202ed\re\x00\x7f"
SHOWN = r"a\x1b]0;title\x07b\x1b[2J\x9b31mc\u202ed\re\x00\x7f"
JOINERS = "\u200c\u200d"


def test_what_a_terminal_would_obey_is_written_out() -> None:
    assert as_text(HOSTILE) == SHOWN
    assert as_text("é 日本 😀\ttab\nline") == "é 日本 😀\ttab\nline"


@pytest.mark.parametrize("category", ["Cc", "Cf", "Zl", "Zp"])
def test_two_names_that_are_not_equal_do_not_look_so(category: str) -> None:
    """Independent of our list: what Unicode calls control, format and separator of lines, in its first plane."""
    signs = {chr(code) for code in range(1 << 16) if unicodedata.category(chr(code)) == category}
    kept = {sign for sign in signs if as_text(f"go{sign}od") == f"go{sign}od"}
    # Signs of Arabic and Syriac numbers and of annotations have a shape of their own.
    visible = {sign for sign in signs if "\u0600" <= sign <= "\u0605" or sign in "\u06dd\u070f\u0890\u0891\u08e2"}
    assert kept - visible <= {"\t", "\n", *JOINERS, "\ufff9", "\ufffa", "\ufffb"}


def test_what_is_written_with_joiners_stays() -> None:
    words = "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645 \U0001f469\u200d\U0001f4bb"
    assert as_text(words) == words


def test_a_page_knows_the_line_ends_of_all_systems() -> None:
    assert on_a_page("one\r\ntwo\n\x07") == "one\ntwo\n\\x07"
