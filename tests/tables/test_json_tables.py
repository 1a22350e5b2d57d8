"""JSON of any shape is read to the rows that pandas or the json module wrote, or refused with the way on."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from headstart.tables.file_options import FileOptions
from headstart.tables.reading import read_table, scan_table
from headstart.tables.sources import tables_of
from headstart.tables.table import Table

FRAME = pd.DataFrame({"text": ["a film", "bad \u2028 food", "so"], "label": ["pos", "neg", "pos"], "n": [1, 2, 3]})
WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=9)
ROWS = FRAME.to_dict("records")


def read(folder: Path, written: object, name: str = "rows.json", **options: object) -> Table:
    path = folder / name
    path.write_text(written if isinstance(written, str) else json.dumps(written), encoding="utf-8")
    return read_table(path, FileOptions(**options))  # type: ignore[arg-type]


def rows(table: Table) -> list[dict[str, object]]:
    assert table.faults == ()
    return [dict(zip(table.columns, cells, strict=True)) for cells in zip(*table.columns.values(), strict=True)]


@pytest.mark.parametrize("orient", ["records", "split", "index", "columns", "tight", "table", "list", "lines"])
@pytest.mark.parametrize("name", ["rows.json", "rows.jsonl", "rows.json.gz"])
def test_each_orient_of_pandas_is_read_to_the_same_rows(tmp_path: Path, orient: str, name: str) -> None:
    if orient in ("tight", "list"):
        text = json.dumps(FRAME.to_dict(orient))  # type: ignore[call-overload]
    elif orient == "lines":
        text = FRAME.to_json(orient="records", lines=True)
    else:
        text = FRAME.to_json(orient=orient, index=None if orient != "table" else False, indent=2)
    path = tmp_path / name
    path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    assert rows(read_table(path)) == ROWS


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
@given(
    st.lists(
        st.fixed_dictionaries({"text": WORDS, "label": st.integers(0, 3), "m": st.none() | WORDS}),
        min_size=2,
        max_size=5,
    ),
    st.sampled_from(["records", "split", "index", "columns", "lines", "joined", "indented"]),
)
def test_any_rows_come_back_from_any_orient(tmp_path: Path, written: list[dict[str, object]], orient: str) -> None:
    frame = pd.DataFrame(written, dtype=object)
    texts: dict[str, Callable[[], str]] = {
        "lines": lambda: "\r\n".join(json.dumps(row, ensure_ascii=False) for row in written),
        "joined": lambda: "".join(json.dumps(row, indent=1) for row in written),
        "indented": lambda: json.dumps(written, indent=4),
    }
    text = texts[orient]() if orient in texts else frame.to_json(orient=orient)  # type: ignore[call-overload]
    assert rows(read(tmp_path, text)) == written


@pytest.mark.parametrize(
    ("written", "note"),
    [
        ({"data": ROWS}, "under 'data'"),
        ({"version": "1.0", "rows": ROWS, "meta": {"by": "us"}}, "under 'rows'"),
        ({"name": "x", "lang": "en", "sentences": ROWS, "authors": [{"name": "a"}]}, "under 'sentences'"),
        ({"result": {"a": 1}, "utterances": ROWS}, "under 'utterances'"),
        (
            {"data": {"columns": ["text", "label", "n"], "data": [list(row.values()) for row in ROWS]}},
            "under 'columns'",
        ),
        ({"train": ROWS}, "under 'train'"),
        ({str(number): row for number, row in enumerate(ROWS)}, "one record for each key"),
        ([[*row.values()] for row in [{name: name for name in FRAME}, *ROWS]], "the first array holds"),
    ],
)
def test_rows_are_found_where_they_lie_and_a_note_says_where(tmp_path: Path, written: object, note: str) -> None:
    table = read(tmp_path, written)
    assert rows(table) == ROWS
    assert note in " ".join(table.notes)


def test_a_column_may_hold_lists(tmp_path: Path) -> None:
    written = {"tokens": [["a", "b"], ["c", "d"]], "label": ["x", "y"]}
    assert read(tmp_path, written).columns == {name: tuple(values) for name, values in written.items()}


def test_other_lists_of_rows_are_said(tmp_path: Path) -> None:
    table = read(tmp_path, {"rows": ROWS, "more": ROWS[:2]})
    assert rows(table) == ROWS
    assert table.notes == ("JSON: the rows lie under 'rows'; not read: 'more' (2)",)


def test_records_by_a_name_keep_it(tmp_path: Path) -> None:
    table = read(tmp_path, {"q7": {"text": "a", "label": "x"}, "q9": {"text": "b", "label": "y"}})
    assert rows(table) == [{"key": "q7", "text": "a", "label": "x"}, {"key": "q9", "text": "b", "label": "y"}]


def test_arrays_of_text_and_label_have_names(tmp_path: Path) -> None:
    table = read(tmp_path, [["where is it", "map"], ["play on", "music"]])
    assert rows(table) == [{"text": "where is it", "label": "map"}, {"text": "play on", "label": "music"}]
    assert "`columns`" in table.notes[0]
    named = read(tmp_path, [["map", "where"], ["music", "play"]], no_header=True, columns=("label", "text"))
    assert list(named.columns) == ["label", "text"]
    assert list(read(tmp_path, [["a", "b", 1], ["c", "d", 2]]).columns) == ["column 1", "column 2", "column 3"]
    assert rows(read(tmp_path, '["a", "b"]\n["c", "d"]\n', "rows.jsonl"))[1] == {"text": "c", "label": "d"}


def test_texts_alone_are_a_column(tmp_path: Path) -> None:
    assert rows(read(tmp_path, ["one", "two"])) == [{"text": "one"}, {"text": "two"}]


def test_objects_inside_rows_are_columns(tmp_path: Path) -> None:
    written = [{"content": {"text": "a", "by": {"id": 1}}, "l": "x"}, {"content": {"text": "b"}, "l": ["y"]}]
    table = read(tmp_path, written)
    assert table.columns == {"content.text": ("a", "b"), "content.by.id": (1, None), "l": ("x", ["y"])}
    normal = pd.json_normalize(written)
    assert set(table.columns) == set(normal.columns)
    (fault,) = read(tmp_path, [{"a.b": 1, "a": {"b": 2}}]).faults
    assert "two columns are called 'a.b'" in str(fault)


def test_an_object_among_other_values_stays_a_value(tmp_path: Path) -> None:
    table = read(tmp_path, [{"text": "a", "label": "x"}, {"text": "b", "label": {"x": 1}}, {"text": "c"}])
    assert table.columns["label"] == ("x", {"x": 1}, None)
    choices = [{"label": {"choices": ["a"]}}, {"label": {"choices": ["a", "b"]}}]
    assert rows(read(tmp_path, choices)) == choices


def test_missing_is_not_empty_and_nan_is_missing(tmp_path: Path) -> None:
    table = read(tmp_path, '[{"a": NaN, "b": []}, {"a": null, "b": null}, {"a": -Infinity}]')
    assert table.columns == {"a": (None, None, float("-inf")), "b": ([], None, None)}


def test_splits_in_a_file_are_splits(tmp_path: Path) -> None:
    path = tmp_path / "clinc.json"
    written = {"train": [["a", "x"], ["b", "y"]], "val": [["c", "x"]], "oos_train": [["d", "oos"]], "test": []}
    path.write_text(json.dumps(written, indent=1))
    tables = tables_of(str(path), FileOptions())
    assert {split: list(table.columns["text"]) for split, table in tables.items()} == {
        "train": ["a", "b"],
        "validation": ["c"],
    }
    assert tables["train"].dropped == {"lies under 'oos_train'": 1}
    assert any("oos_train" in note for note in tables["train"].notes)
    whole = read_table(path)
    assert whole.num_rows == sum(table.num_rows for table in tables.values()) + 1
    assert whole.columns["split"] == ("train", "train", "val", "oos_train")


def test_a_column_called_split_stays(tmp_path: Path) -> None:
    table = read(tmp_path, {"train": [{"text": "a", "split": 1}], "test": [{"text": "b", "split": 2}]})
    assert (table.split_column, table.columns["split"]) == ("part", (1, 2))


@pytest.mark.parametrize("split", ["train", "test"])
def test_columns_under_splits(tmp_path: Path, split: str) -> None:
    written = {"train": {"text": ["a", "b"], "label": ["x", "y"]}, "test": {"text": ["c"], "label": ["x"]}}
    table = tables_of(str(_write(tmp_path, written)), FileOptions())[split]
    assert dict(table.columns) == {"text": [*written[split]["text"]], "label": [*written[split]["label"]]}


def _write(folder: Path, written: object) -> Path:
    path = folder / "rows.json"
    path.write_text(json.dumps(written))
    return path


def test_one_object_is_a_row(tmp_path: Path) -> None:
    assert rows(read(tmp_path, {"text": "a", "entities": [{"text": "b"}]})) == [
        {"text": "a", "entities": [{"text": "b"}]}
    ]
    assert rows(read(tmp_path, {"id": 4, "spans": [{"a": 1}]}, "rows.jsonl")) == [{"id": 4, "spans": [{"a": 1}]}]


def test_joined_arrays_and_objects_on_one_line(tmp_path: Path) -> None:
    table = read(tmp_path, '[{"a": 1}, {"a": 2}]\n\n[{"a": 3}]\n{"a": 4}{"a": 5}\n', "rows.jsonl")
    assert (table.columns, table.lines) == ({"a": (1, 2, 3, 4, 5)}, (1, 1, 3, 4, 4))


def test_pieces_are_those_of_the_whole(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text("\n" + "".join(f'{{"a": {number}}}\n' for number in range(25)))
    pieces = list(scan_table(str(path), chunk_rows=10))
    assert [piece.num_rows for piece in pieces] == [10, 10, 5]
    assert [piece.lines[0] for piece in pieces if piece.lines] == [2, 12, 22]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"text": "a", "text": "b"}', ":1: an object has one key twice: 'text'"),
        ('[{"a": 1},\n {"a": }]', ":2: is not JSON, or not whole: Expecting value at character 8"),
        ('{"text": "a"\n"label": "b"}\n', ":2: is not JSON, or not whole: Expecting ',' delimiter at character 1"),
        ("3", ": holds no table: it is one JSON value"),
        ('{"a": [1, 2], "b": [1]}', ": holds lists of different lengths: 'a' (2), 'b' (1)"),
        ('{"north": [{"t": 1}], "south": [{"t": 2}]}', ": holds several lists of rows: 'north' (1), 'south' (1)"),
        ('{"columns": ["a", "b"], "data": [[1]]}', ": the rows under 'data' have not all 2 cells"),
        ("[]", ": is empty"),
        ('[["a", "b"], ["c"]]', ": row 2: has 1 cell, the first row has 2"),
        ('[["a", "b"], {"c": 1}]', ": row 2: is not a JSON array"),
        ('[{"a": ' + "9" * 5000 + "}]", ":1: cannot be read: Exceeds the limit"),
    ],
)
def test_what_cannot_be_read_is_said(tmp_path: Path, text: str, expected: str) -> None:
    (fault,) = read(tmp_path, text).faults
    assert str(fault).removeprefix(str(tmp_path / "rows.json")).startswith(expected)


def test_json_under_another_name(tmp_path: Path) -> None:
    lines = "".join(json.dumps(row) + "\n" for row in ROWS)
    for name in ("rows.txt", "rows", "rows.train"):
        assert rows(read(tmp_path, lines, name)) == ROWS
        assert rows(read(tmp_path, json.dumps({"data": ROWS}, indent=1), name)) == ROWS
    for name in ("rows.csv", "rows.tsv"):
        (fault,) = read(tmp_path, lines, name).faults
        assert "holds JSON; call it .jsonl" in str(fault)
    assert rows(read(tmp_path, 'text,label\n"[a]",x\n', "rows.csv")) == [{"text": "[a]", "label": "x"}]


def test_a_damaged_first_line_costs_no_other(tmp_path: Path) -> None:
    table = read(tmp_path, '{"a": 1\n{"a": 2}\n{"a": 3}\n', "rows.jsonl")
    assert table.columns == {"a": (2, 3)}
    assert [fault.line for fault in table.faults] == [1]
