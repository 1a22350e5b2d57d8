"""A model's table was read somehow; other tables of the model are read the same way, unless something else is said."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from headstart.tables.file_options import AS_GUESSED, FileOptions
from headstart.tables.reading import read_table
from headstart.tables.stored_reading import StoredReading, is_utf_8

WITHOUT_HEADER = FileOptions(no_header=True, columns=("label", "text"), label="label", group="label", folds=3)
IN_CP1252 = FileOptions(encoding="cp1252", text="body")


def completed(
    kept: FileOptions, file: Path, given: FileOptions = AS_GUESSED, *, by: str = "train.csv", labelled: bool = True
) -> tuple[FileOptions, str]:
    return StoredReading.of(by, kept).completed(given, str(file), ("text",), labelled=labelled)


def test_only_what_other_tables_share_is_kept() -> None:
    kept = StoredReading.of("/data/Train.CSV.gz", WITHOUT_HEADER)
    assert kept.suffix == ".csv"
    assert kept.options == FileOptions(no_header=True, columns=("label", "text"))
    assert StoredReading.of("hub:someone/rows", AS_GUESSED) == StoredReading(suffix="", options=AS_GUESSED)


def test_a_file_without_a_header_is_read_like_the_other(tmp_path: Path) -> None:
    path = tmp_path / "test.csv"
    path.write_text("good,a film\nbad,a cat\n")
    options, said = completed(WITHOUT_HEADER, path)
    assert said == "read as the model's own table was: `no_header`, `columns` label,text"
    assert read_table(path, options).columns["text"] == ("a film", "a cat")


def test_a_header_with_the_text_wins_over_none(tmp_path: Path) -> None:
    path = tmp_path / "test.csv"
    path.write_text("id,text\n1,a film\n")
    options, said = completed(WITHOUT_HEADER, path, labelled=False)
    assert (options, said) == (AS_GUESSED, "")
    assert read_table(path, options).columns == {"id": ("1",), "text": ("a film",)}


def test_names_that_are_given_win_over_those_that_were_kept(tmp_path: Path) -> None:
    path = tmp_path / "test.csv"
    path.write_text("1,a film\n")
    given = FileOptions(no_header=True, columns=("id", "text"))
    assert completed(WITHOUT_HEADER, path, given) == (given, "")


@pytest.mark.parametrize("name", ["in.csv", "in.csv.gz"])
def test_an_encoding_is_for_files_that_are_not_utf_8(tmp_path: Path, name: str) -> None:
    text = "text\ncafé à emporter\n"
    for encoding, expected in (("cp1252", "cp1252"), ("utf-8", None)):
        content = text.encode(encoding)
        (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
        options, said = completed(IN_CP1252, tmp_path / name)
        assert options.encoding == expected
        assert said == ("read as the model's own table was: `encoding` 'cp1252'" if expected else "")
        assert read_table(tmp_path / name, options).columns["text"] == ("café à emporter",)
    assert completed(IN_CP1252, tmp_path / name, FileOptions(encoding="latin-1"))[0].encoding == "latin-1"


def test_another_format_does_not_take_what_is_about_this_one(tmp_path: Path) -> None:
    path = tmp_path / "in.jsonl"
    path.write_bytes('{"text": "café", "label": "a|b"}\n'.encode("cp1252"))
    kept = FileOptions(encoding="cp1252", separator="|")
    assert completed(kept, path)[0] == FileOptions(separator="|")
    assert completed(kept, path, by="train.jsonl.gz")[0] == kept


def test_labels_are_read_alike_only_where_labels_are_read(tmp_path: Path) -> None:
    path = tmp_path / "in.csv"
    path.write_text("text,label\na,b|c\n")
    kept = FileOptions(separator="|")
    assert completed(kept, path) == (kept, "read as the model's own table was: `separator` '|'")
    assert completed(kept, path, labelled=False) == (AS_GUESSED, "")
    assert completed(kept, path, FileOptions(separator=";"))[0].separator == ";"


def test_a_column_of_splits_counts_where_it_is_there(tmp_path: Path) -> None:
    kept = FileOptions(split_column="part")
    for header, expected in (("text,part", "part"), ("text,label", None)):
        (tmp_path / "in.csv").write_text(f"{header}\na,test\n")
        assert completed(kept, tmp_path / "in.csv")[0].split_column == expected
    on_the_hub = StoredReading.of("train.csv", kept).completed(AS_GUESSED, "hub:some/rows", ("text",), labelled=True)
    assert on_the_hub == (AS_GUESSED, "")


def test_utf_8_is_recognised_to_the_last_byte(tmp_path: Path) -> None:
    path = tmp_path / "in.txt"
    for content, expected in ((b"abc", True), ("é".encode(), True), ("é".encode()[:1], False), (b"\xe9t\xe9", False)):
        path.write_bytes(content)
        assert is_utf_8(path) == expected
    assert not is_utf_8(tmp_path / "missing.txt")
    (tmp_path / "in.gz").write_bytes(b"no gzip")
    assert not is_utf_8(tmp_path / "in.gz")
