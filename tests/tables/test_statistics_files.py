"""Files of SPSS and Stata, as pyreadstat and pandas write them: names of classes, and what is declared missing."""

from __future__ import annotations

import datetime
import struct
from pathlib import Path

import pandas as pd
import pyreadstat
import pytest

from headstart.errors import UsageError
from headstart.kinds.catalogue import kind_named
from headstart.tables import bounded_bytes
from headstart.tables.file_options import FileOptions
from headstart.tables.reading import read_table, scan_table
from headstart.tables.table import Table

TEXTS = ["a", "b", "c", "d"]
SUFFIXES = [".sav", ".zsav", ".dta"]


def read(path: Path, values: list[object], names: dict[object, str], **options: object) -> Table:
    """Return what is read of a file with texts and one variable with names of its codes."""
    frame = pd.DataFrame({"text": TEXTS[: len(values)], "label": values})
    if path.suffix == ".dta":
        pyreadstat.write_dta(frame, str(path), variable_value_labels={"label": names}, **options)
    else:
        options |= {"row_compress": False, "compress": True} if path.suffix == ".zsav" else {}
        pyreadstat.write_sav(frame, str(path), variable_value_labels={"label": names}, **options)
    table = read_table(path)
    assert table.faults == ()
    assert list(table.columns["text"]) == TEXTS[: len(values)]
    return table


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_classes_have_their_names_in_the_order_of_their_codes(tmp_path: Path, suffix: str) -> None:
    table = read(tmp_path / f"t{suffix}", [3, 1, 2, 1], {1: "poor", 2: "fair", 3: "excellent"})
    assert list(table.columns["label"]) == ["excellent", "poor", "fair", "poor"]
    assert table.declared == {"label": ("poor", "fair", "excellent")}
    assert table.to_arrow().column("label").to_pylist() == table.columns["label"]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_codes_without_a_name_stand_among_the_others(tmp_path: Path, suffix: str) -> None:
    table = read(tmp_path / f"t{suffix}", [7, 10, 1, 2], {1: "not at all", 10: "very much"})
    assert list(table.columns["label"]) == ["7", "very much", "not at all", "2"]
    assert table.declared == {"label": ("not at all", "2", "7", "very much")}


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_two_codes_of_one_name_stay_apart(tmp_path: Path, suffix: str) -> None:
    table = read(tmp_path / f"t{suffix}", [1, 2, 9, 1], {1: "other", 2: "food", 9: "other"})
    assert list(table.columns["label"]) == ["other (1)", "food", "other (9)", "other (1)"]
    assert table.declared == {"label": ("other (1)", "food", "other (9)")}
    assert table.notes == ("in 'label' several codes are called 'other': their codes stand behind the name",)


def test_values_that_spss_declares_missing_are(tmp_path: Path) -> None:
    names = {1: "neg", 2: "pos", -9: "refused"}
    table = read(tmp_path / "t.sav", [1, -9, 2, None], names, missing_ranges={"label": [-9]})
    assert list(table.columns["label"]) == ["neg", None, "pos", None]
    assert table.declared == {"label": ("neg", "pos")}
    assert table.notes == ("rows whose value the file declares missing: 'label' (1)",)
    ranges = {"label": [{"lo": -99, "hi": -90}]}
    table = read(tmp_path / "t.sav", [1.5, -95, 2.5, -99], {-99: "refused"}, missing_ranges=ranges)
    assert list(table.columns["label"]) == [1.5, None, 2.5, None]
    assert table.declared == {}


def test_values_that_stata_declares_missing_are(tmp_path: Path) -> None:
    names = {1: "neg", 2: "pos", "a": "refused"}
    table = read(tmp_path / "t.dta", [1, "a", 2, None], names, missing_user_values={"label": ["a"]})
    assert list(table.columns["label"]) == ["neg", None, "pos", None]
    assert table.declared == {"label": ("neg", "pos")}
    assert table.notes == ("rows whose value the file declares missing: 'label' (1)",)


def test_names_of_missing_values_that_no_row_has_are_no_classes(tmp_path: Path) -> None:
    names = {1: "neg", 2: "pos", "a": "refused"}
    table = read(tmp_path / "t.dta", [1, 2, 2, None], names, missing_user_values={"label": ["a"]})
    assert table.declared == {"label": ("neg", "pos")}
    assert table.notes == ()


def test_codes_of_text_have_names_too(tmp_path: Path) -> None:
    names = {"m": "male", "f": "female"}
    table = read(tmp_path / "t.sav", ["m", "f", "x", "-"], names, missing_ranges={"label": ["-"]})
    assert list(table.columns["label"]) == ["male", "female", "x", None]


@pytest.mark.parametrize("suffix", [".sav", ".dta"])
def test_codes_stay_where_numbers_are_asked_for(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"t{suffix}"
    read(path, [7, 10, 1, 2], {1: "not at all", 10: "very much"})
    table = read_table(path, FileOptions(kind=kind_named("regression")))
    assert list(table.columns["label"]) == [7, 10, 1, 2]
    assert table.declared == {}


def test_categories_that_pandas_wrote_for_stata(tmp_path: Path) -> None:
    label = pd.Categorical(["hi", "lo", None], categories=["lo", "mid", "hi"], ordered=True)
    day = datetime.datetime(2024, 5, 1)
    frame = pd.DataFrame(
        {"text": ["a", "b\u00e9" * 1500, ""], "label": label, "number": [1.5, 2.5, None], "day": [day] * 3}
    )
    frame.to_stata(tmp_path / "t.dta", write_index=False, version=118, convert_strl=["text"])
    table = read_table(tmp_path / "t.dta")
    assert list(table.columns["text"]) == list(frame["text"])
    assert list(table.columns["label"]) == ["hi", "lo", None]
    assert table.declared == {"label": ("lo", "mid", "hi")}
    assert list(table.columns["number"]) == [1.5, 2.5, None]
    assert list(table.columns["day"]) == [day] * 3


def test_pieces_are_the_whole(tmp_path: Path) -> None:
    whole = read(tmp_path / "t.sav", [1, 2, 1, 3], {1: "x", 2: "y"})
    pieces = list(scan_table(str(tmp_path / "t.sav"), chunk_rows=3))
    assert [piece.num_rows for piece in pieces] == [3, 1]
    assert [value for piece in pieces for value in piece.columns["label"]] == whole.columns["label"]
    assert pieces[1].declared == whole.declared == {"label": ("x", "y", "3")}
    assert str(pieces[1].fault("odd", 0)).endswith("t.sav: row 4: odd")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_what_is_no_such_file_is_refused(tmp_path: Path, suffix: str) -> None:
    (tmp_path / f"t{suffix}").write_bytes(b"text,label\na,1\n")
    (fault,) = read_table(tmp_path / f"t{suffix}").faults
    assert fault.message.startswith("cannot be read: ")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_way_on_without_the_package(tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / f"t{suffix}").write_bytes(b"")
    monkeypatch.setitem(__import__("sys").modules, "pyreadstat", None)
    with pytest.raises(UsageError, match=r'(?s)pyreadstat.*pip install "headstart\[tables\]".*CSV'):
        read_table(tmp_path / f"t{suffix}")


def test_a_file_of_stata_that_is_cut_off_is_refused(tmp_path: Path) -> None:
    """Its last part holds the names of classes: without it 1 and 2 would be read."""
    read(tmp_path / "t.dta", [1, 2, 1, 2], {1: "x", 2: "y"})
    whole = (tmp_path / "t.dta").read_bytes()
    for length in range(len(whole) - 1, len(whole) - 150, -10):
        (tmp_path / "t.dta").write_bytes(whole[:length])
        (fault,) = read_table(tmp_path / "t.dta").faults
        assert fault.message == "is cut off: its end is missing"


def test_a_stata_file_that_declares_more_rows_than_it_has_bytes_is_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "t.dta"
    pyreadstat.write_dta(pd.DataFrame({"text": TEXTS, "label": [1, 2, 1, 2]}), str(path))
    count = b"<N>" + struct.pack("<Q", len(TEXTS))
    assert count in path.read_bytes()
    path.write_bytes(path.read_bytes().replace(count, b"<N>" + struct.pack("<Q", 2_000_000_000)))
    (fault,) = read_table(path).faults
    assert fault.message.startswith("is cut off: its 2,000,000,000 rows have")


@pytest.mark.parametrize("declared", [True, False])
def test_a_packed_spss_file_that_means_a_giant_is_refused(
    declared: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounded_bytes, "FREE_BYTES", 1 << 20)
    path = tmp_path / "t.zsav"
    pyreadstat.write_sav(pd.DataFrame({"text": ["a" * 2000] * 5000}), str(path), compress=True)
    assert path.stat().st_size < 1 << 20
    monkeypatch.setattr(bounded_bytes, "MOST_PACKED_RATIO", 2)
    if not declared:
        content = path.read_bytes()
        path.write_bytes(content[:80] + struct.pack("<i", -1) + content[84:])
    (fault,) = read_table(path).faults
    assert "unpacks to" in fault.message
    assert "save it as CSV" in fault.message


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_wide_texts_that_are_mostly_short_are_read(
    suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounded_bytes, "FREE_BYTES", 1 << 20)
    texts = ["a" * 2000, *(f"text {number}" for number in range(1, 2000))]
    write = pyreadstat.write_dta if suffix == ".dta" else pyreadstat.write_sav
    write(
        pd.DataFrame({"text": texts}), str(tmp_path / f"t{suffix}"), **({"compress": True} if suffix == ".zsav" else {})
    )
    table = read_table(tmp_path / f"t{suffix}")
    assert table.faults == ()
    assert list(table.columns["text"]) == texts


def test_a_long_text_of_stata_is_read_for_each_row(tmp_path: Path) -> None:
    path = tmp_path / "t.dta"
    pd.DataFrame({"text": ["a" * 5000] * 200}).to_stata(path, write_index=False, convert_strl=["text"], version=118)
    assert path.stat().st_size < 20_000
    assert [len(text) for text in read_table(path).columns["text"]] == [5000] * 200
