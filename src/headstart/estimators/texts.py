"""X: texts or pairs of texts, whatever holds them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from headstart.data.examples import HALF_CHARACTER, has_half_character

Rows = tuple[tuple[str, ...], ...]


def column_names(table: Any) -> list[str] | None:
    """Return the names of a table's columns, where it has names that are texts; None where it has not.

    Tables are those of pandas, polars and pyarrow, a `Dataset`, and lists of dictionaries.
    """
    names = getattr(table, "column_names", getattr(table, "columns", None))
    if names is None and isinstance(table, Sequence) and len(table) and isinstance(table[0], dict):
        names = list(table[0])
    if callable(names) or names is None:
        return None
    listed = list(names)
    return listed if listed and all(isinstance(name, str) for name in listed) else None


def read_texts(X: Any) -> Rows:
    """Return rows of one or two texts.

    Raises:
        ValueError: if X has no rows, or a row holds something other than texts, an empty one, or half a character.
    """
    values = _plain(X)
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise ValueError("X must be a collection of texts or pairs of texts, such as a list")
    rows = tuple(_row(value) for value in values)
    if not rows:
        raise ValueError("Found array with 0 sample(s) while a minimum of 1 is required.")
    for number, row in enumerate(rows):
        if len(row) not in (1, 2) or not all(isinstance(text, str) for text in row):
            raise ValueError(f"X must hold one text or two in every row; found {row!r} in row {number}")
        if len(row) != len(rows[0]):
            raise ValueError(f"rows of X differ in length: row {number} has {len(row)} texts, row 0 {len(rows[0])}")
        for text in row:
            _check(text, number)
    return tuple(tuple(str(text) for text in row) for row in rows)


def column_like_labels(texts: Rows, labels: Sequence[object]) -> int | None:
    """Return the number of the column of pairs that holds the labels themselves; None where none does."""
    written = [str(label) for label in labels]
    if len(written) != len(texts) or len(texts[0]) == 1:
        return None
    return next((column for column in (0, 1) if [row[column] for row in texts] == written), None)


def _check(text: str, number: int) -> None:
    if not text.strip():
        raise ValueError(f"X[{number}] is an empty text: leave such rows out, or give them a text")
    if has_half_character(text):
        raise ValueError(f"X[{number}] {HALF_CHARACTER}: {text!r}")


def _plain(table: Any) -> Any:
    """Return Arrow's columns and tables as lists, data frames as arrays, other things as they are."""
    if hasattr(table, "to_pylist"):
        return table.to_pylist()
    return table.to_numpy() if hasattr(table, "to_numpy") else table


def _row(value: Any) -> tuple[Any, ...]:
    """Return what stands in a row; one of a `Dataset` or of an Arrow table is a dictionary."""
    if isinstance(value, dict):
        return tuple(value.values())
    return (value,) if isinstance(value, str) or not isinstance(value, Iterable) else tuple(value)
