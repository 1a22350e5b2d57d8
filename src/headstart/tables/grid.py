"""Columns of a table whose header leaves some without a name."""

from __future__ import annotations

from collections.abc import Sequence


def columns_to_keep(header: Sequence[str], body: Sequence[Sequence[str]]) -> tuple[list[int], list[str], list[str]]:
    """Return the places of the columns to keep, what is wrong with the header, and what is left out.

    Columns without a name and a value go, and so does a first one without a name that holds row numbers.
    """
    kept, problems, left_out = [], [], []
    for place, name in enumerate(header):
        values = [cells[place] for cells in body]
        if name:
            kept.append(place)
        elif any(map(str.strip, values)):
            if not kept and _number_rows(values):
                left_out.append("the first column holds row numbers (no name): left out")
            else:
                problems.append(f"column {place + 1} has no name in the header, and values below")
    names = [header[place] for place in kept]
    problems += [
        f"two columns are called {name!r}" for name in sorted({name for name in names if names.count(name) > 1})
    ]
    return kept, problems, left_out


def _number_rows(values: Sequence[str]) -> bool:
    """Whether values are distinct whole numbers, as an index of pandas is, also of rows that were picked."""
    return all(value.isdecimal() for value in values) and len(set(values)) == len(values)
