"""How single values of a label column are read."""

from __future__ import annotations

import ast
import json
import math
import re

NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[+-]?(nan|inf|infinity)", re.IGNORECASE)
INTEGER = re.compile(r"[+-]?\d+")
WHOLE = re.compile(r"([+-]?\d+)\.0+")
"""A whole number, as tables write it whose column holds decimals, too."""
TRUTHS = ("true", "false")
SCALARS = (str, int, float, bool, type(None))
ARRAY_OF_NAMES = re.compile(r"""\[\s*(?:'[^']*'|"[^"]*")(?:\s+(?:'[^']*'|"[^"]*"))*\s*\]""")
ARRAY_OF_NUMBERS = re.compile(r"\[\s*[+-]?\d+\.?(?:\s+[+-]?\d+\.?)*\s*\]")
"""How NumPy writes arrays: without commas."""
LONGEST_LIST = 100_000
"""In characters."""


def is_missing(value: object) -> bool:
    """Whether a cell is empty, blank or NaN."""
    return value is None or value != value or (isinstance(value, str) and not value.strip())


def class_name(value: object) -> str:
    """Return how a class is called: one value has one name, whatever the format of its table.

    Whole numbers have no decimals (`1.0` is `1`), truths are `true` and `false`; other text is itself, without spaces
    around it.

    Raises:
        ValueError: if the value cannot be a name.
    """
    if is_missing(value):
        raise ValueError("is missing")
    if isinstance(value, str):
        return _plain(value.strip())
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, int) or (isinstance(value, float) and math.isfinite(value)):
        return str(value)
    raise ValueError(f"is neither text nor a number but {_what(value)}")


def unpacked(value: object) -> object:
    """Return the list that a cell holds, if it is written as text or in an annotation tool's object; else the cell.

    Lists, sets and tuples are read as JSON, Python and NumPy write them: `["a", "b"]`, `['a', 'b']`, `['a' 'b']`.
    Label Studio writes `{"choices": ["a", "b"]}`.
    """
    if isinstance(value, str) and len(value) <= LONGEST_LIST:
        text = value.strip()
        if text[:1] in ("[", "{", "(") and text[-1:] in ("]", "}", ")"):
            found = _literal(text)
            return value if found is None else found
        return value
    if isinstance(value, tuple):
        return list(value)
    choices = value.get("choices") if isinstance(value, dict) and len(value) == 1 else None
    return choices if isinstance(choices, list) else value


def index_below(value: object, size: int) -> int:
    """Return a class or choice that is given by its index.

    Raises:
        ValueError: if the value is not one of 0 to `size` - 1.
    """
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < size:
        raise ValueError(f"the label is {value!r}, and not one of 0 to {size - 1}")
    return value


def _plain(name: str) -> str:
    if name.casefold() in TRUTHS:
        return name.casefold()
    whole = WHOLE.fullmatch(name)
    return name if whole is None else whole.group(1)


def _what(value: object) -> str:
    return (
        "an object" if isinstance(value, dict) else "a list" if isinstance(value, list) else f"a {type(value).__name__}"
    )


def _literal(text: str) -> list[object] | None:
    """Return the list of names or numbers that a text writes; None where it writes something else."""
    if ARRAY_OF_NAMES.fullmatch(text) and "," not in re.sub(r"""'[^']*'|"[^"]*\"""", "", text):
        return [first or second for first, second in re.findall(r"""'([^']*)'|"([^"]*)\"""", text)]
    if ARRAY_OF_NUMBERS.fullmatch(text):
        return [int(number) for number in re.findall(r"[+-]?\d+", text)]
    for read in (json.loads, ast.literal_eval):
        try:
            found = read(text)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
        if isinstance(found, dict):
            found = found.get("choices") if len(found) == 1 else None
        if isinstance(found, set | frozenset):
            found = sorted(found, key=str)
        if isinstance(found, list | tuple) and all(isinstance(part, SCALARS) for part in found):
            return list(found)
    return None
