"""Tables that know their types: Parquet, Arrow, data sets on disk and on the hub, and tables in memory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet

from headstart.data.options import FileOptions
from headstart.data.table import Table, unreadable
from headstart.errors import UsageError

IN_MEMORY = Path("in memory")


def scan_parquet(path: Path, options: FileOptions, chunk_rows: int) -> Iterator[Table]:
    """Yield a Parquet file piece by piece."""
    first_row = 0
    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=chunk_rows):
                yield _table(path, pa.Table.from_batches([batch]), first_row)
                first_row += batch.num_rows
            if first_row == 0:
                yield Table(path=path, columns=dict.fromkeys(file.schema_arrow.names, ()))
    except pa.ArrowException as error:
        yield unreadable(path, f"cannot be read as Parquet: {error}")


def scan_arrow(path: Path, options: FileOptions, chunk_rows: int) -> Iterator[Table]:
    """Yield an Arrow file or stream piece by piece, batch by batch as it was written."""
    first_row = 0
    try:
        with pa.memory_map(str(path)) as source:
            for batch in _batches(source):
                for begin in range(0, batch.num_rows, chunk_rows):
                    piece = pa.Table.from_batches([batch.slice(begin, chunk_rows)])
                    yield _table(path, piece, first_row)
                    first_row += piece.num_rows
    except pa.ArrowException as error:
        yield unreadable(path, f"cannot be read as Arrow: {error}")


def table_of(data: object) -> Table:
    """Return a pandas or polars data frame, a `Dataset` or an Arrow table as a table.

    Raises:
        UsageError: if it is none of these.
    """
    arrow = _as_arrow(data)
    if arrow is None:
        raise UsageError(
            f"data of type {type(data).__name__} is no table",
            allowed="  A pandas or polars DataFrame, a datasets.Dataset or a pyarrow.Table is.",
        )
    return _table(IN_MEMORY, arrow, 0)


def dataset_tables(file: str, hub_name: str | None, options: FileOptions) -> dict[str, Table]:
    """Return the splits by name of a data set on disk (`save_to_disk`), or on the hub where it has a name there.

    Raises:
        UsageError: if there is none, or it cannot be fetched.
    """
    import datasets

    try:
        if hub_name is not None:
            found = datasets.load_dataset(hub_name, options.config, revision=options.revision)
        else:
            found = datasets.load_from_disk(file)
    except (OSError, ValueError) as error:
        raise UsageError(f"the data set {file!r} cannot be read: {error}") from error
    if isinstance(found, datasets.Dataset):
        return {"train": _table(Path(file), _as_arrow(found), 0)}
    return {str(split): _table(Path(file) / str(split), _as_arrow(rows), 0) for split, rows in found.items()}


def _batches(source: pa.NativeFile) -> Iterator[pa.RecordBatch]:
    try:
        reader = pa.ipc.open_file(source)
    except pa.ArrowInvalid:
        source.seek(0)
        yield from pa.ipc.open_stream(source)
        return
    for number in range(reader.num_record_batches):
        yield reader.get_batch(number)


def _as_arrow(data: Any) -> pa.Table | None:
    if isinstance(data, pa.Table):
        return data
    module = type(data).__module__.partition(".")[0]
    if module == "pandas":
        return pa.Table.from_pandas(data, preserve_index=False)
    if module == "polars":
        return data.to_arrow()
    if module == "datasets":
        return data.with_format("arrow")[:]
    return None


def _table(path: Path, arrow: pa.Table | None, first_row: int) -> Table:
    if arrow is None:
        return unreadable(path, "holds no table")
    columns = {str(name): arrow.column(name).to_pylist() for name in arrow.column_names}
    return Table(path=path, columns=columns, first_row=first_row, arrow=arrow)
