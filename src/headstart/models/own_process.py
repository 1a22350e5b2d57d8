"""What a process does first that is headstart's own: a verb's, or one that does runs."""

from __future__ import annotations

import gc


def prepare_process() -> None:
    """Turn off transformers' progress bars and advice, and keep Python's garbage collector from what is loaded.

    Libraries are half a million objects that stay. Each stage has the collector look for models that nobody uses any
    more, which takes 0.25 s of a processor with the libraries and 0.05 s without (docs/LOG.md, 2026-11-28).
    """
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    gc.freeze()
