"""Tables that know their types say one thing in every format: files that datasets, pandas and polars wrote."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet
import pytest
from datasets import ClassLabel, Dataset, Features, Json, List, Sequence, Value

from headstart.kinds.catalogue import kind_named
from headstart.tables.arrow_tables import table_of
from headstart.tables.file_options import FileOptions
from headstart.tables.reading import read_table, scan_table
from headstart.tables.sources import tables_of
from headstart.tables.table import Table, joined

NAMES = ["unhappy", "so so", "happy"]
REVIEWS = Features({"text": Value("string"), "label": ClassLabel(names=NAMES)})


def reviews(codes: list[int | None]) -> Dataset:
    return Dataset.from_dict({"text": [f"text {i}" for i in range(len(codes))], "label": codes}, features=REVIEWS)


def written(dataset: Dataset, route: str, folder: Path) -> Table:
    """Return what is read of a data set that datasets wrote in one of its formats."""
    if route == "folder":
        dataset.save_to_disk(folder / "saved")
        return tables_of(str(folder / "saved"), FileOptions())["train"]
    if route == "arrow":
        dataset.save_to_disk(folder / "saved")
        return read_table(next((folder / "saved").glob("*.arrow")))
    dataset.to_parquet(folder / "rows.parquet")
    return read_table(folder / "rows.parquet")


@pytest.mark.parametrize("route", ["parquet", "folder", "arrow"])
def test_classes_have_the_names_and_the_order_that_datasets_declares(tmp_path: Path, route: str) -> None:
    table = written(reviews([2, 0, -1, 1, None]), route, tmp_path)
    assert list(table.columns["label"]) == ["happy", "unhappy", None, "so so", None]
    assert table.declared == {"label": ("unhappy", "so so", "happy")}
    assert table.to_arrow().column("label").to_pylist() == table.columns["label"]
    assert table.faults == ()


@pytest.mark.parametrize("list_of", [List, Sequence, lambda inner: Sequence(inner, length=2)])
def test_lists_of_classes_have_names_too(tmp_path: Path, list_of: type) -> None:
    features = Features({"text": Value("string"), "tags": list_of(ClassLabel(names=["food", "price"]))})
    dataset = Dataset.from_dict({"text": ["a", "b", "c"], "tags": [[1, 0], [0, 0], None]}, features=features)
    table = written(dataset, "parquet", tmp_path)
    assert list(table.columns["tags"]) == [["price", "food"], ["food", "food"], None]
    assert table.declared == {"tags": ("food", "price")}


def test_empty_lists_stay_beside_missing_ones(tmp_path: Path) -> None:
    features = Features({"text": Value("string"), "tags": List(ClassLabel(names=["food"]))})
    dataset = Dataset.from_dict({"text": ["a", "b", "c"], "tags": [[], None, [0]]}, features=features)
    table = written(dataset, "folder", tmp_path)
    assert list(table.columns["tags"]) == [[], None, ["food"]]
    assert table.to_arrow().column("tags").to_pylist() == [[], None, ["food"]]


def test_a_class_that_is_not_declared_is_refused_with_its_row(tmp_path: Path) -> None:
    stored = pa.table({"text": ["a", "b"], "label": [0, 3]}).replace_schema_metadata(REVIEWS.arrow_schema.metadata)
    pyarrow.parquet.write_table(stored, tmp_path / "rows.parquet")
    (fault,) = read_table(tmp_path / "rows.parquet").faults
    assert (fault.row, fault.value) == (2, "3")
    assert fault.message == "the value of 'label' is none of the 3 classes that the file declares"


def test_codes_stay_where_numbers_are_asked_for(tmp_path: Path) -> None:
    reviews([2, 0, -1]).to_parquet(tmp_path / "rows.parquet")
    table = read_table(tmp_path / "rows.parquet", FileOptions(kind=kind_named("regression")))
    assert list(table.columns["label"]) == [2, 0, None]
    assert table.declared == {}


def test_minus_one_is_a_value_like_any_other_where_no_classes_are_declared(tmp_path: Path) -> None:
    pyarrow.parquet.write_table(pa.table({"text": ["a", "b"], "label": [-1, 1]}), tmp_path / "rows.parquet")
    assert list(read_table(tmp_path / "rows.parquet").columns["label"]) == [-1, 1]


MIXED = [["food"], ["food", "price"], "price", [], None, 7]


@pytest.mark.parametrize("route", ["parquet", "folder", "arrow"])
def test_json_columns_hold_values_and_not_their_source(tmp_path: Path, route: str) -> None:
    lines = tmp_path / "rows.jsonl"
    lines.write_text("".join(json.dumps({"text": f"{i}", "label": value}) + "\n" for i, value in enumerate(MIXED)))
    dataset = Dataset.from_json(str(lines), cache_dir=str(tmp_path / "cache"))
    assert isinstance(dataset.features["label"], Json)
    assert list(written(dataset, route, tmp_path).columns["label"]) == MIXED
    assert list(read_table(lines).columns["label"]) == MIXED


def test_features_that_are_damaged_change_nothing(tmp_path: Path) -> None:
    stored = pa.table({"text": ["a"], "label": [1]})
    for metadata in (b"{", b"[]", b'{"info": 3}', b'{"info": {"features": {"label": {"_type": "ClassLabel"}}}}'):
        pyarrow.parquet.write_table(
            stored.replace_schema_metadata({b"huggingface": metadata}), tmp_path / "rows.parquet"
        )
        table = read_table(tmp_path / "rows.parquet")
        assert (list(table.columns["label"]), table.faults) == ([1], ())


def frames() -> dict[str, object]:
    values = ["low", "high", None, "mid"] * 3
    return {
        "values": values,
        "ordered": pd.Categorical(values, categories=["low", "mid", "high"], ordered=True),
        "given": pd.Categorical(values, categories=["mid", "low", "high"]),
        "default": pd.Series(values).astype("category"),
    }


@pytest.mark.parametrize("suffix", [".parquet", ".feather"])
def test_categories_of_pandas_keep_their_order_where_somebody_gave_it(tmp_path: Path, suffix: str) -> None:
    frame = pd.DataFrame(frames())
    frame.to_parquet(tmp_path / "rows.parquet", row_group_size=2)
    frame.to_feather(tmp_path / "rows.feather")
    table = read_table(tmp_path / f"rows{suffix}")
    assert table.declared == {"ordered": ("low", "mid", "high"), "given": ("mid", "low", "high")}
    for name in frame.columns:
        assert list(table.columns[name]) == frames()["values"]
    (first, *_) = scan_table(str(tmp_path / f"rows{suffix}"), chunk_rows=1)
    assert first.declared == table.declared


@pytest.mark.parametrize("suffix", [".parquet", ".arrow"])
def test_enums_of_polars_are_declared_and_its_categories_are_not(tmp_path: Path, suffix: str) -> None:
    values = ["low", "high", None, "mid"] * 3
    frame = pl.DataFrame(
        {"enum": values, "category": values},
        schema={"enum": pl.Enum(["low", "mid", "high"]), "category": pl.Categorical},
    )
    frame.write_parquet(tmp_path / "rows.parquet", row_group_size=3)
    frame.write_ipc(tmp_path / "rows.arrow")
    table = read_table(tmp_path / f"rows{suffix}")
    assert table.declared == {"enum": ("low", "mid", "high")}
    assert list(table.columns["enum"]) == list(table.columns["category"]) == values


def test_an_index_of_pandas_without_a_name_is_left_out_and_said(tmp_path: Path) -> None:
    frame = pd.DataFrame({"text": ["a", "b", "c", "d"], "label": [1, 1, 2, 1]})
    frame[frame["label"] == 1].to_parquet(tmp_path / "rows.parquet")
    table = read_table(tmp_path / "rows.parquet")
    assert list(table.columns) == list(table.to_arrow().column_names) == ["text", "label"]
    assert table.notes == ("pandas' index, which has no name, is left out",)
    frame.set_index("text").to_parquet(tmp_path / "named.parquet")
    assert set(read_table(tmp_path / "named.parquet").columns) == {"text", "label"}


def test_two_columns_of_one_name_are_refused(tmp_path: Path) -> None:
    twice = pa.Table.from_arrays([pa.array(["a"]), pa.array(["b"])], names=["text", "text"])
    pyarrow.parquet.write_table(twice, tmp_path / "rows.parquet")
    assert [fault.message for fault in read_table(tmp_path / "rows.parquet").faults] == [
        "two columns are called 'text'"
    ]


def test_pieces_without_a_class_fit_the_others(tmp_path: Path) -> None:
    features = Features(
        {"text": Value("string"), "label": ClassLabel(names=NAMES), "tags": List(ClassLabel(names=NAMES))}
    )
    rows = {"text": list("abcd"), "label": [-1, -1, 0, 1], "tags": [[], [], [1], [2]]}
    Dataset.from_dict(rows, features=features).to_parquet(tmp_path / "rows.parquet", batch_size=2)
    pieces = list(scan_table(str(tmp_path / "rows.parquet"), chunk_rows=2))
    assert len(pieces) == 2
    whole = pa.concat_tables([piece.to_arrow() for piece in pieces])
    assert whole.column("label").to_pylist() == [None, None, "unhappy", "so so"]
    assert whole.column("tags").to_pylist() == [[], [], ["so so"], ["happy"]]


def test_categories_of_pieces_that_disagree_declare_nothing(tmp_path: Path) -> None:
    """Each group of rows is encoded anew, by who comes first."""
    groups = [pa.table({"label": pa.array(list(values)).dictionary_encode()}) for values in ("bab", "cab")]
    with pyarrow.parquet.ParquetWriter(tmp_path / "rows.parquet", groups[0].schema) as writer:
        for group in groups:
            writer.write_table(group)
    table = read_table(tmp_path / "rows.parquet")
    assert list(table.columns["label"]) == list("babcab")
    pieces = list(scan_table(str(tmp_path / "rows.parquet"), chunk_rows=3))
    assert [piece.declared for piece in pieces] == [{"label": ("b", "a")}, {"label": ("c", "a", "b")}]
    assert joined(tmp_path / "rows.parquet", pieces).declared == {}
    whole = pyarrow.parquet.read_table(tmp_path / "rows.parquet")
    assert table_of(tmp_path, whole).declared == {}


@pytest.mark.parametrize("route", ["parquet", "folder", "arrow"])
def test_columns_inside_others_are_those_of_json(tmp_path: Path, route: str) -> None:
    rows = [{"content": {"text": f"text {i}", "about": {"label": i % 2}}, "id": i} for i in range(4)] + [{"id": 4}]
    features = Features(
        {
            "content": {"text": Value("string"), "about": {"label": ClassLabel(names=["neg", "pos"])}},
            "id": Value("int64"),
        }
    )
    table = written(Dataset.from_list(rows, features=features), route, tmp_path)
    assert table.columns == {
        "content.text": [*(f"text {i}" for i in range(4)), None],
        "content.about.label": ["neg", "pos", "neg", "pos", None],
        "id": [0, 1, 2, 3, 4],
    }
    assert table.declared == {"content.about.label": ("neg", "pos")}
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert set(read_table(tmp_path / "rows.jsonl").columns) >= set(table.columns)


def test_objects_in_json_columns_are_columns_as_in_json(tmp_path: Path) -> None:
    rows = [{"text": "a", "label": {"choices": ["x"]}}, {"text": "b", "label": ["y"]}]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    stored = pa.array([json.dumps(row["label"]) for row in rows], pa.json_())
    pyarrow.parquet.write_table(pa.table({"text": ["a", "b"], "label": stored}), tmp_path / "rows.parquet")
    typed, lines = read_table(tmp_path / "rows.parquet"), read_table(tmp_path / "rows.jsonl")
    assert {name: list(values) for name, values in typed.columns.items()} == {
        name: list(values) for name, values in lines.columns.items()
    }
