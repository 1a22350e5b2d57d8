"""Labels of tables that know their types, from the file to a task: names, declared order, rows without a label."""

from __future__ import annotations

from pathlib import Path

import pytest
from datasets import ClassLabel, Dataset, DatasetDict, Features, List, Value

from headstart.data.user_rows import load_file, read_file, read_labelled
from headstart.errors import DataError
from headstart.kinds.catalogue import kind_named
from headstart.tables.file_options import FileOptions
from headstart.tasks.catalogue import TASKS

NAMES = ["unhappy", "so so", "happy"]
FEATURES = Features({"text": Value("string"), "label": ClassLabel(names=NAMES)})


def rows(*codes: int, features: Features = FEATURES) -> Dataset:
    return Dataset.from_dict({"text": [f"text {i}" for i in range(len(codes))], "label": codes}, features=features)


def test_a_model_of_names_is_scored_on_the_file_that_carries_them(tmp_path: Path) -> None:
    rows(*[0, 1, 2] * 6).to_parquet(tmp_path / "rows.parquet")
    (tmp_path / "rows.csv").write_text(
        "text,label\n" + "".join(f"text {i},{NAMES[i % 3]}\n" for i in range(18)), encoding="utf-8"
    )
    typed, plain = load_file(str(tmp_path / "rows.parquet")), load_file(str(tmp_path / "rows.csv"))
    assert typed.task.labels == ("unhappy", "so so", "happy")
    for task in (typed.task, plain.task):
        for name in ("rows.parquet", "rows.csv"):
            found = read_labelled(str(tmp_path / name), task).split
            assert [task.labels[int(label)] for label in found.labels] == NAMES * 6


def test_rows_without_a_label_are_refused_or_left_out_and_no_class(tmp_path: Path) -> None:
    rows(*[0, 1, 2] * 6, *[-1] * 6).to_parquet(tmp_path / "rows.parquet")
    with pytest.raises(DataError, match=r"6 rows \(19, .*missing; `drop_incomplete`"):
        read_file(str(tmp_path / "rows.parquet"))
    found = read_file(str(tmp_path / "rows.parquet"), FileOptions(drop_incomplete=True))
    assert found.classes == tuple(NAMES)
    assert len(found.splits["train"]) == 18


def test_a_test_split_without_labels_is_said_and_not_used(tmp_path: Path) -> None:
    DatasetDict({"train": rows(*[0, 1, 2] * 6), "test": rows(*[-1] * 5)}).save_to_disk(tmp_path / "saved")
    found = load_file(str(tmp_path / "saved"))
    assert "test" not in found.splits
    assert "the test split (5 rows) has no labels: it is not used" in found.notes


def test_lists_of_classes_are_labels_of_one_row(tmp_path: Path) -> None:
    features = Features({"text": Value("string"), "label": List(ClassLabel(names=["food", "price"]))})
    dataset = Dataset.from_dict(
        {"text": [f"text {i}" for i in range(12)], "label": [[0], [1, 0], [], [1]] * 3}, features=features
    )
    dataset.to_parquet(tmp_path / "rows.parquet")
    found = read_file(str(tmp_path / "rows.parquet"))
    assert (str(found.kind), found.classes) == ("multi_label", ("food", "price"))


def test_codes_are_numbers_where_numbers_are_asked_for(tmp_path: Path) -> None:
    rows(*[0, 1, 2] * 4).to_parquet(tmp_path / "rows.parquet")
    options = FileOptions(kind=kind_named("regression"))
    task = load_file(str(tmp_path / "rows.parquet"), options).task
    assert list(read_labelled(str(tmp_path / "rows.parquet"), task).split.labels) == [0.0, 1.0, 2.0] * 4


def test_official_files_of_tasks_that_count_their_classes_are_read_by_places(tmp_path: Path) -> None:
    task = TASKS.get("super_glue/copa")
    features = Features({name: Value("string") for name in ("premise", "choice1", "choice2", "question")})
    features["label"] = ClassLabel(names=["choice1", "choice2"])
    names = ["premise", "choice1", "choice2", "question"]
    dataset = Dataset.from_dict(
        {name: ["it rained", "it rained again"] for name in names[:3]} | {"question": ["cause"] * 2, "label": [1, 0]},
        features=features,
    )
    dataset.to_parquet(tmp_path / "rows.parquet")
    assert list(read_labelled(str(tmp_path / "rows.parquet"), task).split.labels) == [1, 0]
    wic = TASKS.get("super_glue/wic")
    columns = {
        "word": ["place"], "sentence1": ["a place here"], "sentence2": ["the place there"],
        "start1": [2], "end1": [7], "start2": [4], "end2": [9], "label": [1],
    }  # fmt: skip
    features = Features(
        {name: Value("string" if isinstance(value[0], str) else "int32") for name, value in columns.items()}
    )
    features["label"] = ClassLabel(names=["False", "True"])
    Dataset.from_dict(columns, features=features).to_parquet(tmp_path / "wic.parquet")
    assert list(read_labelled(str(tmp_path / "wic.parquet"), wic).split.labels) == [1]
