"""What values of a JSON object may be: each field is checked before anything is made of it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any

from headstart_runtime.errors import FolderError

MOST_VALUES = 1_000_000
"""Of a list."""
IsRight = Callable[[Any], bool]
Fields = Mapping[str, IsRight]
"""Each field, and what it may be."""


def checked(values: Any, fields: Fields, part: str = "") -> dict[str, Any]:
    """Return an object's values by name, lists as tuples.

    Args:
        values: what JSON says.
        fields: those that it must have, and no others.
        part: where the object stands in `headstart_runtime.json`; "" for the whole of it.

    Raises:
        FolderError: if a field is missing, unknown, or of a value that none can have.
    """
    where = f"headstart_runtime.json: {part}" if part else "headstart_runtime.json"
    if not isinstance(values, dict):
        raise FolderError(f"{where} should be an object")
    if values.keys() != fields.keys():
        wrong = ", ".join(sorted(values.keys() ^ fields.keys())[:5])
        raise FolderError(f"{where} has fields that are missing or unknown: {wrong}")
    for name, is_right in fields.items():
        if not is_right(values[name]):
            raise FolderError(f"{where}: {name} cannot be {values[name]!r:.80}")
    return {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}


def as_json(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values as `checked` reads them: tuples as lists."""
    return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}


def one_of(*values: str) -> IsRight:
    """Return whether a value is one of these words."""
    return lambda value: isinstance(value, str) and value in values


def whole(least: int, most: int) -> IsRight:
    """Return whether a value is a whole number in these bounds, both included."""
    return lambda value: isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def or_none(is_right: IsRight) -> IsRight:
    """Return whether a value is null, or right."""
    return lambda value: value is None or is_right(value)


def number(is_right: Callable[[float], bool] = lambda value: True) -> IsRight:
    """Return whether a value is a finite number, and right."""
    return lambda value: (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and abs(value) <= sys.float_info.max
        and is_right(value)
    )


def list_of(is_right: IsRight, length: int | None = None) -> IsRight:
    """Return whether a value is a list of right ones, of this length where one is given."""
    return lambda value: (
        isinstance(value, list)
        and (len(value) <= MOST_VALUES if length is None else len(value) == length)
        and all(map(is_right, value))
    )
