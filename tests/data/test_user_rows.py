"""A user's own file: what becomes of good rows, and every fault with its line, all at once."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest

from headstart.data.examples import TaskData
from headstart.data.user_rows import load_file, read_labelled, unlabelled_chunk
from headstart.errors import DataError, UsageError
from headstart.kinds.catalogue import kind_named
from headstart.tables.file_options import FileOptions
from headstart.tables.reading import read_table
from headstart.tasks.task import Task
from tests.support.paths import SHARED_DATA, needs_shared_data

GOOD = "text,label\n" + "".join(f"row {row},{'yes' if row % 3 else 'no'}\n" for row in range(30))
TASK = Task(name="t", text_columns=("text",), label_column="label", labels=("no", "yes"))


def write(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def load(path: Path, **options: object) -> TaskData:
    values = {name: str(value) if isinstance(value, Path) else value for name, value in options.items()}
    return load_file(str(path), FileOptions(**values))  # type: ignore[arg-type]


def faults_of(path: Path, **options: object) -> list[str]:
    with pytest.raises(DataError) as caught:
        load(path, **options)  # type: ignore[arg-type]
    assert caught.value.exit_code == 2
    return [str(fault).replace(f"{path.parent}/", "") for fault in caught.value.faults]


def test_a_good_file_becomes_a_task_with_a_stratified_validation_split(tmp_path: Path) -> None:
    data = load(write(tmp_path / "good.csv", GOOD))
    assert data.task.name == "good.csv"
    assert data.task.labels == ("no", "yes")
    train, validation = data.splits["train"], data.splits["validation"]
    assert (
        dict(data.task.num_rows)
        == {"train": len(train), "validation": len(validation)}
        == {"train": 24, "validation": 6}
    )
    assert train.labels is not None
    assert validation.labels is not None
    assert (train.labels.count(0), validation.labels.count(0)) == (8, 2)
    for split in (train, validation):
        for (text,), label in zip(split.texts, split.labels or (), strict=True):
            assert data.task.labels[label] == ("yes" if int(text.split()[1]) % 3 else "no")
    assert any("guessed" in note for note in data.notes)
    assert any("6 of 30 rows are held out" in note for note in data.notes)


def test_the_cut_and_the_fingerprint_follow_the_rows_alone(tmp_path: Path) -> None:
    first = load(write(tmp_path / "a.csv", GOOD))
    rows = [dict(zip(("text", "label"), line.split(","), strict=True)) for line in GOOD.splitlines()[1:]]
    second = load(write(tmp_path / "b.jsonl", "\n".join(map(json.dumps, rows))))
    assert first.fingerprint == second.fingerprint
    changed = load(write(tmp_path / "c.csv", GOOD.replace("row 7,", "row seven,")))
    assert first.fingerprint != changed.fingerprint


def test_a_validation_file_is_taken_whole_and_rows_in_both_are_said(tmp_path: Path) -> None:
    validation = write(tmp_path / "v.csv", "label,text\nyes,new\nno,row 0\n")
    data = load(write(tmp_path / "t.csv", GOOD), validation=validation)
    assert data.splits["validation"].texts == (("new",), ("row 0",))
    assert data.splits["validation"].labels == (1, 0)
    assert len(data.splits["train"]) == 30
    assert any("1 of 2 validation rows" in note for note in data.notes)


def test_pairs_are_in_the_order_of_the_options(tmp_path: Path) -> None:
    content = "b,a,label\n" + "".join(f"second {row},first {row},{row % 2}\n" for row in range(8))
    data = load(write(tmp_path / "pairs.csv", content), text="a", text_pair="b", label="label")
    assert data.task.text_columns == ("a", "b")
    assert all(
        first.startswith("first") and second.startswith("second") for first, second in data.splits["train"].texts
    )


@pytest.mark.parametrize(
    ("values", "labels"),
    [
        ([1, 10, 2], ("1", "2", "10")),
        (["1", " 10 ", "2"], ("1", "2", "10")),
        ([True, False, True], ("false", "true")),
        ([1.0, 2.0, 10.0], ("1", "2", "10")),
        (["b", "a", "b"], ("a", "b")),
    ],
)
def test_labels_are_called_as_they_are_written(tmp_path: Path, values: list[object], labels: tuple[str, ...]) -> None:
    rows = [{"text": f"row {row}", "label": values[row % 3]} for row in range(12)]
    data = load(write(tmp_path / "rows.jsonl", "\n".join(map(json.dumps, rows))))
    assert data.task.labels == labels


def test_all_faults_of_both_files_are_said_at_once_in_order(tmp_path: Path) -> None:
    bad = 'text,label\ngood,a\n ,b\nnone,\n"multi\nline",b\n'
    validation = write(tmp_path / "v.csv", "text,label\nx,a\ny,zz\n,zz\n")
    assert faults_of(write(tmp_path / "t.csv", bad), validation=validation) == [
        "t.csv:3: the text ('text') is empty; `drop_incomplete` leaves such rows out",
        "t.csv:4: the label ('label') is missing; `drop_incomplete` leaves such rows out",
        "v.csv:3: the label is none of the training rows' classes: a, b: 'zz'",
        "v.csv:4: the text ('text') is empty; `drop_incomplete` leaves such rows out",
    ]


def test_faults_of_the_files_come_before_those_of_cells(tmp_path: Path) -> None:
    bad = b'text,label\ngood,a\n ,b\nragged,a,c\nnone,\ncaf\xe9,b\n"multi\nline",b\n"open,a\n'
    validation = write(tmp_path / "v.csv", "text,label\nx,a,b\ny,zz\n")
    assert faults_of(write(tmp_path / "t.csv", bad), validation=validation) == [
        "t.csv:4: has 3 cells, the header has 2; enclose texts that hold the sign between cells in quotation marks",
        "t.csv:6: is not UTF-8; give its `encoding`, such as cp1252, cp1251 or gb18030, or save it as UTF-8: "
        "the byte 0xE9 at character 4",
        "t.csv:9: a quotation mark is opened in this row and never closed; give `quoting` none if quotation marks are "
        "part of the text",
        "v.csv:2: has 3 cells, the header has 2; enclose texts that hold the sign between cells in quotation marks",
    ]


@pytest.mark.parametrize(
    ("content", "options", "expected"),
    [
        ("", {}, "t.csv: is empty"),
        ("text,label\n", {}, "t.csv: has a header and no rows"),
        ("text,label\na,x\nb,x\n", {}, "t.csv: all rows have the label 'x'; two classes are needed"),
        ("text,label\na,x\nb,y\n", {}, "t.csv: every row has a label of its own; is this the label's column?"),
        (
            GOOD,
            {"text": "txt"},
            "t.csv: the column 'txt' (`text`) is missing: did you mean 'text'?; there are: 'text', 'label'",
        ),
        (GOOD, {"text": "label", "label": "label"}, "t.csv: the column 'label' is given twice, for `text` and `label`"),
        ("a,b,c\n1,2,3\n", {}, "t.csv: which column is the label? name it with `label`; there are: 'a', 'b', 'c'"),
    ],
)
def test_single_faults(tmp_path: Path, content: str, options: dict[str, str], expected: str) -> None:
    assert faults_of(write(tmp_path / "t.csv", content), **options)[0] == expected


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"label": "x"}, "the text ('text') is empty; `drop_incomplete` leaves such rows out"),
        ({"text": None, "label": "x"}, "the text ('text') is empty; `drop_incomplete` leaves such rows out"),
        (
            {"text": 3, "label": "x"},
            "the text ('text') is not text; write it as text, or name the column of the text: 3",
        ),
        ({"text": "half \ud83d", "label": "x"}, "holds half of a character (an unpaired surrogate)"),
        ({"text": "t"}, "the label ('label') is missing; `drop_incomplete` leaves such rows out"),
        ({"text": "t", "label": None}, "the label ('label') is missing; `drop_incomplete` leaves such rows out"),
        (
            {"text": "t", "label": float("nan")},
            "the label ('label') is missing; `drop_incomplete` leaves such rows out",
        ),
        (
            {"text": "t", "label": "X"},
            "the labels 'x' and 'X' differ by case or spaces only; `merge_labels` makes them one class, `labels` gives "
            "one of them another name",
        ),
    ],
)
def test_faults_of_json_values(tmp_path: Path, row: dict[str, object], expected: str) -> None:
    rows = [*({"text": f"row {number}", "label": "xy"[number % 2]} for number in range(4)), row]
    assert faults_of(write(tmp_path / "t.jsonl", "\n".join(map(json.dumps, rows)))) == [f"t.jsonl:5: {expected}"]


def test_a_class_whose_only_row_is_faulty_is_not_called_missing(tmp_path: Path) -> None:
    training = write(tmp_path / "t.csv", "text,label\na,x\nb,x\nc,y\n,z\n")
    validation = write(tmp_path / "v.csv", "text,label\nd,z\n")
    assert faults_of(training, validation=validation) == [
        "t.csv:5: the text ('text') is empty; `drop_incomplete` leaves such rows out"
    ]


def test_a_missing_column_of_the_validation_file(tmp_path: Path) -> None:
    validation = write(tmp_path / "v.csv", "txt,label\nd,no\n")
    (fault,) = faults_of(write(tmp_path / "t.csv", GOOD), validation=validation)
    assert fault.startswith("v.csv: the column 'text' (`text`) is missing: did you mean 'txt'?")


def test_unlabelled_rows_keep_every_column_and_the_order(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", "id,b,a\n007,x,1\n008,y,2\n")
    read = unlabelled_chunk(read_table(path), replace(TASK, text_columns=("a", "b")))
    assert read.columns.to_pydict() == {"id": ["007", "008"], "b": ["x", "y"], "a": ["1", "2"]}
    assert read.split.texts == (("1", "x"), ("2", "y"))
    assert read.split.labels is None
    assert read.complete == (0, 1)


def test_unlabelled_rows_that_lack_a_text_are_no_examples(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", "id,b,a\n1,x,p\n2,,q\n3,y,\n4, ,r\n5,z,s\n")
    read = unlabelled_chunk(read_table(path), replace(TASK, text_columns=("a", "b")))
    assert read.columns.to_pydict() == {
        "id": list("12345"),
        "b": ["x", "", "y", " ", "z"],
        "a": ["p", "q", "", "r", "s"],
    }
    assert read.split.texts == (("p", "x"), ("s", "z"))
    assert read.complete == (0, 4)


def test_faults_of_unlabelled_rows(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", "text,id\n,1\na\n")
    with pytest.raises(DataError) as caught:
        unlabelled_chunk(read_table(path), TASK)
    assert [(fault.line, fault.message) for fault in caught.value.faults] == [
        (3, "has 1 cell, the header has 2"),
    ]
    with pytest.raises(DataError, match="the column 'body'"):
        unlabelled_chunk(read_table(path), replace(TASK, text_columns=("body",)))
    with pytest.raises(DataError, match="does not exist"):
        unlabelled_chunk(read_table(tmp_path / "none.csv"), TASK)


def test_labelled_rows_of_a_known_task(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", "text,label\na,yes\nb,no\nc, yes \n")
    assert read_labelled(str(path), TASK).split.labels == (1, 0, 1)
    with pytest.raises(DataError) as caught:
        read_labelled(str(write(path, "text,label\na,maybe\n,yes\nc,2\n")), TASK)
    assert [fault.line for fault in caught.value.faults] == [2, 3, 4]
    assert "the label is none of the model's classes: no, yes: 'maybe', '2'" in str(caught.value)
    assert caught.value.remedy == "  Say which class is meant: `labels` maybe=...,2=..."
    with pytest.raises(DataError, match="the column 'label'"):
        read_labelled(str(write(path, "text,verdict\na,yes\n")), TASK)


def test_a_number_is_a_class_and_no_index_where_classes_are_numbers(tmp_path: Path) -> None:
    task = Task(name="t", text_columns=("text",), label_column="label", labels=("1", "2", "3"))
    path = str(write(tmp_path / "t.csv", "text,label\na,1\nb,3\n"))
    assert read_labelled(path, task).split.labels == (0, 2)
    with pytest.raises(DataError, match="none of the model's classes: 1, 2, 3: '0'"):
        read_labelled(str(write(Path(path), "text,label\na,0\n")), task)


@pytest.mark.real
@needs_shared_data
def test_a_real_table_of_77_classes() -> None:
    folder = SHARED_DATA / "user" / "banking77"
    data = load(folder / "train.csv", validation=folder / "test.csv")
    assert data.task.num_labels == 77
    assert data.task.text_columns == ("text",)
    assert data.task.label_column == "category"
    assert dict(data.task.num_rows) == {"train": 10003, "validation": 3080}


def kinds_of(tmp_path: Path, content: str, **options: object) -> tuple[TaskData, tuple[object, ...]]:
    data = load(write(tmp_path / "t.jsonl" if content.startswith("{") else tmp_path / "t.csv", content), **options)
    labels = [*(data.training.labels or ()), *(data.evaluation.labels or ())]
    return data, tuple(labels)


def test_numbers_that_are_not_whole_are_a_regression_and_it_is_said(tmp_path: Path) -> None:
    content = "text,label\n" + "".join(f"row {row},{row / 4}\n" for row in range(10))
    data, labels = kinds_of(tmp_path, content)
    assert data.task.kind is kind_named("regression")
    assert data.task.metrics == ("pearson", "spearman", "mae", "rmse")
    assert sorted(labels) == [row / 4 for row in range(10)]  # type: ignore[type-var]
    assert any(note.startswith("kind: regression, since the labels are numbers") for note in data.notes)
    halves = "text,label\n" + "".join(f"row {row},{row % 2 / 2}\n" for row in range(10))
    assert kinds_of(tmp_path, halves, kind=kind_named("classification"))[0].task.labels == ("0", "0.5")


def test_whole_numbers_are_classes_unless_it_is_said_otherwise(tmp_path: Path) -> None:
    content = "text,label\n" + "".join(f"row {row},{row % 3}\n" for row in range(12))
    assert kinds_of(tmp_path, content)[0].task.labels == ("0", "1", "2")
    forced, labels = kinds_of(tmp_path, content, kind=kind_named("regression"))
    assert forced.task.kind is kind_named("regression")
    assert sorted(labels) == sorted(float(row % 3) for row in range(12))  # type: ignore[type-var]


def test_several_labels_come_as_lists_or_between_separators(tmp_path: Path) -> None:
    rows = [{"text": f"row {row}", "label": [["a"], ["b", "a"], [], ["c"]][row % 4]} for row in range(8)]
    from_lists, labels = kinds_of(tmp_path, "".join(json.dumps(row) + "\n" for row in rows))
    assert from_lists.task.kind is kind_named("multi_label")
    assert from_lists.task.labels == ("a", "b", "c")
    assert set(labels) == {(0,), (0, 1), (), (2,)}
    lines = "".join(f"{row['text']},{'|'.join(row['label'])}\n" for row in rows)  # type: ignore[arg-type]
    from_cells, same = kinds_of(tmp_path, "text,label\n" + lines, separator="|")
    assert from_cells.fingerprint == from_lists.fingerprint
    assert same == labels


def test_choices_may_differ_in_number_and_the_right_one_has_a_number_or_a_name(tmp_path: Path) -> None:
    content = "q,a,b,c,right\n" + "why?,x,y,z,c\n" * 3 + "who?,x,y,,1\n" * 3
    data, labels = kinds_of(tmp_path, content, text="q", choices=("a", "b", "c"), label="right")
    assert data.task.kind is kind_named("multiple_choice")
    assert data.task.choice_columns == ("a", "b", "c")
    rows = [*zip(data.training.choices or (), data.training.labels or (), strict=True)]
    assert set(rows) <= {(("x", "y", "z"), 2), (("x", "y"), 1)}
    assert set(labels) == {1, 2}


def test_a_file_without_a_header(tmp_path: Path) -> None:
    data = load(write(tmp_path / "t.csv", GOOD.partition("\n")[2]), columns=("text", "label"))
    assert data.fingerprint == load(write(tmp_path / "t.csv", GOOD)).fingerprint


def test_gzip_parquet_arrow_and_json_hold_the_same_rows(tmp_path: Path) -> None:
    expected = load(write(tmp_path / "t.csv", GOOD)).fingerprint
    rows = [dict(zip(("text", "label"), line.split(","), strict=True)) for line in GOOD.splitlines()[1:]]
    table = pyarrow.Table.from_pylist(rows)
    write(tmp_path / "t.csv.gz", gzip.compress(GOOD.encode()))
    write(tmp_path / "t.json", json.dumps(rows, indent=1))
    write(tmp_path / "latin.csv", GOOD.encode("utf-16"))
    pyarrow.parquet.write_table(table, tmp_path / "t.parquet")
    with pyarrow.OSFile(str(tmp_path / "t.arrow"), "wb") as sink, pyarrow.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    for name in ("t.csv.gz", "t.json", "t.parquet", "t.arrow"):
        assert load(tmp_path / name).fingerprint == expected, name
    assert load(tmp_path / "latin.csv", encoding="utf-16").fingerprint == expected


def test_a_datasets_folder_brings_its_splits(tmp_path: Path) -> None:
    from datasets import Dataset, DatasetDict

    labels = ["a", "b"] * 3
    parts = {name: {"text": [f"{name} {row}" for row in range(6)], "label": labels} for name in ("train", "dev")}
    DatasetDict({name: Dataset.from_dict(part) for name, part in parts.items()}).save_to_disk(str(tmp_path / "both"))
    Dataset.from_dict(parts["train"]).save_to_disk(str(tmp_path / "one"))
    both = load(tmp_path / "both")
    assert [texts[0] for texts in both.evaluation.texts] == parts["dev"]["text"]
    assert len(load(tmp_path / "one").training) == 4


def test_a_hub_data_set_that_cannot_be_fetched_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets

    def offline(name: str, config: str | None, revision: str | None) -> None:
        raise ConnectionError(f"Couldn't reach '{name}' on the Hub (OfflineModeIsEnabled)")

    monkeypatch.setattr(datasets, "load_dataset", offline)
    with pytest.raises(UsageError, match="'hub:owner/name' cannot be read: Couldn't reach 'owner/name'"):
        load_file("hub:owner/name")


def test_a_column_of_splits(tmp_path: Path) -> None:
    rows = "".join(f"row {row},{'xy'[row % 2]},{['train', 'train', 'valid', 'test'][row // 3]}\n" for row in range(12))
    data = load(write(tmp_path / "t.csv", "text,label,part\n" + rows), split_column="part")
    assert {name: len(split) for name, split in data.splits.items()} == {"train": 6, "validation": 3, "test": 3}


def test_groups_are_not_torn_apart(tmp_path: Path) -> None:
    rows = "".join(f"row {row},{'xy'[row % 2]},customer {row // 4}\n" for row in range(40))
    path = write(tmp_path / "t.csv", "text,label,who\n" + rows)
    for options in ({}, {"folds": 3, "fold": 1}):
        data = load(path, group="who", text="text", label="label", **options)
        owners = [
            {int(texts[0].split()[1]) // 4 for texts in split.texts} for split in (data.training, data.evaluation)
        ]
        assert owners[0].isdisjoint(owners[1])
        assert owners[1]


def test_a_text_may_be_the_group(tmp_path: Path) -> None:
    rows = "".join(f"premise {row // 4},row {row},{'xy'[row % 2]}\n" for row in range(40))
    path = write(tmp_path / "t.csv", "a,b,label\n" + rows)
    data = load(path, group="a", text="a", text_pair="b")
    sides = [{texts[0] for texts in split.texts} for split in (data.training, data.evaluation)]
    assert sides[0].isdisjoint(sides[1])
    assert all(sides)
    assert data.task.text_columns == ("a", "b")


def test_the_group_is_no_text_where_another_column_can_be(tmp_path: Path) -> None:
    rows = "".join(f"customer {row // 4},row {row},{'xy'[row % 2]}\n" for row in range(40))
    data = load(write(tmp_path / "t.csv", "who,remark,label\n" + rows), group="who")
    assert data.task.text_columns == ("remark",)


def test_leaks_are_counted_and_dropped(tmp_path: Path) -> None:
    training = write(tmp_path / "t.csv", "text,label\na b,x\nA  B,x\nc,y\nd,y\n")
    validation = write(tmp_path / "v.csv", "text,label\na b,x\nC,y\ne,y\n")
    data = load(training, validation=validation)
    shared = (
        "2 of 3 validation rows have texts that stand in training too, 1 of them only after case and spaces are folded"
    )
    assert any(note.startswith(shared) for note in data.notes)
    assert any(note.startswith("1 of 4 training rows repeat") for note in data.notes)
    clean = load(training, validation=validation, drop_leaks=True)
    assert clean.training.texts == (("a b",), ("d",))
    assert any(note.startswith("2 of 4 training rows were dropped") for note in clean.notes)
    assert any(note.startswith("1 of 4 training rows were kept") for note in clean.notes)
