"""Tables that know their types: Parquet, Arrow, and data sets on disk and on the hub."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet

from headstart.errors import UsageError
from headstart.tables.file_options import FileOptions
from headstart.tables.table import Table, unreadable


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


def dataset_tables(file: str, hub_name: str | None, options: FileOptions) -> dict[str, Table]:
    """Return the splits by name of a data set on disk (`save_to_disk`), or on the hub where it has a name there.

    Raises:
        UsageError: if it does not exist, or cannot be fetched.
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
        return {"train": _table(Path(file), found.with_format("arrow")[:], 0)}
    return {
        str(split): _table(Path(file) / str(split), rows.with_format("arrow")[:], 0) for split, rows in found.items()
    }


def _batches(source: pa.NativeFile) -> Iterator[pa.RecordBatch]:
    try:
        reader = pa.ipc.open_file(source)
    except pa.ArrowInvalid:
        source.seek(0)
        yield from pa.ipc.open_stream(source)
        return
    for number in range(reader.num_record_batches):
        yield reader.get_batch(number)


def _table(path: Path, arrow: pa.Table, first_row: int) -> Table:
    columns = {str(name): arrow.column(name).to_pylist() for name in arrow.column_names}
    return Table(path=path, columns=columns, first_row=first_row, arrow=arrow)
