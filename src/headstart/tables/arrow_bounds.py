"""What files of Parquet and Arrow unpack to, held to bounds before memory is taken for it.

Both pack twice: bytes are compressed, and a value that stands in many rows may stand in the file once. The first size
is declared, and compared with the file's; the second is added up batch by batch, as if each row had a copy of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet

from headstart.tables.arrow_messages import require_unpacked
from headstart.tables.bounded_bytes import FREE_BYTES, VALUE_BYTES, require_bytes

WAY_ON = "where it is to be so, save it as CSV and give that file"


def parquet_batches(path: Path, chunk_rows: int) -> Iterator[pa.RecordBatch]:
    """Yield a Parquet file's rows, at most `chunk_rows` at once and fewer where its values are large.

    Raises:
        BoundError: where it asks for more memory than a table of its size can need.
        pyarrow.ArrowException, ValueError, OSError: if it cannot be read.
    """
    size = path.stat().st_size
    with pyarrow.parquet.ParquetFile(path) as file:
        about, schema = file.metadata, file.schema
    groups = [about.row_group(number) for number in range(about.num_row_groups)]
    chunks = [group.column(number) for group in groups for number in range(group.num_columns)]
    require_bytes(sum(chunk.total_uncompressed_size for chunk in chunks), size, WAY_ON)
    require_bytes(VALUE_BYTES * sum(chunk.num_values for chunk in chunks), size, WAY_ON)
    with pyarrow.parquet.ParquetFile(path, read_dictionary=_packed_columns(schema)) as file:
        largest = max((_largest_row(file, number, chunk_rows, size) for number in range(len(groups))), default=0)
    laid_out = LaidOut(size)
    with pyarrow.parquet.ParquetFile(path) as file:
        for batch in file.iter_batches(batch_size=max(1, min(chunk_rows, FREE_BYTES // max(1, largest)))):
            laid_out.add(batch)
            yield batch


def arrow_batches(path: Path) -> Iterator[pa.RecordBatch]:
    """Yield the batches of an Arrow file or stream, as they were written.

    Raises:
        BoundError: where it asks for more memory than a table of its size can need.
        pyarrow.ArrowException, ValueError, OSError: if it cannot be read.
    """
    laid_out = LaidOut(path.stat().st_size)
    with pa.memory_map(str(path)) as source:
        require_unpacked(source, WAY_ON)
        try:
            reader = pa.ipc.open_file(source)
            batches = map(reader.get_batch, range(reader.num_record_batches))
        except pa.ArrowInvalid:
            source.seek(0)
            batches = iter(pa.ipc.open_stream(source))
        for batch in batches:
            # Without it the offsets of a damaged file lead anywhere in memory.
            batch.validate(full=True)
            laid_out.add(batch)
            yield batch


class LaidOut:
    """Adds up the bytes that batches of a table have when each row has its own copy of every value."""

    def __init__(self, num_stored_bytes: int) -> None:
        self._num_stored_bytes, self._sum = num_stored_bytes, 0

    def add(self, rows: pa.RecordBatch | pa.Table) -> None:
        """Add rows.

        Raises:
            BoundError: where all rows so far have more bytes than so many stored ones can mean.
        """
        for column in rows.columns:
            chunks = column.chunks if isinstance(column, pa.ChunkedArray) else [column]
            self._sum += sum(map(laid_out_bytes, chunks))
        require_bytes(self._sum, self._num_stored_bytes, WAY_ON)


def laid_out_bytes(array: pa.Array) -> int:
    """Return the bytes of an array's values when none shares memory with another; each value has at least 8."""
    kind = array.type
    own = VALUE_BYTES * len(array)
    if len(array) == 0:
        return 0
    if pa.types.is_dictionary(kind):
        return own + _sum_taken(array.dictionary, array.indices)
    if pa.types.is_run_end_encoded(kind):
        return own + len(array) * laid_out_bytes(array.values) // max(1, len(array.values))
    if isinstance(array, pa.StructArray):
        return own + sum(map(laid_out_bytes, array.flatten()))
    if isinstance(array, pa.ListViewArray | pa.LargeListViewArray):
        # Views may show the same values again and again.
        shown, stored = pc.sum(pc.list_value_length(array)).as_py() or 0, len(array.values)
        return own + laid_out_bytes(array.values) * max(1, -(-shown // max(1, stored)))
    if isinstance(array, pa.ListArray | pa.LargeListArray | pa.FixedSizeListArray):
        return own + laid_out_bytes(array.flatten())
    if isinstance(array, pa.ExtensionArray):
        return laid_out_bytes(array.storage)
    if pa.types.is_string_view(kind) or pa.types.is_binary_view(kind):
        # Each view is 16 bytes, of which the first four are its length.
        views = np.frombuffer(array.buffers()[1], np.int32)[::4]
        return own + int(views[array.offset : array.offset + len(array)].sum(dtype=np.int64))
    if _is_text(kind):
        return own + (pc.sum(pc.binary_length(array)).as_py() or 0)
    return max(own, int(array.nbytes))


def _sum_taken(values: pa.Array, indices: pa.Array) -> int:
    """Return the bytes of the values at these places."""
    if _is_text(values.type):
        return pc.sum(pc.binary_length(values).cast(pa.int64()).take(indices)).as_py() or 0
    return len(indices) * laid_out_bytes(values) // max(1, len(values))


def _is_text(kind: pa.DataType) -> bool:
    kinds = (pa.types.is_string, pa.types.is_large_string, pa.types.is_binary, pa.types.is_large_binary)
    return any(is_kind(kind) for is_kind in kinds)


def _packed_columns(schema: pyarrow.parquet.ParquetSchema) -> list[str]:
    """Return the columns whose values are of any length."""
    columns = map(schema.column, range(len(schema)))
    return [column.path for column in columns if column.physical_type == "BYTE_ARRAY"]


def _largest_row(file: pyarrow.parquet.ParquetFile, number: int, chunk_rows: int, size: int) -> int:
    """Return the bytes that a row of a group may have by the values that stand in the file once; 0 where they are few.

    Raises:
        BoundError: if a column of lists may repeat them beyond all bounds.
    """
    group = file.metadata.row_group(number)
    rows = min(chunk_rows, group.num_rows)
    largest = 0
    for place in range(group.num_columns):
        chunk, column = group.column(place), file.schema.column(place)
        if not chunk.has_dictionary_page or rows * chunk.total_uncompressed_size <= FREE_BYTES:
            continue
        longest = column.length if column.physical_type == "FIXED_LEN_BYTE_ARRAY" else VALUE_BYTES
        if column.physical_type == "BYTE_ARRAY":
            first = next(file.iter_batches(batch_size=1, row_groups=[number], columns=[column.path]), None)
            longest = 0 if first is None else max(map(_longest_stored, first.columns))
        if column.max_repetition_level:
            require_bytes(chunk.num_values * longest, size, WAY_ON)
        largest += longest
    return largest


def _longest_stored(array: pa.Array) -> int:
    """Return the bytes of the longest value in the dictionaries of an array and of those in it."""
    if pa.types.is_dictionary(array.type):
        return pc.max(pc.binary_length(array.dictionary)).as_py() or 0
    if isinstance(array, pa.StructArray):
        return max(map(_longest_stored, array.flatten()), default=0)
    inner = getattr(array, "values", None)
    return 0 if inner is None else _longest_stored(inner)
