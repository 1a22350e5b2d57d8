"""Labels of whole tables: the same classes by every route, known classes by name, and options that do something."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas
import pytest
from sklearn.metrics import accuracy_score

from headstart.data.user_rows import LabelledRows, UncutRows, labelled_rows, read_file
from headstart.errors import DataError, UsageError
from headstart.kinds.catalogue import kind_named
from headstart.tables.file_options import FileOptions
from headstart.tables.table import Table
from headstart.tasks.task import Task

WRITERS: dict[str, Callable[[pandas.DataFrame, Path], object]] = {
    ".csv": lambda frame, path: frame.to_csv(path, index=False),
    ".tsv": lambda frame, path: frame.to_csv(path, index=False, sep="\t"),
    ".jsonl": lambda frame, path: frame.to_json(path, orient="records", lines=True),
    ".json": lambda frame, path: frame.to_json(path, orient="records"),
    ".parquet": lambda frame, path: frame.to_parquet(path, index=False),
    ".feather": lambda frame, path: frame.to_feather(path),
}
COLUMNS: dict[str, tuple[list[Any], tuple[str, ...]]] = {
    "whole numbers": ([1, 2, 10], ("1", "2", "10")),
    "whole numbers as floats": ([1.0, 2.0, 10.0], ("1", "2", "10")),
    "truths": ([True, False, True], ("false", "true")),
    "texts of truths": (["True", "False", "TRUE"], ("false", "true")),
    "texts of numbers": (["1.0", "2", "1"], ("1", "2")),
    "leading zeros": (["007", "010", "007"], ("007", "010")),
    "names of missing values": (["None", "NA", "null"], ("NA", "None", "null")),
    "large numbers": ([1e16, 2e16, 1e16], ("10000000000000000", "20000000000000000")),
    "lists": ([["a"], ["a", "b"], []], ("a", "b")),
    "lists of one": ([["a"], ["b"], ["a"]], ("a", "b")),
    "lists of 0 and 1": ([[1, 0, 1], [0, 1, 0], [0, 0, 0]], ("0", "1", "2")),
}


def read(tmp_path: Path, values: list[Any], suffix: str = ".jsonl", **options: Any) -> UncutRows:
    frame = pandas.DataFrame({"text": [f"row {row}" for row in range(4 * len(values))], "label": values * 4})
    path = tmp_path / f"t{suffix}"
    WRITERS[suffix](frame, path)
    return read_file(str(path), FileOptions(text="text", label="label", **options))


def known(values: list[Any], classes: tuple[str, ...], kind: str = "classification", **options: Any) -> LabelledRows:
    table = Table(path=Path("t.csv"), columns={"text": [f"row {row}" for row in range(len(values))], "label": values})
    task = Task(name="t", kind=kind_named(kind), text_columns=("text",), label_column="label", labels=classes)
    return labelled_rows(table, task, FileOptions(**options))


@pytest.mark.parametrize("suffix", WRITERS)
@pytest.mark.parametrize("name", COLUMNS)
def test_one_frame_has_the_same_classes_by_every_route(tmp_path: Path, name: str, suffix: str) -> None:
    values, classes = COLUMNS[name]
    found, by_lines = read(tmp_path, values, suffix), read(tmp_path, values)
    assert found.classes == classes
    assert (found.kind, found.splits["train"].labels) == (by_lines.kind, by_lines.splits["train"].labels)


@pytest.mark.parametrize("suffix", WRITERS)
def test_null_is_unlabelled_and_an_empty_list_is_none_of_the_classes(tmp_path: Path, suffix: str) -> None:
    values: list[Any] = [["a"], ["a", "b"], [], None]
    with pytest.raises(DataError, match=r"the label \('label'\) is missing; `drop_incomplete`"):
        read(tmp_path, values, suffix)
    found = read(tmp_path, values, suffix, drop_incomplete=True)
    assert found.splits["train"].labels == ((0,), (0, 1), ()) * 4
    assert "4 rows were left out: no label" in found.notes


def test_one_and_true_are_one_value_where_nothing_else_stands(tmp_path: Path) -> None:
    found = read(tmp_path, ["true", "1", "0", "False"], ".csv")
    assert found.classes == ("false", "true")
    assert found.splits["train"].labels == (1, 1, 0, 0) * 4
    assert "1 is read as true, and 0 as false" in found.notes
    assert read(tmp_path, ["true", "1", "maybe"], ".csv").classes == ("1", "maybe", "true")


def test_names_that_read_like_missing_ones_and_numbers_among_words_are_said_in_one_line(tmp_path: Path) -> None:
    notes = read(tmp_path, ["None", "so", "so", "so", 1]).notes
    assert "taken as a class like others, not as a missing label: 'None' (4 rows)" in notes
    assert "numbers among words are classes too: '1' (4 rows)" in notes


def test_what_says_nothing_of_several_labels_is_said(tmp_path: Path) -> None:
    notes = read(tmp_path, ["a|b", "a|c", "a"], ".csv", separator="|").notes
    assert "every row has 'a'" in notes
    notes = read(tmp_path, ["a|b", "a|c", ""], ".csv", kind=kind_named("multi_label")).notes
    assert "4 rows have an empty label: none of the classes" in notes


def test_all_cells_that_speak_against_classes_are_shown(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        read(tmp_path, [0.5, 1.5, 2.5] * 10 + ["n/a"])
    assert [fault.row or fault.line for fault in caught.value.faults] == [31, 62, 93, 124]
    assert "nearly all labels are numbers, and this is not: 'n/a'" in str(caught.value)
    assert read(tmp_path, [0.5, 1.5, "n/a"], kind=kind_named("classification")).classes == ("0.5", "1.5", "n/a")


def test_decimal_commas_are_numbers_where_it_is_said(tmp_path: Path) -> None:
    found = read(tmp_path, ["1,5", "2,25", "1.234,5"], ".tsv", decimal=",")
    assert str(found.kind) == "regression"
    assert found.splits["train"].labels == (1.5, 2.25, 1234.5) * 4


def test_labels_that_look_the_same_are_refused_by_code_point_or_merged(tmp_path: Path) -> None:
    values = ["good", "bad", "go\u200bod", "good", "BAD"]
    with pytest.raises(DataError, match=r"U\+200B ZERO WIDTH SPACE") as caught:
        read(tmp_path, values)
    assert "`merge_labels` makes them one class" in str(caught.value)
    found = read(tmp_path, values, merge_labels=True)
    assert found.classes == ("bad", "good")
    assert found.splits["train"].labels == (1, 0, 1, 1, 0) * 4
    assert any("are one class" in note for note in found.notes)
    assert read(tmp_path, ["us", "US"], labels=(("US", "USA"),)).classes == ("us", "USA")


def test_classes_are_called_as_it_is_said(tmp_path: Path) -> None:
    found = read(tmp_path, [0, 1.0, 2], labels=(("0", "no"), ("1", "yes")))
    assert found.classes == ("2", "no", "yes")
    assert read(tmp_path, [[1, 0], [1, 1]], labels=(("0", "food"), ("1", "price"))).classes == ("food", "price")


@pytest.mark.parametrize(
    ("values", "options", "said"),
    [
        (["a", "b"], {"decimal": ","}, "`decimal` would have no effect"),
        (["a", "b"], {"decimal": ";"}, "`decimal` was given as ';'"),
        (["a", "b"], {"kind": kind_named("classification"), "separator": "|"}, "`separator` would have no effect"),
        ([0.5, 1.5], {"merge_labels": True}, "`merge_labels` would have no effect"),
        ([0.5, 1.5], {"labels": (("0.5", "half"),)}, "`labels` would have no effect"),
        (["a", "b"], {"labels": (("c", "d"),)}, "no training row has 'c'"),
        (["a", "b"], {"label": "label,note"}, "the column 'note' (`label 2`) is missing"),
    ],
)
def test_an_option_without_effect_is_refused(
    tmp_path: Path, values: list[Any], options: dict[str, Any], said: str
) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text("".join(json.dumps({"text": f"row {row}", "label": values[row % 2]}) + "\n" for row in range(8)))
    with pytest.raises(UsageError) as caught:
        read_file(str(path), FileOptions(**{"text": "text", "label": "label", **options}))
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("cells", "said"),
    [(["1", "true", "0"], "('a') is missing"), ([[1], 0, 1], "neither 0 nor 1"), (["2", "0", "1"], "neither 0 nor 1")],
)
def test_columns_of_0_and_1_hold_nothing_else(tmp_path: Path, cells: list[Any], said: str) -> None:
    rows = [{"text": f"row {row}", "a": cells[row % 3], "b": row % 2} for row in range(6)]
    path = tmp_path / "t.json"
    path.write_text(json.dumps(rows))
    options = FileOptions(text="text", label="a,b")
    if "missing" in said:
        assert read_file(str(path), options).classes == ("a", "b")
    else:
        with pytest.raises(DataError, match=said):
            read_file(str(path), options)


def test_a_perfect_model_scores_everything_whatever_its_classes_are_called() -> None:
    truth = ["pos", "neg", "neg", "pos"]
    codes = [{"pos": 1, "neg": 0}[name] for name in truth]
    with pytest.raises(DataError, match=r"none of the model's classes: neg, pos: '1', '0'") as caught:
        known(codes, ("neg", "pos"))
    assert caught.value.remedy == "  Say which class is meant: `labels` 1=...,0=..."
    reversed_classes = ("pos", "neg")
    found = known(codes, reversed_classes, labels=(("0", "neg"), ("1", "pos")))
    assert accuracy_score(truth, [reversed_classes[int(str(label))] for label in found.split.labels or ()]) == 1


@pytest.mark.parametrize(
    ("labels", "values", "expected"),
    [
        (("1.0", "2.0"), ["1", 2.0, "2.0", 1], (0, 1, 1, 0)),
        (("False", "True"), [True, "true", "False", False], (1, 1, 0, 0)),
        (("False", "True"), [1, "0", 1.0], (1, 0, 1)),
        (("0", "1"), [True, "FALSE", "1"], (1, 0, 1)),
        (("1", "1.0"), ["1", "1.0", 1.0], (0, 1, 0)),
        (("['food']", "[food, price]"), ["['food']", "[food, price]"], (0, 1)),
        (("NaN", "null"), ["NaN", "null"], (0, 1)),
    ],
)
def test_classes_of_older_models_are_found_by_their_value(
    labels: tuple[str, ...], values: list[Any], expected: tuple[int, ...]
) -> None:
    assert known(values, labels).split.labels == expected


def test_several_classes_of_a_model_are_found_in_lists_and_between_signs() -> None:
    labels = ("food", "Health, beauty", "price")
    assert known(["food|price", "price", "food", ""], labels, "multi_label").split.labels == ((0, 2), (2,), (0,), ())
    assert known(["Health, beauty", "food"], labels, "multi_label").split.labels == ((1,), (0,))
    assert known([["food", "price"], '["price"]', []], labels, "multi_label").split.labels == ((0, 2), (2,), ())


def test_a_label_that_looks_like_a_class_is_said_to_and_merged_where_asked() -> None:
    with pytest.raises(DataError, match=r"look the same: U\+2011 .* `merge_labels` takes them for one"):
        known(["so\u2011so", "good"], ("good", "so-so"))
    found = known(["so\u2011so", "GOOD"], ("good", "so-so"), merge_labels=True)
    assert found.split.labels == (1, 0)


def test_incomplete_rows_of_a_known_task_are_counted() -> None:
    found = known(["a", None, "b", ""], ("a", "b"), drop_incomplete=True)
    assert found.split.labels == (0, 1)
    assert found.notes == ("2 rows were left out: no label",)
