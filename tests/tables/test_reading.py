"""Reading tables: every row with its line, every fault of the file, nothing raised."""

from __future__ import annotations

import csv
import gzip
import itertools
import json
import sys
import types
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from headstart.tables import json_rows, json_tables
from headstart.tables.reading import read_table, scan_table
from headstart.tables.table import Table

CELLS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\0"), max_size=12)


def write(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def messages(table: Table) -> list[str]:
    return [str(fault).removeprefix(str(table.path)) for fault in table.faults]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=8))
def test_csv_gives_back_what_the_csv_module_wrote(tmp_path: Path, rows: list[tuple[str, str]]) -> None:
    path = tmp_path / "rows.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, quoting=csv.QUOTE_ALL).writerows([("a", "b"), *rows])
    table = read_table(path)
    filled = [row for row in rows if any(map(str.strip, row))]
    if filled:
        assert table.faults == ()
        assert list(zip(table.columns["a"], table.columns["b"], strict=True)) == filled
    assert sum(table.dropped.values()) == len(rows) - len(filled)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(st.lists(st.fixed_dictionaries({"a": CELLS, "b": st.integers()}), min_size=1, max_size=8))
def test_json_lines_give_back_what_the_json_module_wrote(tmp_path: Path, rows: list[dict[str, object]]) -> None:
    path = tmp_path / "rows.jsonl"
    write(path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    table = read_table(path)
    assert table.faults == ()
    assert table.columns == {name: tuple(row[name] for row in rows) for name in ("a", "b")}


def test_lines_are_those_of_an_editor(tmp_path: Path) -> None:
    table = read_table(write(tmp_path / "rows.csv", 'a,b\r\n1,"two\r\nlines"\r\n\r\n2,x\r\n'))
    assert table.columns == {"a": ("1", "2"), "b": ("two\r\nlines", "x")}
    assert table.lines == (2, 5)
    assert str(table.fault("odd", 1)).endswith("rows.csv:5: odd")
    table = read_table(write(tmp_path / "rows.jsonl", '{"a": 1}\n\n{"b": "\u2028"}\n'))
    assert table.lines == (1, 3)
    assert table.columns == {"a": (1, None), "b": (None, "\u2028")}


def test_parquet_rows_are_numbered_and_keep_their_types(tmp_path: Path) -> None:
    written = pa.table({"a": pa.array([1, 2], pa.int16()), "b": pa.array(["x", None]).dictionary_encode()})
    pyarrow.parquet.write_table(written, tmp_path / "rows.parquet")
    table = read_table(tmp_path / "rows.parquet")
    assert str(table.fault("odd", 1)).endswith("rows.parquet: row 2: odd")
    assert table.columns["b"] == ["x", None]
    assert table.to_arrow().column("a").type == pa.int16()


def test_rows_that_were_picked_keep_their_numbers_and_lines(tmp_path: Path) -> None:
    pyarrow.parquet.write_table(pa.table({"a": [1, 2, 3, 4]}), tmp_path / "rows.parquet")
    picked = read_table(tmp_path / "rows.parquet").take([3, 1]).take([1])
    assert str(picked.fault("odd", 0)).endswith("rows.parquet: row 2: odd")
    (piece,) = itertools.islice(scan_table(str(tmp_path / "rows.parquet"), chunk_rows=2), 1, 2)
    assert str(piece.take([1]).fault("odd", 0)).endswith("rows.parquet: row 4: odd")
    lines = read_table(write(tmp_path / "rows.csv", "a,b\n1,2\n3,4\n")).take([1])
    assert str(lines.fault("odd", 0)).endswith("rows.csv:3: odd")


def test_rows_of_an_array_keep_their_numbers_beside_faulty_ones(tmp_path: Path) -> None:
    table = read_table(write(tmp_path / "rows.json", '[7, {"a": 1}, {"a": "\\ud83d"}, {"a": 2}]'))
    assert messages(table) == [
        ": row 1: is not a JSON object",
        ": row 3: holds half of a character (an unpaired surrogate)",
    ]
    assert str(table.fault("odd", 1)).endswith("rows.json: row 4: odd")


def test_no_row_of_an_array_costs_the_whole_text(tmp_path: Path) -> None:
    """Counted, not timed: all text that functions of the module are handed together."""
    text = json.dumps([{"a": f"row {number} \N{GRINNING FACE}"} for number in range(200)])
    path = write(tmp_path / "rows.json", text)
    handed = 0

    def count(frame: types.FrameType, event: str, _: object) -> None:
        nonlocal handed
        if event == "call" and frame.f_code.co_filename in (json_rows.__file__, json_tables.__file__):
            handed += sum(len(value) for value in frame.f_locals.values() if isinstance(value, str))

    sys.setprofile(count)
    try:
        table = read_table(path)
    finally:
        sys.setprofile(None)
    assert table.num_rows == 200
    assert handed < 10 * len(text)


def test_a_column_of_mixed_types_becomes_json_text(tmp_path: Path) -> None:
    table = read_table(write(tmp_path / "rows.jsonl", '{"a": 1, "b": [1]}\n{"a": "x", "b": [2]}\n{"b": []}\n'))
    assert table.to_arrow().to_pydict() == {"a": ["1", '"x"', None], "b": [[1], [2], []]}


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.csv", "", [": is empty"]),
        ("a.csv", "\n\n", [": is empty"]),
        ("a.jsonl", "", [": is empty"]),
        ("a.csv", "text,label\n", [": has a header and no rows"]),
        ("a.csv", "a,b\n1\n1,2,3\n", [":2: has 1 cell, the header has 2", ":3: has 3 cells, the header has 2"]),
        ("a.csv", "a,a,b\n1,2,3\n", [":1: two columns are called 'a'"]),
        ("a.csv", 'a,b\n1,2\n"open,3\n4,5\n', [":3: a quotation mark is opened in this row and never closed"]),
        ("a.csv", 'a,b\n"1"x,2\n3,4\n', [":2: a quotation mark closes a cell, and text follows it"]),
        ("a.csv", b"a,b\n1,\xe9\n2,x\n3,\xff\n", [":2: is not UTF-8", ":4: is not UTF-8"]),
        ("a.csv", "a,b\n1,2\n".encode("utf-16"), [": is UTF-16"]),
        ("a.jsonl", '{"a": 1}\n{"a": \n3\n', [":2: is not JSON", ":3: is not a JSON object"]),
        ("a.jsonl", r'{"a": "\ud83d"}', [":1: holds half of a character"]),
        ("a.jsonl", r'{"c": 1, "a": [{"b": "\uDE00"}]}', [":1: holds half of a character"]),
        ("a.jsonl", r'{"\ud83d": 1}', [":1: holds half of a character"]),
        ("a.jsonl", '{"a": ' + "[" * 100_000 + "\n", [":1: is nested too deeply"]),
        ("a.json", '[{"a": 1}, 2]', [": row 2: is not a JSON object"]),
        ("a.json", '[\n{"a": 1}', [":2: is not JSON"]),
        ("a.csv", "a,\n1,2\n", [":1: column 2 has no name in the header, and values below"]),
        ("a.csv", "a,b\na,b\n1,2\n", [":2: the header stands here once more"]),
        ("a.csv.gz", gzip.compress(b"a,b\n" + b"1,2\n" * 9, mtime=0)[:-12], [": is a damaged or truncated gzip file"]),
        ("a.csv.gz", b"a,b\n1,2\n", [": is a damaged or truncated gzip file"]),
        ("a.arrow", "a,b\n1,2\n", [": cannot be read as Arrow"]),
        ("a.parquet", "a,b\n1,2\n", [": cannot be read as Parquet"]),
        ("a.xlsx", "", [": cannot be read as a spreadsheet"]),
    ],
)
def test_faults_of_a_file(tmp_path: Path, name: str, content: str | bytes, expected: list[str]) -> None:
    found = messages(read_table(write(tmp_path / name, content)))
    assert len(found) == len(expected), found
    for message, start in zip(found, expected, strict=True):
        assert message.startswith(start)


def test_a_file_that_is_not_there_or_is_a_folder(tmp_path: Path) -> None:
    (tmp_path / "folder.csv").mkdir()
    assert messages(read_table(tmp_path / "none.csv")) == [": the file does not exist"]
    for folder in (tmp_path, tmp_path / "folder.csv"):
        (message,) = messages(read_table(folder))
        assert message.startswith(": is a folder, and no layout is recognised in it")
    (message,) = messages(read_table(tmp_path / f"{'a' * 300}.csv"))
    assert message.startswith(": cannot be read: ")


def test_whole_characters_are_read_however_they_are_escaped(tmp_path: Path) -> None:
    table = read_table(write(tmp_path / "a.jsonl", r'{"a": "\ud83d\ude00", "b": "\\ud83d"}'))
    assert table.columns == {"a": ("\N{GRINNING FACE}",), "b": ("\\ud83d",)}


def test_a_byte_order_mark_is_no_part_of_the_header(tmp_path: Path) -> None:
    assert list(read_table(write(tmp_path / "a.csv", "\ufefftext,label\nx,y\n")).columns) == ["text", "label"]


def test_a_long_document_is_read_and_the_csv_modules_limit_left_alone(tmp_path: Path) -> None:
    before = csv.field_size_limit()
    table = read_table(write(tmp_path / "a.csv", "text,label\n" + "word " * 100_000 + ",x\n"))
    assert table.faults == ()
    assert csv.field_size_limit() == before


def test_tabs_separate_tsv(tmp_path: Path) -> None:
    assert read_table(write(tmp_path / "a.tsv", "a\tb\n1,5\t2\n")).columns == {"a": ("1,5",), "b": ("2",)}
