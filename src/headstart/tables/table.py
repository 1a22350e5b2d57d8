"""A user's table in memory: its columns, the line of each row, and everything that is wrong with the file itself."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from headstart.errors import DataFault, shortened

if TYPE_CHECKING:
    import pyarrow


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table, or a piece of one, as it was read.

    Attributes:
        path: the file, as the user wrote it.
        columns: name -> one value per row; text only, where the format knows no types.
        lines: the line of each row, counted from 1; None for formats without lines.
        first_row: number of the first row in the whole table, from 0; the others follow it.
        row_numbers: number of each row in the whole table, from 0, where they do not follow one another.
        faults: what is wrong with the file whatever its columns mean; rows that cannot be read are left out.
        arrow: the table with its own types, where the format has them.
        notes: sentences that say what was recognised, such as a delimiter or a column of row numbers.
        dropped: why rows of the file are not rows of the table, in words -> their number.
        declared: column -> its classes in the order that the file declares; its values are these names.
        header_doubt: why the header looks like a row, for a table whose columns are not found; "" if it does not.
        split_column: the column that says each row's split, where the file itself lays its rows apart.
    """

    path: Path
    columns: Mapping[str, Sequence[object]]
    lines: tuple[int, ...] | None = None
    first_row: int = 0
    row_numbers: tuple[int, ...] | None = None
    faults: tuple[DataFault, ...] = ()
    arrow: pyarrow.Table | None = None
    notes: tuple[str, ...] = ()
    dropped: Mapping[str, int] = field(default_factory=dict)
    declared: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    split_column: str | None = None
    header_doubt: str = ""

    @property
    def num_rows(self) -> int:
        """The number of rows that could be read."""
        return len(next(iter(self.columns.values()), ()))

    def fault(self, message: str, row: int | None = None, *, value: object = None) -> DataFault:
        """Return a fault of a row, counted from 0 in this piece, or of the whole file; `value` is what stands there."""
        said = "" if value is None else shortened(value)
        if row is None:
            return DataFault(file=str(self.path), message=message, value=said)
        if self.lines is None:
            return DataFault(file=str(self.path), row=self.number(row) + 1, message=message, value=said)
        return DataFault(file=str(self.path), line=self.lines[row], message=message, value=said)

    def take(self, rows: Sequence[int]) -> Table:
        """Return the table with these rows only, in this order, without its faults."""
        return Table(
            path=self.path,
            columns={name: [values[row] for row in rows] for name, values in self.columns.items()},
            lines=None if self.lines is None else tuple(self.lines[row] for row in rows),
            row_numbers=tuple(self.number(row) for row in rows),
            notes=self.notes,
            dropped=self.dropped,
            declared=self.declared,
            split_column=self.split_column,
            header_doubt=self.header_doubt,
        )

    def with_codes(self, column: str) -> Table:
        """Return the table with the places of a column's declared classes, from 0, in place of their names."""
        if column not in self.declared:
            return self
        codes = {name: code for code, name in enumerate(self.declared[column])}
        values = [codes.get(value, value) if isinstance(value, str) else value for value in self.columns[column]]
        return replace(self, columns={**self.columns, column: values})

    def to_arrow(self) -> pyarrow.Table:
        """Return the rows as an Arrow table; a column that mixes types becomes JSON text."""
        import pyarrow as pa

        if self.arrow is not None:
            return self.arrow
        return pa.table({name: _arrow_column(values) for name, values in self.columns.items()})

    def number(self, row: int) -> int:
        """Return the number of a row in the whole table, from 0."""
        return self.first_row + row if self.row_numbers is None else self.row_numbers[row]


def joined(path: Path, pieces: Iterable[Table]) -> Table:
    """Return the pieces of a table as one; a column that a piece lacks is empty there."""
    parts = list(pieces)
    if len(parts) == 1:
        return parts[0]
    names = dict.fromkeys(name for part in parts for name in part.columns)
    has_lines = all(part.lines is not None for part in parts)
    return Table(
        path=path,
        columns={
            name: list(chain.from_iterable(part.columns.get(name, [None] * part.num_rows) for part in parts))
            for name in names
        },
        lines=tuple(chain.from_iterable(part.lines or () for part in parts)) if has_lines else None,
        faults=tuple(fault for part in parts for fault in part.faults),
        arrow=_joined_arrow(parts),
        notes=tuple(dict.fromkeys(note for part in parts for note in part.notes)),
        dropped=sum((Counter(part.dropped) for part in parts), Counter[str]()),
        declared=_joined_declarations(parts),
        split_column=next((part.split_column for part in parts if part.split_column is not None), None),
        header_doubt=next((part.header_doubt for part in parts if part.header_doubt), ""),
    )


def unreadable(path: Path, message: str) -> Table:
    """Return a table without rows that says why."""
    return Table(path=path, columns={}, faults=(DataFault(file=str(path), message=message),))


def _joined_declarations(parts: Sequence[Table]) -> dict[str, tuple[str, ...]]:
    """Return what pieces declare of their columns, where they agree."""
    said: dict[str, set[tuple[str, ...]]] = {}
    for part in parts:
        for name, classes in part.declared.items():
            said.setdefault(name, set()).add(classes)
    return {name: next(iter(orders)) for name, orders in said.items() if len(orders) == 1}


def _joined_arrow(parts: Sequence[Table]) -> pyarrow.Table | None:
    tables = [part.arrow for part in parts if part.arrow is not None]
    if not tables or len(tables) < len(parts):
        return None
    import pyarrow as pa

    return pa.concat_tables(tables)


def _arrow_column(values: Sequence[object]) -> pyarrow.Array:
    import pyarrow as pa

    try:
        return pa.array(values)
    except (pa.ArrowException, OverflowError):
        as_json = [None if value is None else json.dumps(value, ensure_ascii=False) for value in values]
        return pa.array(as_json, pa.string())
