"""Rows that a model is scored on: the test rows of data with splits, whatever lays them apart."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest

from headstart.errors import DataError, UsageError
from headstart.tables.file_options import FileOptions
from headstart.tables.sources import table_to_score, tables_of

Parts = dict[str, list[dict[str, object]]]
PARTS: Parts = {
    "train": [{"text": "a", "label": "x"}, {"text": "b", "label": "y"}],
    "dev": [{"text": "c", "label": "x"}],
    "test": [{"text": "d", "label": "y"}, {"text": "e", "label": "x"}],
}


def one_json(folder: Path, parts: Parts) -> Path:
    path = folder / "rows.json"
    path.write_text(json.dumps(parts))
    return path


def class_folders(folder: Path, parts: Parts) -> Path:
    for split, rows in parts.items():
        for label in ("x", "y", "z"):
            place = folder / "texts" / split / label
            place.mkdir(parents=True)
            (place / "1.txt").write_text(next((str(row["text"]) for row in rows if row["label"] == label), "f"))
    return folder / "texts"


def label_files(folder: Path, parts: Parts) -> Path:
    for split, rows in parts.items():
        for name, column in (("text", "text"), ("labels", "label")):
            (folder / f"{split}_{name}.txt").write_text("".join(f"{row[column] or ''}\n" for row in rows))
    return folder


@pytest.mark.parametrize("write", [one_json, class_folders, label_files])
def test_the_test_rows_are_scored(tmp_path: Path, write: Callable[[Path, Parts], Path]) -> None:
    table = table_to_score(str(write(tmp_path, PARTS)), FileOptions(), "label")
    assert {"d", "e"} <= set(table.columns["text"]) <= {"d", "e", "f"}
    assert f"scored are the {table.num_rows} rows of the test split" in table.notes


def test_validation_rows_where_no_test_row_has_a_label(tmp_path: Path) -> None:
    parts = {**PARTS, "test": [{"text": "d", "label": None}]}
    table = table_to_score(str(one_json(tmp_path, parts)), FileOptions(), "label")
    assert table.columns["text"] == ["c"]


def test_all_rows_of_data_without_splits(tmp_path: Path) -> None:
    path = tmp_path / "rows.json"
    path.write_text(json.dumps(PARTS["test"]))
    assert table_to_score(str(path), FileOptions(), "label").columns["text"] == ("d", "e")


def test_a_named_column_of_splits_wins(tmp_path: Path) -> None:
    rows = [{**row, "part": split} for split, rows in PARTS.items() for row in rows]
    path = tmp_path / "rows.json"
    path.write_text(json.dumps(rows))
    assert table_to_score(str(path), FileOptions(split_column="part"), "label").columns["text"] == ["d", "e"]
    with pytest.raises(DataError, match="has no column 'other'"):
        table_to_score(str(path), FileOptions(split_column="other"), "label")


def test_an_encoding_that_is_none_is_refused_also_where_no_text_is_read(tmp_path: Path) -> None:
    """The model's folder says how its table was read, and is refused with such an encoding."""
    pyarrow.parquet.write_table(pa.table({"text": ["a", "b"], "label": ["x", "y"]}), tmp_path / "rows.parquet")
    with pytest.raises(UsageError, match="unknown `encoding` 'nope'"):
        tables_of(str(tmp_path / "rows.parquet"), FileOptions(encoding="nope"))
