"""Faults in the log: what failed and where in the code, never with a text of a request."""

from __future__ import annotations

import logging
import traceback

LOGGER = logging.getLogger("headstart_runtime.server")


def log_fault(what: str, error: BaseException) -> None:
    """Log that something failed: the error's type and the lines of code, not its message, which may quote a text."""
    lines = "".join(traceback.format_tb(error.__traceback__))
    LOGGER.error("%s: %s\n%s", what, type(error).__qualname__, lines.rstrip())
