"""Where the rows lie in a JSON document: in an array, by column, by index, or under names as "data" and "train"."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from headstart.tables.splits import split_called

ROWS_NAMES = (
    *("data", "rows", "records", "sentences", "examples", "items", "results", "instances", "documents", "entries"),
    *("dataset", "samples", "texts", "values"),
)
"""What people call the list of rows in an object that says more than the rows."""
FIELD_NAMES = ("text", "label", "labels", "sentence", "sentence1", "premise", "question", "class", "category", "intent")
"""What fields of a row are called, and rows are not."""
NO_TABLE = "holds no table: it is one JSON value; a table is an array of objects, or one object a line"


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundRows:
    """The rows of a JSON document.

    Attributes:
        rows: as they stand there: objects, arrays or texts.
        note: a sentence on where they lie; "" for an array or a single object.
        splits: the name under which each row lies, where these are names of splits.
        problem: why there are none that can be told; "" where there are.
    """

    rows: Sequence[object] = ()
    note: str = ""
    splits: Sequence[str] = ()
    problem: str = ""


def find_rows(document: object, *, is_line: bool = False) -> FoundRows:
    """Return the rows of a document that is one JSON value.

    Args:
        document: as the json module reads it.
        is_line: whether it is the only line of a file of JSON lines, in which a line is a row.
    """
    if isinstance(document, list):
        return FoundRows(rows=document)
    if not isinstance(document, dict):
        return FoundRows(problem=NO_TABLE)
    found = _rows_in(document)
    is_row = any(not isinstance(document.get(name, []), list | dict) for name in FIELD_NAMES)
    if found is None or is_row or (is_line and any(not isinstance(each, list | dict) for each in document.values())):
        return FoundRows(rows=[document])
    return found


def _rows_in(document: Mapping[str, object]) -> FoundRows | None:
    """Return the rows that an object holds; None if it is a row itself."""
    for look in (_names_and_cells, _under_splits, _under_one_name, _by_column, _by_key):
        if (found := look(document)) is not None:
            return found
    return None


def _names_and_cells(document: Mapping[str, object]) -> FoundRows | None:
    """Look for pandas' orients "split" and "tight"."""
    names, cells = document.get("columns"), document.get("data")
    if not (isinstance(names, list) and isinstance(cells, list) and all(isinstance(row, list) for row in cells)):
        return None
    if any(len(row) != len(names) for row in cells):
        return FoundRows(problem=f"the rows under 'data' have not all {len(names)} cells, as 'columns' has names")
    rows = [dict(zip(map(str, names), row, strict=True)) for row in cells]
    return FoundRows(rows=rows, note="JSON: the columns' names lie under 'columns', the rows under 'data'")


def _under_splits(document: Mapping[str, object]) -> FoundRows | None:
    parts = {name: rows for name, value in document.items() if (rows := _nested_rows(value)) is not None}
    splits = [name for name in parts if split_called(name) is not None]
    if not splits:
        return None
    if len(parts) == 1:
        return FoundRows(rows=parts[splits[0]], note=f"JSON: the rows lie under {splits[0]!r}")
    return FoundRows(
        rows=[row for part in parts.values() for row in part],
        note=f"JSON: the rows lie under {_listed(parts)}",
        splits=[name for name, part in parts.items() for _ in part],
    )


def _under_one_name(document: Mapping[str, object]) -> FoundRows | None:
    parts = {name: rows for name, value in document.items() if (rows := _list_of_rows(value)) is not None}
    known = [name for name in parts if name.casefold() in ROWS_NAMES]
    candidates = known if known else list(parts)
    if not known and _are_columns(document):
        return None
    if len(candidates) == 1:
        (name,) = candidates
        others = [f"{other!r} ({len(rows)})" for other, rows in parts.items() if other != name]
        note = f"JSON: the rows lie under {name!r}" + (f"; not read: {', '.join(others)}" if others else "")
        return FoundRows(rows=parts[name], note=note)
    if candidates:
        sizes = ", ".join(f"{name!r} ({len(parts[name])})" for name in candidates)
        return FoundRows(
            problem=f"holds several lists of rows: {sizes}; save the one that is meant as a file of its own, or call "
            "them 'train', 'validation' and 'test'"
        )
    for name, value in document.items():
        if name.casefold() in ROWS_NAMES and isinstance(value, dict) and (found := _rows_in(value)) is not None:
            return found
    return None


def _are_columns(document: Mapping[str, object]) -> bool:
    """Whether all members are lists of one length, and some of plain values: a column may well hold lists itself."""
    columns = [value for value in document.values() if isinstance(value, list)]
    are_alike = len(columns) == len(document) and len({len(each) for each in columns}) == 1
    return are_alike and any(not isinstance(value, list | dict) for each in columns for value in each[:1])


def _by_column(document: Mapping[str, object]) -> FoundRows | None:
    columns = {name: value for name, value in document.items() if isinstance(value, list)}
    if len(columns) < len(document) or not columns:
        return None
    sizes = {name: len(value) for name, value in columns.items()}
    if len(set(sizes.values())) > 1:
        said = ", ".join(f"{name!r} ({size})" for name, size in list(sizes.items())[:5])
        return FoundRows(problem=f"holds lists of different lengths: {said}; columns have one value for each row")
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    return FoundRows(rows=rows, note="JSON: one list for each column")


def _by_key(document: Mapping[str, object]) -> FoundRows | None:
    """Look for pandas' orients "columns" (column, then index) and "index" (index, then column)."""
    parts = {name: value for name, value in document.items() if isinstance(value, dict)}
    if len(parts) < len(document) or not parts:
        return None
    inner = dict.fromkeys(key for part in parts.values() for key in part)
    if _is_by_column(parts, inner):
        rows = [{name: part.get(key) for name, part in parts.items()} for key in inner]
        return FoundRows(rows=rows, note="JSON: one object for each column, and in it one value for each row")
    records: list[dict[str, object]] = list(parts.values())
    if not all(map(_is_number, parts)):
        records = [{"key": name, **record} for name, record in parts.items()]
    return FoundRows(rows=records, note="JSON: one record for each key")


def _is_by_column(parts: Mapping[str, Mapping[str, object]], inner: Mapping[str, None]) -> bool:
    """Whether the outer keys are columns and the inner ones rows; what looks like a field's name decides first."""
    if any(name.casefold() in FIELD_NAMES for name in inner):
        return False
    if any(name.casefold() in FIELD_NAMES for name in parts) or all(map(_is_number, inner)):
        return True
    have_all_rows = all(part.keys() == inner.keys() for part in parts.values())
    return not all(map(_is_number, parts)) and have_all_rows and len(inner) > len(parts)


def _nested_rows(value: object) -> Sequence[object] | None:
    """Return the rows of what stands under a split's name."""
    if isinstance(value, list):
        return value if not value or isinstance(value[0], dict | list) else None
    if not isinstance(value, dict):
        return None
    found = _by_column(value) or _by_key(value)
    return None if found is None or found.problem else found.rows


def _list_of_rows(value: object) -> list[object] | None:
    is_rows = isinstance(value, list) and bool(value) and all(isinstance(row, dict) for row in value)
    is_cells = isinstance(value, list) and _are_cells(value)
    return value if isinstance(value, list) and (is_rows or is_cells) else None


def _are_cells(rows: Sequence[object]) -> bool:
    """Whether these are arrays of text and label, and not lists of labels in a column."""
    widths = {len(row) if isinstance(row, list) else 0 for row in rows}
    return bool(rows) and len(widths) == 1 and widths != {0} and widths != {1} and len(rows) > 1


def _is_number(key: str) -> bool:
    return key.removeprefix("-").isdecimal()


def _listed(names: Mapping[str, object]) -> str:
    return ", ".join(repr(name) for name in names)
