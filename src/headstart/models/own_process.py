"""What a process does first that is headstart's own: a verb's, or one that does runs."""

from __future__ import annotations

import gc
from functools import cache


def prepare_process() -> None:
    """Turn off transformers' progress bars and advice, and keep Python's garbage collector from what is loaded."""
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    _keep_libraries()


@cache
def _keep_libraries() -> None:
    """Keep the garbage collector from visiting libraries, half a million objects that stay.

    Each stage has it look for models that nobody uses any more: 0.25 s of a processor with the libraries, 0.05 without
    (docs/LOG.md, 2026-11-28). Once in a process, before its first run: what is kept from it is never given back.
    """
    gc.freeze()
