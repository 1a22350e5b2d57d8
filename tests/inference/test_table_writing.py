"""Tables are written piece by piece, in every format, and read back by somebody else."""

from __future__ import annotations

import csv
import gzip
import json
import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet
import pytest

from headstart.errors import UsageError
from headstart.inference.table_writing import (
    SUFFIXES,
    as_schema,
    joint_schema,
    require_new_columns,
    require_writable,
    table_writer,
)

ROWS = [
    {"id": 1, "text": 'she said "no", twice', "tags": ["a"], "ok": True},
    {"id": 2, "text": "two\nlines", "tags": [], "ok": None},
    {"id": 3, "text": "naïve ☕\ttab", "tags": None, "ok": False},
]
TABLE = pa.Table.from_pylist(ROWS)


def write(path: Path, *pieces: pa.Table) -> Path:
    with table_writer(path, pieces[0].schema) as write_piece:
        for piece in pieces:
            write_piece(piece)
    return path


def in_pieces(path: Path) -> Path:
    return write(path, TABLE.slice(0, 2), TABLE.slice(2, 0), TABLE.slice(2))


def text_of(path: Path) -> str:
    data = path.read_bytes()
    return (gzip.decompress(data) if path.suffix == ".gz" else data).decode("utf-8")


@pytest.mark.parametrize("name", ["out.jsonl", "out.jsonl.gz"])
def test_json_lines_come_back(tmp_path: Path, name: str) -> None:
    lines = text_of(in_pieces(tmp_path / name)).split("\n")
    assert [json.loads(line) for line in lines[:-1]] == ROWS


def test_parquet_and_arrow_come_back_with_their_types(tmp_path: Path) -> None:
    table = TABLE.set_column(0, "id", TABLE["id"].cast(pa.int16()))
    path = write(tmp_path / "out.parquet", table.slice(0, 1), table.slice(1))
    assert pyarrow.parquet.read_table(path).equals(table)
    path = write(tmp_path / "out.arrow", table.slice(0, 1), table.slice(1))
    assert pa.ipc.open_file(path).read_all().equals(table)


@pytest.mark.parametrize("name", ["out.csv", "out.csv.gz", "out.tsv", "out.tsv.gz"])
def test_delimited_text_comes_back_as_text(tmp_path: Path, name: str) -> None:
    lines = text_of(in_pieces(tmp_path / name)).splitlines(keepends=True)
    rows = list(csv.DictReader(lines, delimiter="\t" if "tsv" in name else ","))
    assert [row["text"] for row in rows] == [row["text"] for row in ROWS]
    assert rows[0] == {"id": "1", "text": 'she said "no", twice', "tags": '["a"]', "ok": "true"}
    assert rows[1]["ok"] == ""


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_equal_rows_give_equal_bytes(tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    first = in_pieces(tmp_path / f"first{suffix}").read_bytes()
    monkeypatch.setattr(time, "time", lambda: 2e9)
    assert in_pieces(tmp_path / f"second{suffix}").read_bytes() == first


def test_no_rows_still_have_a_header(tmp_path: Path) -> None:
    assert write(tmp_path / "out.csv", TABLE.slice(0, 0)).read_text() == "id,text,tags,ok\n"


def test_a_taken_name_is_refused_and_the_way_out_named() -> None:
    with pytest.raises(UsageError, match=r"called: ok, id(.|\n)*`prefix`"):
        require_new_columns(TABLE.column_names, ["ok", "new", "id"])


@pytest.mark.parametrize("name", ["out", "out.txt", "out.xlsx", "out.gz", "out.parquet.gz", "out.json"])
def test_an_unknown_suffix_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match=r"\.csv, \.csv\.gz, .*\.parquet"):
        require_writable(tmp_path / name)


def test_what_is_there_is_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "out.csv").write_text("mine")
    with pytest.raises(UsageError, match="is there already"):
        require_writable(tmp_path / "out.csv")


PIECES: dict[str, tuple[list[Any], list[Any], pa.DataType, list[Any]]] = {
    "equal": ([1, 2], [3], pa.int64(), [1, 2, 3]),
    "null first": ([None, None], ["a"], pa.string(), [None, None, "a"]),
    "null last": ([1.5], [None], pa.float64(), [1.5, None]),
    "integers, then fractions": ([1, None], [2.5], pa.float64(), [1.0, None, 2.5]),
    "fractions, then integers": ([2.5], [1], pa.float64(), [2.5, 1.0]),
    "numbers, then text": ([1, None], ["a"], pa.string(), ["1", None, "a"]),
    "text, then truth": (["a"], [True, None], pa.string(), ["a", "true", None]),
    "lists, then text": ([["a"]], ["b"], pa.string(), ['["a"]', "b"]),
}


@pytest.mark.parametrize("case", PIECES)
def test_pieces_that_suggest_other_types_are_brought_together(case: str) -> None:
    first, second, kind, expected = PIECES[case]
    pieces = [pa.table({"x": values}) for values in (first, second)]
    schema = joint_schema(pieces[0].schema, pieces[1].schema)
    assert schema.field("x").type == kind
    assert pa.concat_tables([as_schema(piece, schema) for piece in pieces])["x"].to_pylist() == expected


def test_a_column_that_a_piece_lacks_is_null_there() -> None:
    pieces = [pa.table({"a": [1]}), pa.table({"b": ["x"], "a": [2]}), pa.table({"c": [{"k": 1}]})]
    schema = joint_schema(joint_schema(pieces[0].schema, pieces[1].schema), pieces[2].schema)
    assert schema.names == ["a", "b", "c"]
    rows = pa.concat_tables([as_schema(piece, schema) for piece in pieces]).to_pylist()
    assert rows == [
        {"a": 1, "b": None, "c": None},
        {"a": 2, "b": "x", "c": None},
        {"a": None, "b": None, "c": {"k": 1}},
    ]
