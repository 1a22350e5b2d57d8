"""A user's rows with new columns, written as CSV, JSON lines or Parquet."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet

from headstart.errors import UsageError
from headstart.store.layout import atomic_path


def require_writable(path: Path) -> None:
    """Refuse, before any work is done, a path that cannot become a table.

    Raises:
        UsageError: if the suffix is unknown or the file is there already.
    """
    if path.suffix.lower() not in WRITERS:
        raise UsageError(
            f"cannot write {path}: the suffix {path.suffix!r} names no known format",
            allowed=f"  Known: {', '.join(sorted(WRITERS))}.",
        )
    if path.exists():
        raise UsageError(f"{path} is there already", remedy="  Name another file, or remove this one.")


def require_new_columns(table: pa.Table, names: Iterable[str]) -> None:
    """Refuse names that the table has already.

    Raises:
        UsageError: naming the clashes and --prefix.
    """
    clashes = [name for name in names if name in table.column_names]
    if clashes:
        raise UsageError(
            f"the file has columns already that the predictions would be called: {', '.join(clashes)}",
            remedy="  Give --prefix, which is put before the names of the new columns.",
        )


def add_columns(table: pa.Table, columns: Mapping[str, pa.Array]) -> pa.Table:
    """Return the table with the new columns after the user's own.

    Raises:
        UsageError: if the table has a column of such a name.
    """
    require_new_columns(table, columns)
    for name, values in columns.items():
        table = table.append_column(name, values)
    return table


def write_table(table: pa.Table, path: Path) -> None:
    """Write the table in the format of the path's suffix, whole or not at all.

    Raises:
        UsageError: if the suffix is unknown or the file is there already.
    """
    require_writable(path)
    with atomic_path(path) as temporary:
        WRITERS[path.suffix.lower()](table, temporary)


def _write_csv(table: pa.Table, path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(table.column_names)
        for batch in table.to_batches():
            columns = [column.to_pylist() for column in batch.columns]
            writer.writerows([_csv_cell(value) for value in row] for row in zip(*columns, strict=True))


def _csv_cell(value: Any) -> Any:
    return json.dumps(value, ensure_ascii=False, default=str) if isinstance(value, (dict, list, bool)) else value


def _write_json_lines(table: pa.Table, path: Path) -> None:
    with path.open("w", encoding="utf-8") as file:
        for batch in table.to_batches():
            for row in batch.to_pylist():
                file.write(json.dumps(row, ensure_ascii=False, default=str) + "\n")


def _write_parquet(table: pa.Table, path: Path) -> None:
    pyarrow.parquet.write_table(table, path)


WRITERS: dict[str, Callable[[pa.Table, Path], None]] = {
    ".csv": _write_csv,
    ".jsonl": _write_json_lines,
    ".parquet": _write_parquet,
}
