"""Parquet, Arrow and saved data sets that unpack to giants are refused before that; ordinary large ones are read."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest
from datasets import Dataset

from headstart.errors import UsageError
from headstart.tables import arrow_bounds, bounded_bytes
from headstart.tables.arrow_bounds import laid_out_bytes
from headstart.tables.file_options import FileOptions
from headstart.tables.reading import read_table
from headstart.tables.sources import tables_of

FREE = 1 << 20
LONG = "a" * (1 << 14)
ROWS = 1000
ONCE = pa.DictionaryArray.from_arrays(pa.array([0] * ROWS, pa.int8()), [LONG])


def views_of_one_text() -> pa.Array:
    """Return a text once and views of it: 16 bytes each, of its length, its beginning and its place."""
    views = struct.pack("<i4sii", len(LONG), b"aaaa", 0, 0) * ROWS
    return pa.Array.from_buffers(pa.string_view(), ROWS, [None, pa.py_buffer(views), pa.py_buffer(LONG.encode())])


COLUMNS: dict[str, Callable[[], pa.Array]] = {
    "one text": lambda: pa.array([LONG] * ROWS),
    "text in lists": lambda: pa.array([[LONG, LONG]] * ROWS),
    "text in objects": lambda: pa.array([{"text": LONG}] * ROWS),
    "one category": lambda: ONCE,
    "nothing": lambda: pa.nulls(1_000_000),
    "empty texts": lambda: pa.nulls(1_000_000, pa.string()),
}
ONLY_ARROW: dict[str, Callable[[], pa.Array]] = {
    "views": views_of_one_text,
    "a run": lambda: pa.RunEndEncodedArray.from_arrays(pa.array([ROWS], pa.int32()), pa.array([LONG])),
    "a list of nothing": lambda: pa.FixedSizeListArray.from_arrays(pa.nulls(1_000_000), 1_000_000),
    "views of lists": lambda: pa.ListViewArray.from_arrays([0] * ROWS, [1] * ROWS, pa.array([LONG])),
}


@pytest.fixture(autouse=True)
def small_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (bounded_bytes, arrow_bounds):
        monkeypatch.setattr(module, "FREE_BYTES", FREE)


def write_arrow(path: Path, table: pa.Table, compression: str | None, *, is_file: bool = True) -> Path:
    new = pa.ipc.new_file if is_file else pa.ipc.new_stream
    with new(str(path), table.schema, options=pa.ipc.IpcWriteOptions(compression=compression)) as writer:
        writer.write_table(table)
    return path


def said(path: Path) -> str:
    """Return why a file is not read, and check that little memory was taken to find out."""
    before = pa.total_allocated_bytes()
    (fault,) = read_table(path).faults
    assert pa.total_allocated_bytes() - before < 4 * FREE
    return fault.message


@pytest.mark.parametrize("name", COLUMNS)
def test_a_small_parquet_file_that_means_a_giant_is_refused(name: str, tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    pyarrow.parquet.write_table(pa.table({"text": COLUMNS[name]()}), path, compression="zstd")
    assert path.stat().st_size < 20_000
    assert "bytes and unpacks to" in said(path)


@pytest.mark.parametrize("is_file", [True, False])
@pytest.mark.parametrize("name", COLUMNS | ONLY_ARROW)
def test_a_small_arrow_file_that_means_a_giant_is_refused(name: str, is_file: bool, tmp_path: Path) -> None:
    table = pa.table({"text": (COLUMNS | ONLY_ARROW)[name]()})
    for compression in ("zstd", "lz4"):
        path = write_arrow(tmp_path / f"{compression}.arrow", table, compression, is_file=is_file)
        assert "bytes and unpacks to" in said(path)


def test_a_saved_data_set_is_held_to_the_same_bounds(tmp_path: Path) -> None:
    rows = Dataset.from_dict({"text": ["a", "b"], "label": [0, 1]})
    rows.save_to_disk(tmp_path / "saved")
    assert tables_of(str(tmp_path / "saved"), FileOptions())["train"].num_rows == 2
    (path,) = (tmp_path / "saved").glob("*.arrow")
    write_arrow(path, pa.table({"text": [LONG] * ROWS, "label": [0] * ROWS}), "zstd", is_file=False)
    with pytest.raises(UsageError, match="bytes and unpacks to"):
        tables_of(str(tmp_path / "saved"), FileOptions())


@pytest.mark.parametrize("suffix", [".parquet", ".arrow"])
def test_a_large_table_of_texts_is_read_whole(suffix: str, tmp_path: Path) -> None:
    """100,000 rows of two columns count 3 MiB, three times what a file of no size may unpack to."""
    table = pa.table({"text": [f"text {number}" for number in range(100_000)], "label": ["good", "bad"] * 50_000})
    path = tmp_path / f"rows{suffix}"
    pyarrow.parquet.write_table(table, path) if suffix == ".parquet" else write_arrow(path, table, "zstd")
    read = read_table(path)
    assert read.faults == ()
    assert read.num_rows == 100_000
    assert list(read.columns["text"]) == table.column("text").to_pylist()


def test_what_values_take_when_none_is_shared_is_counted_by_hand() -> None:
    assert laid_out_bytes(pa.array(["abc", None, "de"])) == 3 * 8 + 5
    assert laid_out_bytes(pa.DictionaryArray.from_arrays([0, 0, None, 1], ["abc", "de"])) == 4 * 8 + 8
    assert laid_out_bytes(pa.array([["abc"], ["d", "e"]])) == 2 * 8 + 3 * 8 + 5
    assert laid_out_bytes(pa.array([{"a": "abc", "b": None}])) == 8 + (8 + 3) + 8
    assert laid_out_bytes(views_of_one_text().slice(10, 5)) == 5 * 8 + 5 * len(LONG)
    assert laid_out_bytes(pa.nulls(0)) == 0


def test_a_cut_off_arrow_file_is_damaged_and_not_a_shorter_one(tmp_path: Path) -> None:
    path = write_arrow(tmp_path / "rows.arrow", pa.table({"text": ["a", "b"] * 500}), "zstd")
    content = path.read_bytes()
    for end in range(1, len(content), 97):
        path.write_bytes(content[:end])
        (fault, *_) = read_table(path).faults
        assert "Arrow" in fault.message or "is empty" in fault.message
