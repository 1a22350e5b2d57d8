"""Tables that know their types: Parquet, Arrow, and data sets on disk and on the hub."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet

from headstart.errors import DataFault
from headstart.tables.arrow_bounds import arrow_batches, parquet_batches
from headstart.tables.bounded_bytes import BoundError
from headstart.tables.datasets_features import METADATA_KEY, Feature, features_of, wants_names
from headstart.tables.file_options import AS_GUESSED, FileOptions
from headstart.tables.json_rows import flat
from headstart.tables.table import Table, unreadable

PANDAS_INDEX = re.compile(r"__index_level_\d+__")
"""How pandas calls an index that has no name."""

POLARS_CATEGORY = b"_PL_CATEGORICAL2"
"""What polars says of a column of its categories, which have no order of their own."""


def scan_parquet(path: Path, options: FileOptions, chunk_rows: int) -> Iterator[Table]:
    """Yield a Parquet file piece by piece."""
    first_row = 0
    try:
        for batch in parquet_batches(path, chunk_rows):
            yield table_of(path, pa.Table.from_batches([batch]), options, first_row)
            first_row += batch.num_rows
        if first_row == 0:
            yield Table(path=path, columns=dict.fromkeys(pyarrow.parquet.read_schema(path).names, ()))
    except BoundError as error:
        yield unreadable(path, str(error))
    except (pa.ArrowException, ValueError) as error:
        yield unreadable(path, f"cannot be read as Parquet: {error}")


def scan_arrow(path: Path, options: FileOptions, chunk_rows: int) -> Iterator[Table]:
    """Yield an Arrow file or stream piece by piece, batch by batch as it was written."""
    first_row = 0
    try:
        for batch in arrow_batches(path):
            for begin in range(0, batch.num_rows, chunk_rows):
                piece = pa.Table.from_batches([batch.slice(begin, chunk_rows)])
                yield table_of(path, piece, options, first_row)
                first_row += piece.num_rows
    except BoundError as error:
        yield unreadable(path, str(error))
    except (pa.ArrowException, ValueError) as error:
        yield unreadable(path, f"cannot be read as Arrow: {error}")


def table_of(path: Path, arrow: pa.Table, options: FileOptions = AS_GUESSED, first_row: int = 0) -> Table:
    """Return Arrow rows as they are meant: classes by their names, JSON as values, an index of pandas left out.

    Columns inside others are columns such as `content.text`, as in JSON.
    """
    index = [name for name in arrow.column_names if PANDAS_INDEX.fullmatch(name)]
    arrow = arrow.drop_columns(index)
    leaves = arrow
    while any(map(pa.types.is_struct, leaves.schema.types)):
        leaves = leaves.flatten()
    names = list(leaves.column_names)
    if twice := sorted({name for name in names if names.count(name) > 1}):
        same = [DataFault(file=str(path), message=f"two columns are called {name!r}") for name in twice]
        return Table(path=path, columns={}, faults=tuple(same))
    stored = Table(path=path, columns={}, first_row=first_row)
    faults: list[DataFault] = []
    table = Table(
        path=path,
        columns={name: _values(stored, name, leaves.column(name), faults) for name in names},
        first_row=first_row,
        faults=tuple(faults),
        arrow=arrow,
        notes=("pandas' index, which has no name, is left out",) if index else (),
        declared={name: order for name in names if (order := _categories(leaves.schema, name, leaves.column(name)))},
    )
    return with_features(table, features_of(arrow.schema, with_names=wants_names(options)))


def with_features(table: Table, features: Mapping[str, Feature]) -> Table:
    """Return a table with the values that features make of what is stored; columns that are declared already stay."""
    new = {name: feature for name, feature in features.items() if name in table.columns and name not in table.declared}
    if not new:
        return table
    faults = list(table.faults)
    columns: dict[str, Sequence[object]] = dict(table.columns)
    arrow = table.arrow
    for name, feature in new.items():
        columns[name] = _decoded(table, name, feature, faults)
        if arrow is not None and feature.classes and name in arrow.column_names:
            place = arrow.column_names.index(name)
            named = pa.array(columns[name], _named(arrow.column(name).type))
            arrow = arrow.set_column(place, name, named)
    if arrow is not None and arrow.schema.metadata is not None:
        arrow = arrow.replace_schema_metadata({k: v for k, v in arrow.schema.metadata.items() if k != METADATA_KEY})
    declared = {name: feature.classes for name, feature in new.items() if feature.classes}
    if any(feature.holds_json for feature in new.values()):
        columns = flat(columns)
    return replace(table, columns=columns, faults=tuple(faults), arrow=arrow, declared={**table.declared, **declared})


def _values(table: Table, name: str, column: pa.ChunkedArray, faults: list[DataFault]) -> list[object]:
    """Return a column's values as Python has them; why that cannot be goes to `faults`."""
    try:
        return list(column.to_pylist())
    except (ValueError, OverflowError, pa.ArrowException) as error:
        faults.append(table.fault(f"the column {name!r} cannot be read: {error}"))
        return [None] * len(column)


def _decoded(table: Table, name: str, feature: Feature, faults: list[DataFault]) -> list[object]:
    """Return what values mean; what is wrong with some goes to `faults`, and they are missing."""
    meant: list[object] = []
    for row, value in enumerate(table.columns[name]):
        try:
            meant.append(feature.decode(value))
        except ValueError as error:
            faults.append(table.fault(f"the value of {name!r} {error}", row, value=value))
            meant.append(None)
    return meant


def _named(stored: pa.DataType) -> pa.DataType:
    """Return the type of names in place of codes: text, or lists of text where these are lists."""
    is_list = pa.types.is_list(stored) or pa.types.is_large_list(stored) or pa.types.is_fixed_size_list(stored)
    return pa.list_(_named(stored.value_type)) if is_list else pa.string()


def _categories(schema: pa.Schema, name: str, column: pa.ChunkedArray) -> tuple[str, ...]:
    """Return a column's categories, where somebody chose their order.

    Arrow marks ordered ones. Of others, sorted ones are the default of pandas and R, and polars' categories are in the
    order in which they came.
    """
    if not pa.types.is_dictionary(column.type):
        return ()
    orders = {tuple(chunk.dictionary.to_pylist()) for chunk in column.chunks}
    categories = list(next(iter(orders))) if len(orders) == 1 else []
    if not all(isinstance(category, str) for category in categories):
        return ()
    is_chosen = column.type.ordered or (
        categories != sorted(categories)
        and POLARS_CATEGORY not in (schema.field(name).metadata or {})
        and _num_pandas_categories(schema, name) in (None, len(categories))
    )
    return tuple(categories) if is_chosen else ()


def _num_pandas_categories(schema: pa.Schema, name: str) -> int | None:
    """Return how many categories pandas says that a column has; None where it says nothing."""
    try:
        described = json.loads((schema.metadata or {}).get(b"pandas", b"{}"))["columns"]
        return next(int(each["metadata"]["num_categories"]) for each in described if each["name"] == name)
    except (ValueError, LookupError, TypeError, StopIteration):
        return None
