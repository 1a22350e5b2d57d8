"""Of many cases some at every change, and all of them in the slow tests."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

SLOW = pytest.mark.slow


def in_turn(firsts: Sequence[Any], seconds: Sequence[Any], *, every: int = 1) -> list[Any]:
    """Return every pair as parameters; quick is each of `firsts` with one of `seconds`, the next one each time.

    With `every` above 1 only every so many of `firsts` has a quick pair.
    """
    quick = {(number, number // every % len(seconds)) for number in range(0, len(firsts), every)}
    return [
        pytest.param(first, second, marks=() if (number, place) in quick else SLOW)
        for number, first in enumerate(firsts)
        for place, second in enumerate(seconds)
    ]


def one_of(number: int, values: Sequence[Any]) -> list[Any]:
    """Return all values as parameters, of which one of so many is quick, the first among them."""
    return [pytest.param(value, marks=SLOW if place % number else ()) for place, value in enumerate(values)]
