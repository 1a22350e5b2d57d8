"""Pairs of what is tried with each other: some at every change, all of them in the slow tests."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest


def in_turn(firsts: Sequence[Any], seconds: Sequence[Any]) -> list[Any]:
    """Return every pair as parameters; quick is each of `firsts` with one of `seconds`, the next one each time."""
    return [
        pytest.param(first, second, marks=() if place == number % len(seconds) else pytest.mark.slow)
        for number, first in enumerate(firsts)
        for place, second in enumerate(seconds)
    ]
