"""How single values of a label column are read."""

from __future__ import annotations

import ast
import json
import math
import re
from datetime import date, datetime, time
from decimal import Decimal

NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[+-]?(nan|inf|infinity)", re.IGNORECASE)
INTEGER = re.compile(r"[+-]?\d+")
WHOLE = re.compile(r"([+-]?\d+)\.0+")
"""A whole number, as tables write it whose column holds decimals, too."""
FLOAT = re.compile(r"-?\d(\.\d+)?e[+-]\d{2,}")
"""A number with an exponent, as Python writes it."""
TRUTHS = ("true", "false")
DIGIT_OF = {"true": "1", "false": "0"}
"""The digit by which a format writes a truth that has no type for it."""
QUOTED = re.compile(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*\"""")
LIKE_A_LIST = re.compile(r"""\[.*[,'"].*\]""", re.DOTALL)
ARRAY_OF_NAMES = re.compile(rf"\[\s*(?:{QUOTED.pattern})(?:\s+(?:{QUOTED.pattern}))+\s*\]", re.DOTALL)
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
    around it, so that `007` and `1.10` stay what they are.

    Raises:
        ValueError: if the value cannot be a name.
    """
    if is_missing(value):
        raise ValueError("is missing")
    if isinstance(value, str):
        return _plain(value.strip())
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float | Decimal) and math.isfinite(value):
        return str(int(value)) if value == int(value) else str(float(value))
    if isinstance(value, date):
        return str(value.date() if isinstance(value, datetime) and value.time() == time() else value)
    raise ValueError(f"is neither text nor a number but {_what(value)}")


def same_name(name: str) -> str:
    """Return the canonical name of a class that has a name already, as one from another table or an older model has.

    Names of one value have it in common: `1.0` and `1`, `True` and `true`. What cannot be a name of a cell is itself.
    """
    try:
        return class_name(name)
    except ValueError:
        return name


def unpacked(value: object) -> object:
    """Return the list that a cell holds, if it is written as text or in an annotation tool's object; else the cell.

    Lists, sets and tuples are read as JSON, Python and NumPy write them: `["a", "b"]`, `['a', 'b']`, `['a' 'b']`.
    Label Studio writes `{"choices": ["a", "b"]}`; other objects stay objects.
    """
    if isinstance(value, str):
        text = value.strip()
        is_written = text[:1] in ("[", "{", "(") and text[-1:] in ("]", "}", ")") and len(text) <= LONGEST_LIST
        found = _literal(text) if is_written else None
        value = value if found is None else found
    if isinstance(value, set | frozenset):
        return sorted(value, key=str)
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
    if FLOAT.fullmatch(name) and repr(float(name)) == name:
        return class_name(float(name))
    if LIKE_A_LIST.fullmatch(name):
        raise ValueError('looks like a list, and cannot be read as one: write ["a", "b"]')
    whole = WHOLE.fullmatch(name)
    if whole is None:
        return name
    return "0" if whole.group(1) == "-0" else whole.group(1)


def _what(value: object) -> str:
    return (
        "an object" if isinstance(value, dict) else "a list" if isinstance(value, list) else f"a {type(value).__name__}"
    )


def _literal(text: str) -> object:
    """Return the list, set or object that a text writes; None where it writes something else."""
    if ARRAY_OF_NAMES.fullmatch(text):
        return [ast.literal_eval(name) for name in QUOTED.findall(text)]
    if ARRAY_OF_NUMBERS.fullmatch(text):
        return [int(number) for number in re.findall(r"[+-]?\d+", text)]
    # Python reads two quoted texts without a comma between them as one.
    readers = (json.loads,) if re.search(r"\0\s*\0", QUOTED.sub("\0", text)) else (json.loads, ast.literal_eval)
    for read in readers:
        try:
            found = read(text)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
        return found if isinstance(found, list | tuple | set | dict) else None
    return None
