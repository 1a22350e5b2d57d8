"""Lines and log messages on a terminal: texts of data and of file names in them are shown, not obeyed."""

from __future__ import annotations

import logging
from typing import TextIO

from headstart.shown_text import as_text


def say(*words: object, file: TextIO | None = None, end: str = "\n") -> None:
    """Print words as text, whatever they hold: to standard output, or to `file`."""
    print(as_text(" ".join(map(str, words))), file=file, end=end)


class PlainFormatter(logging.Formatter):
    """Log messages as text."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the message with its control characters written out."""
        return as_text(super().format(record))
