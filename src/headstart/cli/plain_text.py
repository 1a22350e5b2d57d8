"""Texts of data and of file names as a terminal shows them: control characters are written out, not obeyed.

A label or a file name that somebody else chose may hold sequences that move the cursor, change the window's title or
turn the direction of writing around.
"""

from __future__ import annotations

import logging
import re
from typing import TextIO

NOT_SHOWN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""Control characters but for the tab and the line feed, and the marks that turn writing around."""


def as_text(text: str) -> str:
    """Return a text with its control characters written out, as Python writes them."""
    return NOT_SHOWN.sub(lambda found: ascii(found.group())[1:-1], text)


def say(*words: object, file: TextIO | None = None, end: str = "\n") -> None:
    """Print words as text, whatever they hold: to standard output, or to `file`."""
    print(as_text(" ".join(map(str, words))), file=file, end=end)


class PlainFormatter(logging.Formatter):
    """Log messages as text."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the message with its control characters written out."""
        return as_text(super().format(record))
