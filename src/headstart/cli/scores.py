"""How scores read in a terminal, with what the best constant answer would reach."""

from __future__ import annotations

from collections.abc import Mapping

from headstart.metrics import ERRORS, written


def scores_text(scores: Mapping[str, float]) -> str:
    """Return scores in one line, the main one first."""
    return ", ".join(written(name, score) for name, score in scores.items())


def constant_text(scores: Mapping[str, float]) -> str:
    """Return what the best constant answer reaches: in the main metric, and in errors, which say little without it."""
    main = next(iter(scores))
    shown = {name: score for name, score in scores.items() if name == main or name in ERRORS}
    return f"the best constant answer: {scores_text(shown)}"
