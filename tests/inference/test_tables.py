"""Tables are written whole or not at all, in three formats."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest

from headstart.errors import UsageError
from headstart.inference.tables import add_columns, require_new_columns, require_writable, write_table

ROWS = [
    {"id": 1, "text": 'she said "no", twice', "tags": ["a"], "ok": True},
    {"id": 2, "text": "two\nlines", "tags": [], "ok": None},
    {"id": 3, "text": "naïve ☕", "tags": None, "ok": False},
]
TABLE = pa.Table.from_pylist(ROWS)


def test_json_lines_come_back(tmp_path: Path) -> None:
    write_table(TABLE, tmp_path / "out.jsonl")
    assert [json.loads(line) for line in (tmp_path / "out.jsonl").read_text("utf-8").splitlines()] == ROWS


def test_parquet_comes_back_with_its_types(tmp_path: Path) -> None:
    table = TABLE.set_column(0, "id", TABLE["id"].cast(pa.int16()))
    write_table(table, tmp_path / "out.parquet")
    assert pyarrow.parquet.read_table(tmp_path / "out.parquet").equals(table)


def test_csv_comes_back_as_text(tmp_path: Path) -> None:
    write_table(TABLE, tmp_path / "out.csv")
    with (tmp_path / "out.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["text"] for row in rows] == [row["text"] for row in ROWS]
    assert rows[0] == {"id": "1", "text": 'she said "no", twice', "tags": '["a"]', "ok": "true"}
    assert rows[1]["ok"] == ""


def test_no_rows_still_have_a_header(tmp_path: Path) -> None:
    write_table(TABLE.slice(0, 0), tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_text() == "id,text,tags,ok\n"


def test_new_columns_come_last() -> None:
    table = add_columns(TABLE, {"label": pa.array(["a", "b", "c"])})
    assert table.column_names == ["id", "text", "tags", "ok", "label"]


def test_a_taken_name_is_refused_and_the_way_out_named() -> None:
    with pytest.raises(UsageError, match=r"called: ok, id(.|\n)*--prefix"):
        require_new_columns(TABLE, ["ok", "new", "id"])


@pytest.mark.parametrize("name", ["out", "out.txt", "out.xlsx"])
def test_an_unknown_suffix_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match=r"\.csv, \.jsonl, \.parquet"):
        require_writable(tmp_path / name)


def test_what_is_there_is_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "out.csv").write_text("mine")
    with pytest.raises(UsageError, match="is there already"):
        write_table(TABLE, tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_text() == "mine"
