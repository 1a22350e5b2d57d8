"""What can be wrong with a user's data: each kind with its message, all at once, before a model is loaded."""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headstart.data.user_rows import load_file
from headstart.errors import UsageError
from headstart.kinds.catalogue import kind_named
from headstart.tables.file_options import FileOptions
from headstart.tables.reading import read_table, scan_table

ROWS = [("one fine day", "yes"), ("two cold nights", "no"), ("three old men", "yes"), ("four young men", "no")]
GOOD = "text,label\n" + "".join(f"{text},{label}\n" for text, label in ROWS)
SWALLOWED = 'text,label\na,yes\n"b,no\nc,yes\nd,no\ne",yes\nf,no\ng,yes\nh,no\ni,yes\n'


def json_lines(*rows: object) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


LABELLED = [{"text": text, "label": label} for text, label in ROWS]
CHOICES = {"choices": ("a", "b", "c"), "label": "right"}


CASES: dict[str, tuple[str, str | bytes, dict[str, object], str]] = {
    # the file
    "no such file": ("t.csv", "", {"__missing__": True}, "t.csv: the file does not exist"),
    "empty": ("t.csv", "", {}, "t.csv: is empty"),
    "a header alone": ("t.csv", "text,label\n", {}, "t.csv: has a header and no rows"),
    "unknown suffix": ("t.data7", "x", {}, "the suffix '.data7' names no known format"),
    "a format that is not read": ("t.rds", "x", {}, "t.rds: .rds is not read; in R: write.csv"),
    "no spreadsheet": ("t.xlsx", "x", {}, "t.xlsx: cannot be read as a spreadsheet"),
    "not UTF-8": ("t.csv", GOOD.encode() + b"caf\xe9,yes\n", {}, "t.csv:6: is not UTF-8; give its `encoding`"),
    "UTF-16": ("t.csv", GOOD.encode("utf-16"), {}, "t.csv: is UTF-16; give `encoding` utf-16"),
    "another encoding than said": ("t.csv", b"text,label\n\x81,a\n", {"encoding": "cp1252"}, "is not cp1252"),
    "an encoding that nobody knows": ("t.csv", GOOD, {"encoding": "utf-9"}, "unknown `encoding` 'utf-9'"),
    "truncated gzip": ("t.csv.gz", gzip.compress(GOOD.encode() * 50, mtime=0)[:-20], {}, "truncated gzip file"),
    "no gzip": ("t.csv.gz", GOOD, {}, "damaged or truncated gzip file"),
    "no Parquet": ("t.parquet", GOOD, {}, "t.parquet: cannot be read as Parquet"),
    "no Arrow": ("t.arrow", GOOD, {}, "t.arrow: cannot be read as Arrow"),
    # the table
    "a delimiter of two signs": ("t.csv", GOOD, {"delimiter": "||"}, "`delimiter` was given as '||'"),
    "a delimiter for JSON": ("t.json", "[]", {"delimiter": ";"}, "`delimiter` would have no effect"),
    "swallowed rows": ("t.csv", SWALLOWED, {}, "t.csv:3: a cell of this row holds lines that look like rows"),
    "a picture": ("t.csv", b"\x89PNG\r\n\x1a\n", {}, "t.csv: is a PNG picture"),
    "UTF-32": ("t.csv", GOOD.encode("utf-32"), {}, "t.csv: is UTF-32; give `encoding` utf-32"),
    "an encoding of no text": ("t.csv", GOOD, {"encoding": "base64"}, "unknown `encoding` 'base64'"),
    "a header without its last name": (
        "t.csv",
        GOOD.replace("text,label", "text"),
        {},
        "has 2 cells, the header has 1",
    ),
    "doubled header": ("t.csv", "text,label\n" + GOOD, {}, "t.csv:2: the header stands here once more"),
    "two columns of a name": ("t.csv", "text,label,text\na,b,c\n", {}, "t.csv:1: two columns are called 'text'"),
    "a column without a name": ("t.csv", "text,label,\na,b,c\n", {}, "t.csv:1: column 3 has no name in the header"),
    "a missing header": (
        "t.csv",
        GOOD.partition("\n")[2],
        {},
        "the first row looks like data: 'yes' stands below it too; give",
    ),
    "too few cells": ("t.csv", GOOD + "alone\n", {}, "t.csv:6: has 1 cell, the header has 2"),
    "too many cells": ("t.csv", GOOD + "a,b,c\n", {}, "t.csv:6: has 3 cells, the header has 2"),
    "other columns than named": ("t.csv", "a,b,c\n", {"columns": ("text", "label")}, "the list of `columns` has 2"),
    "an open quotation mark": ("t.csv", GOOD + '"never closed,yes\n', {}, "t.csv:6: a quotation mark is opened"),
    "text after a quotation": (
        "t.csv",
        GOOD + '"a"b,yes\n',
        {},
        "t.csv:6: a quotation mark closes a cell, and text follows it",
    ),
    "a key that stands twice": ("t.jsonl", '{"a": 1, "a": 2}', {}, "t.jsonl:1: an object has one key twice: 'a'"),
    "broken JSON": ("t.jsonl", json_lines(*LABELLED) + "{", {}, "t.jsonl:5: is not JSON"),
    "JSON that is no object": ("t.jsonl", json_lines(*LABELLED, 7), {}, "t.jsonl:5: is not a JSON object"),
    "half of a character": (
        "t.jsonl",
        json_lines(*LABELLED) + r'{"text": "\ud83d", "label": "a"}',
        {},
        "half of a char",
    ),
    "a broken array": ("t.json", "[{", {}, "t.json:1: is not JSON"),
    # the columns
    "no such column": (
        "t.csv",
        GOOD,
        {"label": "lable"},
        "the column 'lable' (`label`) is missing: did you mean 'label'?",
    ),
    "a column twice": ("t.csv", GOOD, {"text": "label", "label": "label"}, "given twice, for `text` and `label`"),
    "no obvious text": ("t.csv", "a,b,label\nx,y,z\n", {}, "which column is the text? name it with `text`"),
    "no obvious label": ("t.csv", "text,b,c\nx,y,z\n", {}, "which column is the label? name it with `label`"),
    "an empty text": ("t.csv", GOOD + " ,yes\n", {}, "t.csv:6: the text ('text') is empty"),
    "a text that is a number": (
        "t.jsonl",
        json_lines(*LABELLED, {"text": 5, "label": "no"}),
        {},
        "the column of the text: 5",
    ),
    # labels
    "a missing label": ("t.csv", GOOD + "five,\n", {}, "t.csv:6: the label ('label') is missing"),
    "one class": ("t.csv", "text,label\na,x\nb,x\n", {}, "all rows have the label 'x'; two classes are needed"),
    "more classes than rows": ("t.csv", "text,label\na,x\nb,y\nc,z\n", {}, "every row has a label of its own"),
    "labels that differ by case": ("t.csv", GOOD + "five,YES\n", {}, "'yes' and 'YES' differ by case or spaces only"),
    "labels that differ by spaces": (
        "t.csv",
        GOOD + "a,no way\nb,no  way\n",
        {},
        "`merge_labels` makes them one class",
    ),
    "NaN in a target": (
        "t.csv",
        "text,label\na,1.5\nb,nan\n",
        {},
        "t.csv:3: the label ('label') is not a finite number: 'nan'",
    ),
    "infinity in a target": (
        "t.jsonl",
        '{"text":"a","label":1.5}\n{"text":"b","label":-Infinity}\n',
        {},
        "not a finite",
    ),
    "a word in a target": (
        "t.csv",
        GOOD,
        {"kind": kind_named("regression")},
        "t.csv: 4 lines (2, 3, 4, 5): the label ('label') is not a number: 'yes', 'no'",
    ),
    "a constant target": ("t.csv", "text,label\na,1.5\nb,1.5\n", {}, "all rows have the number 1.5"),
    "no label at all": ("t.csv", "text,label\na,\nb,\n", {"separator": "|"}, "no row has any label"),
    "an unknown label in validation": (
        "t.csv",
        GOOD,
        {"validation": "a,maybe"},
        "v.csv:2: the label is none of the training rows' classes: no, yes: 'maybe'",
    ),
    # choices
    "a choice missing": ("t.csv", "a,b,c,right\nx,,z,0\n", CHOICES, "t.csv:2: the choice 'b' is missing"),
    "one choice left": ("t.csv", "a,b,c,right\nx,,,0\n", CHOICES, "has 1 choices of a, b, c; two are needed"),
    "a right choice that is none": (
        "t.csv",
        "a,b,c,right\nx,y,z,3\n",
        CHOICES,
        "does not name a choice: 0 to 2, or a, b, c: '3'",
    ),
    "a right choice that is missing": ("t.csv", "a,b,c,right\nx,y,,2\n", CHOICES, "is 2, and the row has 2 choices"),
    "one column of choices": ("t.csv", GOOD, {"choices": ("text",)}, "`choices` names two columns or more"),
    # splits
    "a split of another name": (
        "t.csv",
        "text,label,s\na,x,train\nb,y,maybe\n",
        {"split_column": "s"},
        "is not train, validation or test: 'maybe'",
    ),
    "no training rows": ("t.csv", "text,label,s\na,x,dev\n", {"split_column": "s"}, "calls no row 'train'"),
    "a group that is missing": (
        "t.csv",
        "text,label,g\na,x,1\nb,y,\nc,y,2\n",
        {"group": "g"},
        "the group ('g') is miss",
    ),
    "more folds than rows": ("t.csv", GOOD, {"folds": 9}, "`folds` was given as 9"),
    "one fold": ("t.csv", GOOD, {"folds": 1}, "`folds` was given as 1"),
    "a fraction of everything": ("t.csv", GOOD, {"validation_fraction": 1.0}, "1.0 of the rows cannot be held out"),
    "a revision of a file": ("t.csv", GOOD, {"revision": "main"}, "`revision` would have no effect"),
}


def options_of(tmp_path: Path, values: dict[str, object]) -> FileOptions:
    values = {name: value for name, value in values.items() if not name.startswith("__")}
    if "validation" in values:
        rows = tmp_path / "v.csv"
        rows.write_text(f"text,label\n{values['validation']}\n")
        values["validation"] = str(rows)
    return FileOptions(**values)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", CASES)
def test_every_kind_of_bad_input_is_said(name: str, tmp_path: Path) -> None:
    file, content, values, said = CASES[name]
    path = tmp_path / file
    if "__missing__" not in values:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(UsageError) as caught:
        load_file(str(path), options_of(tmp_path, values))
    assert caught.value.exit_code == 2
    assert said in str(caught.value)


def test_there_are_at_least_forty_kinds() -> None:
    assert len(CASES) >= 40


def test_all_faults_of_a_file_come_at_once_in_the_order_of_lines(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text(GOOD + "five,\n,no\nsix,YES\n")
    with pytest.raises(UsageError) as caught:
        load_file(str(path))
    lines = [line.partition("t.csv:")[2].partition(":")[0] for line in str(caught.value).splitlines()]
    assert lines == ["6", "7", "8"]


def test_what_is_wrong_with_the_file_is_said_before_what_its_cells_hold(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text(GOOD + "five,\nx,y,z\n")
    with pytest.raises(UsageError) as caught:
        load_file(str(path))
    assert str(caught.value).startswith(f"{path}:7: has 3 cells, the header has 2; enclose texts")


def test_a_cause_has_one_line_however_many_rows_have_it(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("text,label\n" + "one,1.5\n" + "".join(f"two,word{number}\n" for number in range(400)))
    with pytest.raises(UsageError) as caught:
        load_file(str(path), FileOptions(kind=kind_named("regression")))
    places = "400 lines (3, 4, 5, 6, 7 and 395 more)"
    values = "'word0', 'word1', 'word2', ..."
    assert str(caught.value) == f"{path}: {places}: the label ('label') is not a number: {values}"


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is a folder, and no layout is recognised"):
        load_file(str(tmp_path))


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="the superuser may read everything")
def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text(GOOD)
    path.chmod(0)
    with pytest.raises(UsageError, match="cannot be read: Permission denied"):
        load_file(str(path))


def test_a_file_that_changes_while_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text(GOOD * 1)
    pieces = scan_table(str(path), chunk_rows=2)
    next(pieces)
    with path.open("a") as file:
        file.write("more,yes\n")
    faults = [str(fault) for piece in pieces for fault in piece.faults]
    assert any("was changed while it was read" in fault for fault in faults)


# Generated tables: the reader parses or refuses; it never crashes, and no row is lost in silence.

CELL = st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)


def written(rows: list[list[str]], end: str) -> bytes:
    """Write as spreadsheets do; every cell quoted, since Python's writer leaves a lone carriage return bare."""
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator=end, quoting=csv.QUOTE_ALL).writerows(rows)
    return buffer.getvalue().encode()


@settings(max_examples=150, deadline=None)
@given(
    header=st.lists(CELL, min_size=1, max_size=3),
    rows=st.integers(0, 6).flatmap(lambda count: st.lists(st.lists(CELL, min_size=3, max_size=3), max_size=count)),
    end=st.sampled_from(["\n", "\r\n"]),
    marked=st.booleans(),
)
def test_no_row_of_a_generated_table_is_lost(
    tmp_path_factory: pytest.TempPathFactory, header: list[str], rows: list[list[str]], end: str, marked: bool
) -> None:
    path = tmp_path_factory.mktemp("rows") / "t.csv"
    rows = [row[: len(header)] for row in rows]
    path.write_bytes(b"\xef\xbb\xbf" * marked + written([header, *rows], end))
    table = read_table(path)
    if table.faults or table.notes:
        return
    # A row of empty cells above the header is a blank line; one empty cell in marks may stand alone.
    blank = next((place for place, row in enumerate([header, *rows]) if len(row) == 1 or any(row)), 0)
    header, *rows = [header, *rows][blank:]
    # Columns without a name are left out where they are empty.
    named = [place for place, name in enumerate(header) if name.strip()]
    assert list(table.columns) == [header[place].strip() for place in named]
    filled = [row for row in rows if any(map(str.strip, row)) or len(header) == 1]
    kept = [[row[place] for place in named] for row in filled]
    assert [list(row) for row in zip(*table.columns.values(), strict=True)] == kept
    assert not any(row[place].strip() for row in filled for place in range(len(header)) if place not in named)
    assert sum(table.dropped.values()) == len(rows) - len(filled)


@settings(max_examples=150, deadline=None)
@given(
    content=st.binary(max_size=200), suffix=st.sampled_from([".csv", ".tsv", ".jsonl", ".json", ".parquet", ".csv.gz"])
)
def test_no_bytes_make_the_reader_crash(tmp_path_factory: pytest.TempPathFactory, content: bytes, suffix: str) -> None:
    path = tmp_path_factory.mktemp("bytes") / f"t{suffix}"
    path.write_bytes(content)
    table = read_table(path)
    assert table.faults or table.num_rows > 0


@settings(max_examples=60, deadline=None)
@given(
    values=st.lists(
        st.fixed_dictionaries({"text": CELL, "label": st.sampled_from(["a", "b"])}), min_size=1, max_size=8
    ),
    chunk_rows=st.integers(1, 4),
)
def test_pieces_are_the_whole(
    tmp_path_factory: pytest.TempPathFactory, values: list[dict[str, str]], chunk_rows: int
) -> None:
    folder = tmp_path_factory.mktemp("pieces")
    table = pa.Table.from_pylist(values)
    writers: dict[str, Callable[[Path], object]] = {
        "t.jsonl": lambda path: path.write_text(json_lines(*values)),
        "t.json": lambda path: path.write_text(json.dumps(values)),
        "t.parquet": lambda path: pyarrow.parquet.write_table(table, path),
    }
    for name, write in writers.items():
        write(folder / name)
        found = [
            row
            for piece in scan_table(str(folder / name), chunk_rows=chunk_rows)
            for row in zip(piece.columns["text"], piece.columns["label"], strict=True)
        ]
        assert found == [(value["text"], value["label"]) for value in values], name
