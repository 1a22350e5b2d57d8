"""Without transformers' own words: who calls it says what matters."""

from __future__ import annotations


def quiet_transformers() -> None:
    """Turn off transformers' own progress bars and advice, in this process."""
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()
