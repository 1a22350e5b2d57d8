"""How single values of a label column are read."""

from __future__ import annotations

import math
import re

NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[+-]?(nan|inf|infinity)", re.IGNORECASE)
INTEGER = re.compile(r"[+-]?\d+")


def is_missing(value: object) -> bool:
    """Whether a cell is empty, blank or NaN."""
    return value is None or value != value or (isinstance(value, str) and not value.strip())


def class_name(value: object) -> str:
    """Return how a class is called.

    Raises:
        ValueError: if the value cannot be a name.
    """
    if is_missing(value):
        raise ValueError("is missing")
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, int) or (isinstance(value, float) and math.isfinite(value)):
        return str(value)
    raise ValueError(f"is neither text nor a number but {value!r}")


def index_below(value: object, size: int) -> int:
    """Return a class or choice that is given by its index.

    Raises:
        ValueError: if the value is not one of 0 to `size` - 1.
    """
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < size:
        raise ValueError(f"the label is {value!r}, and not one of 0 to {size - 1}")
    return value
