"""Weights of rows: read from a column, kept in every cut, and 1 on average where they are used."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.utils.class_weight import compute_class_weight

from headstart.data.examples import Split, TaskData, class_counts
from headstart.data.row_weights import class_totals, with_mean_one
from headstart.data.user_rows import load_file, read_labelled
from headstart.errors import DataError, UsageError
from headstart.experiments.experiment import Evaluation, TaskSource
from headstart.experiments.task_rows import TaskRows
from headstart.kinds.catalogue import kind_named
from headstart.tables.file_options import FileOptions
from headstart.tables.stored_reading import StoredReading
from headstart.tasks.task import Task

NUM_ROWS = 30


def write(path: Path, weights: list[object], header: str = "w") -> Path:
    rows = [f"row {row};{'yes' if row % 3 else 'no'};{weight}" for row, weight in enumerate(weights)]
    path.write_text("\n".join([f"text;label;{header}", *rows]) + "\n")
    return path


def load(path: Path, **options: object) -> TaskData:
    return load_file(str(path), FileOptions(weight="w", **options))  # type: ignore[arg-type]


def weight_of(row: int) -> float:
    return 0.5 + row % 4


def test_rows_that_may_train_have_the_weights_of_their_column(tmp_path: Path) -> None:
    data = load(write(tmp_path / "rows.csv", [weight_of(row) for row in range(NUM_ROWS)]))
    train, validation = data.splits["train"], data.splits["validation"]
    for split in (train, validation):
        assert split.weights == tuple(weight_of(int(text.split()[1])) for (text,) in split.texts)
    assert data.task.text_columns == ("text",)
    assert "rows are weighed by 'w', from 0.5 to 3.5, in training; in scores every row counts the same" in data.notes


def test_a_validation_file_needs_no_weights(tmp_path: Path) -> None:
    own = tmp_path / "validation.csv"
    own.write_text("text;label\nrow x;yes\nrow y;no\n")
    data = load(write(tmp_path / "rows.csv", list(range(1, NUM_ROWS + 1))), validation=str(own))
    assert data.splits["train"].weights == tuple(map(float, range(1, NUM_ROWS + 1)))
    assert data.splits["validation"].weights is None


def test_every_weight_that_is_none_is_a_fault_of_its_row(tmp_path: Path) -> None:
    wrong = ["0", "-1", "", "many", "inf", "nan", "true", "1e999"]
    path = write(tmp_path / "rows.csv", [*wrong, *[1.5] * NUM_ROWS])
    with pytest.raises(DataError) as caught:
        load(path)
    assert [(fault.line, fault.message) for fault in caught.value.faults] == [
        (line, f"the weight ('w') {'is missing' if value == '' else 'is not a number above 0'}")
        for line, value in enumerate(wrong, 2)
    ]


def test_a_weight_column_that_is_not_there_is_named(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.csv", [1] * NUM_ROWS, header="weihgt")
    with pytest.raises(DataError, match=r"the column 'w' \(`weight`\) is missing"):
        load(path, text="text", label="label")


def test_equal_weights_change_nothing_and_are_said(tmp_path: Path) -> None:
    weighed = load(write(tmp_path / "rows.csv", [2] * NUM_ROWS))
    plain = load_file(str(tmp_path / "rows.csv"), FileOptions(text="text", label="label"))
    assert weighed.splits == plain.splits
    assert weighed.fingerprint == plain.fingerprint
    assert "the weights ('w') are all equal: every row counts the same" in weighed.notes


def test_weights_are_part_of_what_rows_are(tmp_path: Path) -> None:
    light = load(write(tmp_path / "light.csv", [1, 2] * (NUM_ROWS // 2)))
    heavy = load(write(tmp_path / "heavy.csv", [1, 3] * (NUM_ROWS // 2)))
    assert light.splits["train"].texts == heavy.splits["train"].texts
    assert light.fingerprint != heavy.fingerprint


def test_a_decimal_comma_is_read_where_it_is_said(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.csv", ["0,5", "1.250,75"] * (NUM_ROWS // 2))
    assert set(load(path, decimal=",").splits["train"].weights or ()) == {0.5, 1250.75}
    with pytest.raises(UsageError, match="`decimal` would have no effect"):
        load_file(str(path), FileOptions(text="text", label="label", decimal=","))


def test_the_rows_to_train_on_have_the_mean_weight_1(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.csv", [1e300 if row % 5 else 3e299 for row in range(NUM_ROWS)])
    source = TaskSource(name="rows", file=str(path), options=FileOptions(weight="w"))
    train = TaskRows().parts(source, Evaluation(split="holdout", holdout_fraction=0.25)).train
    assert train.weights is not None
    assert np.mean(train.weights) == pytest.approx(1.0)
    assert max(train.weights) / min(train.weights) == pytest.approx(1 / 0.3)


def test_a_model_of_all_rows_learns_from_the_weights_of_those_that_were_held_out(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.csv", [weight_of(row) for row in range(NUM_ROWS)])
    source = TaskSource(name="rows", file=str(path), options=FileOptions(weight="w"))
    train = TaskRows().parts(source, Evaluation(split=None, trains_on_validation=True)).train
    expected = np.array([weight_of(int(text.split()[1])) for (text,) in train.texts])
    assert len(train) == NUM_ROWS
    np.testing.assert_allclose(train.weights or (), expected / expected.mean())


def test_folds_keep_the_weight_of_each_row(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.csv", [weight_of(row) for row in range(NUM_ROWS)])
    for fold in range(3):
        train = load(path, folds=3, fold=fold).splits["train"]
        assert train.weights == tuple(weight_of(int(text.split()[1])) for (text,) in train.texts)


def test_rows_to_score_have_their_weights_too_and_a_model_does_not_keep_the_column(tmp_path: Path) -> None:
    task = Task(name="t", text_columns=("text",), label_column="label", labels=("no", "yes"))
    path = write(tmp_path / "rows.csv", [weight_of(row) for row in range(NUM_ROWS)])
    found = read_labelled(str(path), task, FileOptions(weight="w"))
    assert found.split.weights == tuple(weight_of(row) for row in range(NUM_ROWS))
    assert "rows are weighed by 'w', from 0.5 to 3.5, in these scores" in found.notes
    assert StoredReading.of("rows.csv", FileOptions(weight="w")).options == FileOptions()


def test_the_total_of_a_class_is_that_of_its_rows() -> None:
    task = Task(name="t", text_columns=("text",), label_column="label", labels=("a", "b", "c"))
    rows = Split.of((("x",),) * 4, labels=(0, 1, 1, 2), weights=(1.0, 2.0, 3.0, 2.0))
    assert class_totals(task, rows) == (1.0, 5.0, 2.0)
    assert class_totals(task, rows.with_columns(weights=None)) == class_counts(task, rows) == (1, 2, 1)
    several = Split.of((("x",),) * 2, labels=((0, 2), ()), weights=(0.5, 1.5))
    assert class_totals(replace(task, kind=kind_named("multi_label")), several) == (0.5, 0.0, 0.5)


def test_balanced_class_weights_are_those_of_scikit_learn() -> None:
    task = Task(name="t", text_columns=("text",), label_column="label", labels=("a", "b", "c"))
    labels, weights = (0, 1, 1, 2, 2, 2), (0.25, 2.0, 3.0, 2.0, 0.5, 1.0)
    rows = with_mean_one(Split.of((("x",),) * 6, labels=labels, weights=weights))
    expected = compute_class_weight(
        "balanced", classes=np.arange(3), y=np.array(labels), sample_weight=np.array(rows.weights)
    )
    assert task.kind.balanced_weights(class_totals(task, rows), len(rows)) == pytest.approx(expected.tolist())
