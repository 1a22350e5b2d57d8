"""Texts of data and of file names where people read them: what would be obeyed or not be seen is written out.

A label or a file name that somebody else chose may hold sequences that move a terminal's cursor, change the window's
title or turn the direction of writing around, and characters without a width that make two names look the same.
"""

from __future__ import annotations

import re

NOT_SHOWN = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u2064\u2066-\u206f\ufeff]"
)
"""Control characters but for the tab and the line feed, marks that turn writing around, and those without a width.

The joiners U+200C and U+200D are no such marks: Persian and emoji are written with them.
"""


def as_text(text: str) -> str:
    """Return a text with such characters written out, as Python writes them."""
    return NOT_SHOWN.sub(lambda found: ascii(found.group())[1:-1], text)


def as_name(text: str) -> str:
    """Return a name on one line, so that it passes for no second name: its line ends and tabs are written out too."""
    return as_text(text).replace("\n", "\\n").replace("\t", "\\t")


def on_a_page(text: str) -> str:
    """Return the same for a page, which knows the line ends of all systems."""
    return as_text(text.replace("\r\n", "\n"))
