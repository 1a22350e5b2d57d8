"""Folders of texts by class, files by class, text and label files beside each other: rows, splits, what is left out."""

from __future__ import annotations

from pathlib import Path

import pytest
from sklearn.datasets import load_files

from headstart.errors import UsageError
from headstart.tables.file_options import FileOptions
from headstart.tables.reading import read_table
from headstart.tables.sources import tables_of
from headstart.tables.table import Table

Tree = dict[str, str]


def make(folder: Path, files: Tree, encoding: str = "utf-8") -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding=encoding, newline="")
    return folder


def pairs(table: Table) -> list[tuple[object, object]]:
    assert table.faults == ()
    return list(zip(table.columns["text"], table.columns["label"], strict=True))


def test_a_folder_for_each_class_is_what_scikit_learn_reads(tmp_path: Path) -> None:
    texts = {f"{label}/{number}.txt": f"{label} text {number}" for label in ("neg", "pos") for number in (1, 2, 10)}
    make(tmp_path, texts)
    table = read_table(tmp_path)
    theirs = load_files(tmp_path, encoding="utf-8", shuffle=False)
    expected = {(text, theirs.target_names[label]) for text, label in zip(theirs.data, theirs.target, strict=True)}
    assert set(pairs(table)) == expected
    assert table.columns["file"][:3] == ("neg/1.txt", "neg/2.txt", "neg/10.txt")


def test_splits_as_folders_and_texts_of_no_class(tmp_path: Path) -> None:
    files = {
        f"{split}/{label}/{n}.txt": f"{split} {n}\n" for split in ("train", "test") for label in "ab" for n in (0, 1)
    }
    files |= {
        "train/unsup/0.txt": "x",
        "train/unsup/1.txt": "y",
        "train/urls.txt": "http",
        "README": "read",
        "vocab": "v",
    }
    tables = tables_of(str(make(tmp_path / "reviews", files)), FileOptions())
    assert {split: table.num_rows for split, table in tables.items()} == {"train": 4, "test": 4}
    assert tables["train"].dropped == {"lies in the folder 'unsup', which is no class": 2}
    assert any("urls.txt" in note for note in tables["train"].notes)
    assert pairs(tables["test"])[0] == ("test 0", "a")


def test_texts_without_a_suffix(tmp_path: Path) -> None:
    make(tmp_path, {"alt.atheism/49960": "a", "alt.atheism/51060": "b", "sci.space/1.2": "c"})
    assert pairs(read_table(tmp_path)) == [("a", "alt.atheism"), ("b", "alt.atheism"), ("c", "sci.space")]


def test_an_undecodable_text_is_named(tmp_path: Path) -> None:
    make(tmp_path, {"a/1.txt": "caf\u00e9", "b/2.txt": "x"}, encoding="latin-1")
    (fault,) = read_table(tmp_path).faults
    assert "1.txt" in str(fault)
    assert "`encoding`" in str(fault)
    assert pairs(read_table(tmp_path, FileOptions(encoding="latin-1")))[0] == ("caf\u00e9", "a")


@pytest.mark.parametrize(
    ("names", "classes"),
    [
        (("pos.txt", "neg.txt"), {"pos", "neg"}),
        (("very_pos.txt", "pos.txt"), {"very_pos", "pos"}),
        (("rt-polarity.pos", "rt-polarity.neg"), {"pos", "neg"}),
        (("quote.tok.gt9.5000", "plot.tok.gt9.5000"), {"quote", "plot"}),
    ],
)
def test_a_file_for_each_class(tmp_path: Path, names: tuple[str, ...], classes: set[str]) -> None:
    make(tmp_path, {name: f"one {name}\n\ntwo {name}\n" for name in names} | {"README.txt": "about"})
    tables = tables_of(str(tmp_path), FileOptions(label_from_path=True))
    assert tables.keys() == {"train"}
    found = pairs(tables["train"])
    assert {label for _, label in found} == classes
    assert len(found) == 4
    assert all(str(label) in str(text) for text, label in found)
    assert any("README.txt" in note for note in tables["train"].notes)


@pytest.mark.parametrize(
    "names",
    [
        ("train.pos", "train.neg", "test.pos", "test.neg"),
        ("train_pos.txt", "train_neg.txt", "test_pos.txt", "test_neg.txt"),
    ],
)
def test_files_of_a_split_and_a_class(tmp_path: Path, names: tuple[str, ...]) -> None:
    make(tmp_path, {name: f"{name}\n" for name in names})
    tables = tables_of(str(tmp_path), FileOptions(label_from_path=True))
    assert {split: {label for _, label in pairs(table)} for split, table in tables.items()} == {
        "train": {"pos", "neg"},
        "test": {"pos", "neg"},
    }


def test_a_table_for_each_class(tmp_path: Path) -> None:
    make(tmp_path, {"pos.csv": "text,n\na,1\nb,2\n", "neg.csv": "text,n\nc,3\n"})
    table = tables_of(str(tmp_path), FileOptions(label_from_path=True))["train"]
    assert pairs(table) == [("c", "neg"), ("a", "pos"), ("b", "pos")]
    make(tmp_path, {"pos.csv": "text,label\na,1\n"})
    with pytest.raises(UsageError, match="has one already"):
        tables_of(str(tmp_path), FileOptions(label_from_path=True))


def test_label_from_path_is_refused_where_it_has_no_effect(tmp_path: Path) -> None:
    make(tmp_path, {"a.csv": "text,label\na,b\n", "one/pos.txt": "a\n"})
    with pytest.raises(UsageError, match="no effect"):
        tables_of(str(tmp_path / "a.csv"), FileOptions(label_from_path=True))
    with pytest.raises(UsageError, match="needs a file or a folder for each class"):
        tables_of(str(tmp_path / "one"), FileOptions(label_from_path=True))


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("reviews.txt", "reviews.labels"),
        ("reviews.txt", "reviews.label"),
        ("test.txt", "test_label.txt"),
        ("test.txt", "test-labels.txt"),
        ("train_text.txt", "train_labels.txt"),
        ("texts.txt", "labels.txt"),
        ("sentences.txt", "labels.txt"),
    ],
)
def test_labels_beside_a_text_file_are_found(tmp_path: Path, text: str, labels: str) -> None:
    make(tmp_path, {text: "a, b\nc\n\n", labels: "1\n2\n"})
    table = read_table(tmp_path / text)
    assert pairs(table) == [("a, b", "1"), ("c", "2")]
    assert table.lines == (1, 2)
    assert labels in table.notes[0]


def test_a_label_file_of_any_name(tmp_path: Path) -> None:
    make(tmp_path, {"a.txt": "x\n\nz\n", "gold": "1\n2\n3\n", "short": "1\n"})
    path = tmp_path / "a.txt"
    assert pairs(read_table(path, FileOptions(label_file=str(tmp_path / "gold")))) == [
        ("x", "1"),
        ("", "2"),
        ("z", "3"),
    ]
    (fault,) = read_table(path, FileOptions(label_file=str(tmp_path / "short"))).faults
    assert "has 3 lines, and short has 1" in str(fault)
    (fault,) = read_table(path, FileOptions(label_file=str(tmp_path / "none"))).faults
    assert "none: the file does not exist" in str(fault)
    make(tmp_path, {"a.csv": "text\na\n"})
    with pytest.raises(UsageError, match="`label_file` would have no effect"):
        read_table(tmp_path / "a.csv", FileOptions(label_file="gold"))


def test_validation_rows_have_labels_of_their_own(tmp_path: Path) -> None:
    make(tmp_path, {"a.txt": "x\nz\n", "gold": "1\n2\n", "dev.txt": "v\nw\n", "dev.labels": "2\n1\n"})
    options = FileOptions(label_file=str(tmp_path / "gold"), validation=str(tmp_path / "dev.txt"))
    tables = tables_of(str(tmp_path / "a.txt"), options)
    assert pairs(tables["train"]) == [("x", "1"), ("z", "2")]
    assert pairs(tables["validation"]) == [("v", "2"), ("w", "1")]
    with pytest.raises(UsageError, match="`label_file` would have no effect"):
        tables_of(str(tmp_path), options)


def test_a_folder_of_text_and_label_files(tmp_path: Path) -> None:
    files = {
        f"{split}_{what}.txt": f"{split} {what}\n" * 2
        for split in ("train", "val", "test")
        for what in ("text", "labels")
    }
    tables = tables_of(str(make(tmp_path, {**files, "mapping.txt": "0\tpos\n"})), FileOptions())
    assert {split: pairs(table)[0] for split, table in tables.items()} == {
        "train": ("train text", "train labels"),
        "validation": ("val text", "val labels"),
        "test": ("test text", "test labels"),
    }


def test_any_other_folder_is_refused_with_what_could_be_there(tmp_path: Path) -> None:
    make(tmp_path, {"notes/a.csv": "x", "b.bin": "y"})
    (fault,) = tables_of(str(tmp_path), FileOptions())["train"].faults
    assert "a folder for each class" in str(fault)
    assert "`label_from_path`" in str(fault)
