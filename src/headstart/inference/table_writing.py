"""A user's rows with new columns, written piece by piece in the format of the file's suffix."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, TextIO

import pyarrow as pa
import pyarrow.parquet

from headstart.errors import UsageError
from headstart.spreadsheet_cells import written_rows

Write = Callable[[pa.Table], None]
"""Takes the next rows, whose columns are the schema's."""


def require_writable(path: Path) -> None:
    """Refuse, before any work is done, a path that cannot become a table.

    Raises:
        UsageError: if the suffix is unknown or the file is there already.
    """
    if format_suffix(path) is None:
        raise UsageError(
            f"cannot write {path}: the suffix {path.suffix!r} names no known format",
            allowed=f"  Known: {', '.join(SUFFIXES)}.",
        )
    if path.exists():
        raise UsageError(f"{path} is there already", remedy="  Name another file, or remove this one.")


def require_cells(path: Path) -> None:
    """Refuse `spreadsheet_safe` for a table whose format knows texts from formulas.

    Raises:
        UsageError: if it is neither CSV nor TSV.
    """
    if format_suffix(path) not in DELIMITED:
        raise UsageError(
            f"`spreadsheet_safe` would have no effect on {path}: no spreadsheet takes a text in it for a formula",
            allowed=f"  It is for {', '.join(DELIMITED)}.",
            remedy="  Leave it out.",
        )


def require_new_columns(taken: Iterable[str], names: Iterable[str]) -> None:
    """Refuse names of new columns that are taken.

    Raises:
        UsageError: naming the clashes.
    """
    columns = set(taken)
    clashes = [name for name in names if name in columns]
    if clashes:
        raise UsageError(
            f"the file has columns already that the predictions would be called: {', '.join(clashes)}",
            remedy="  Give `prefix`, which is put before the names of the new columns.",
        )


@contextmanager
def table_writer(path: Path, schema: pa.Schema, *, spreadsheet_safe: bool = False) -> Iterator[Write]:
    """Open a file for rows in the format of its suffix; the block calls what it gets once per piece.

    With `spreadsheet_safe` CSV and TSV hold no cell that a spreadsheet would take for a formula.
    """
    suffix = format_suffix(path)
    if suffix is None:
        raise ValueError(f"{path} names no known format")
    writer: AbstractContextManager[Write]
    if suffix in DELIMITED:
        writer = _delimited_writer(path, schema, DELIMITED[suffix], spreadsheet_safe=spreadsheet_safe)
    else:
        writer = OTHER_WRITERS[suffix](path, schema)
    with writer as write:
        yield write


def as_schema(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """Return the rows with the types of `schema`, nulls where a column is missing.

    Pieces of a file without types of its own may each suggest others; where these cannot be brought together the
    schema says text, and values become JSON.
    """
    columns = [
        _as_type(table.column(field.name), field.type) if field.name in table.column_names else _nulls(table, field)
        for field in schema
    ]
    return pa.table(columns, schema=schema)


def joint_schema(first: pa.Schema, second: pa.Schema) -> pa.Schema:
    """Return a schema that holds the rows of both, with the columns of the first in front; text where types clash."""
    fields = {field.name: field for field in first}
    for field in second:
        fields[field.name] = _joint_field(fields.get(field.name, field), field)
    return pa.schema(list(fields.values()), metadata=first.metadata)


def _joint_field(first: pa.Field, second: pa.Field) -> pa.Field:
    if first == second:
        return first
    try:
        both = pa.unify_schemas([pa.schema([first]), pa.schema([second])], promote_options="permissive")
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        return pa.field(first.name, pa.string())
    return both.field(0)


def _as_type(column: pa.ChunkedArray, wanted: pa.DataType) -> pa.ChunkedArray:
    if column.type == wanted:
        return column
    values = column.to_pylist()
    if _is_text(wanted) and not _is_text(column.type):
        values = [None if value is None else json.dumps(value, ensure_ascii=False, default=str) for value in values]
    return pa.chunked_array([pa.array(values, wanted)])


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _nulls(table: pa.Table, field: pa.Field) -> pa.ChunkedArray:
    return pa.chunked_array([pa.nulls(table.num_rows, field.type)])


def format_suffix(path: Path) -> str | None:
    """Return the suffix that says how a file is written, such as `.csv.gz`; None for an unknown one."""
    return next((suffix for suffix in SUFFIXES if path.name.lower().endswith(suffix)), None)


@contextmanager
def _text_file(path: Path) -> Iterator[TextIO]:
    """Open a text file for writing, packed where its suffix says so; equal rows give equal bytes."""
    if path.suffix.lower() != ".gz":
        with path.open("w", encoding="utf-8", newline="") as file:
            yield file
        return
    with (
        path.open("wb") as raw,
        gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0) as packed,
        io.TextIOWrapper(packed, encoding="utf-8", newline="") as file,
    ):
        yield file


@contextmanager
def _delimited_writer(path: Path, schema: pa.Schema, delimiter: str, *, spreadsheet_safe: bool) -> Iterator[Write]:
    with _text_file(path) as file:
        writer = csv.writer(file, delimiter=delimiter, lineterminator="\n")
        writer.writerows(written_rows([schema.names], spreadsheet_safe=spreadsheet_safe))

        def write(table: pa.Table) -> None:
            for batch in table.to_batches():
                rows = zip(*map(_cells, batch.columns), strict=True)
                writer.writerows(written_rows(rows, spreadsheet_safe=spreadsheet_safe))

        yield write


def _cells(column: pa.Array) -> list[Any]:
    """Return what stands in the cells of a column: most tables have many numbers, which need no look each."""
    values = column.to_pylist()
    is_plain = _is_text(column.type) or pa.types.is_floating(column.type) or pa.types.is_integer(column.type)
    return values if is_plain else [_cell(value) for value in values]


def _cell(value: Any) -> Any:
    return json.dumps(value, ensure_ascii=False, default=str) if isinstance(value, (dict, list, bool)) else value


@contextmanager
def _json_lines_writer(path: Path, schema: pa.Schema) -> Iterator[Write]:
    with _text_file(path) as file:

        def write(table: pa.Table) -> None:
            for batch in table.to_batches():
                for row in batch.to_pylist():
                    file.write(json.dumps(row, ensure_ascii=False, default=str) + "\n")

        yield write


@contextmanager
def _parquet_writer(path: Path, schema: pa.Schema) -> Iterator[Write]:
    with pyarrow.parquet.ParquetWriter(path, schema) as writer:
        yield writer.write_table


@contextmanager
def _arrow_writer(path: Path, schema: pa.Schema) -> Iterator[Write]:
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, schema) as writer:
        yield writer.write_table


DELIMITED: Mapping[str, str] = {".csv": ",", ".csv.gz": ",", ".tsv": "\t", ".tsv.gz": "\t"}
"""Formats whose cells are bare text, with what stands between these."""
OTHER_WRITERS: Mapping[str, Callable[[Path, pa.Schema], AbstractContextManager[Write]]] = {
    ".jsonl": _json_lines_writer,
    ".jsonl.gz": _json_lines_writer,
    ".parquet": _parquet_writer,
    ".arrow": _arrow_writer,
}
SUFFIXES = (*DELIMITED, *OTHER_WRITERS)
