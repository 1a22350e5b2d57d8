"""Spreadsheets that unpack to giants are refused before a reader fills memory; what people's programs write is read."""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import openpyxl
import pandas as pd
import pytest
import xlsxwriter

from headstart.tables import bounded_bytes
from headstart.tables.reading import read_table

FREE = 1 << 20
LONG = "a" * 30_000


@pytest.fixture(autouse=True)
def small_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded_bytes, "FREE_BYTES", FREE)
    monkeypatch.setattr(bounded_bytes, "MOST_PACKED_RATIO", 20)


def workbook(path: Path, num_rows: int = 20) -> Path:
    """Write texts and labels with pandas, as .xlsx or .ods."""
    frame = pd.DataFrame(
        {"text": [f"text {number}" for number in range(num_rows)], "label": ["good", "bad"] * (num_rows // 2)}
    )
    frame.to_excel(str(path), index=False)
    return path


def changed(path: Path, member: str, change: Callable[[bytes], bytes]) -> Path:
    """Change one member of an archive in place."""
    with zipfile.ZipFile(path) as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    assert change(contents[member]) != contents[member]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in contents.items():
            archive.writestr(name, change(content) if name == member else content)
    return path


def said(path: Path) -> str:
    return "; ".join(fault.message for fault in read_table(path).faults)


SHEET = "xl/worksheets/sheet1.xml"
XLSX: dict[str, Callable[[bytes], bytes]] = {
    "a far cell": lambda xml: xml.replace(b'r="A21"', b'r="XFD1048576"'),
    "a far cell, oddly written": lambda xml: xml.replace(b'r="A21"', b"r = ' xfd1048576'"),
    "a far row": lambda xml: xml.replace(b'<row r="21"', b'<row r="4000000000"').replace(b'r="A21"', b""),
    "a far column": lambda xml: xml.replace(b'r="A21"', b'r="ZZZZZZ21"'),
    "a far cell that looks empty": lambda xml: xml.replace(b'r="A21"', b'r="XFD1048576" s="0/>0"'),
    "blanks without end": lambda xml: xml.replace(b"<sheetData>", (b" " * 999 + b"<x/>") * (4 << 10) + b"<sheetData>"),
}
ODS: dict[str, Callable[[bytes], bytes]] = {
    "columns": lambda xml: xml.replace(
        b"<table:table-cell ", b'<table:table-cell table:number-columns-repeated="9000000" ', 1
    ),
    "rows": lambda xml: xml.replace(b"<table:table-row", b'<table:table-row table:number-rows-repeated="9000000"', 1),
    "one after another": lambda xml: xml.replace(
        b"<table:table-row>", b'<table:table-row table:number-rows-repeated="9000">'
    ).replace(b"<table:table-cell ", b'<table:table-cell table:number-columns-repeated="900" '),
    "texts": lambda xml: xml.replace(b"<text:p>text 7", b"<text:p>" + LONG.encode()).replace(
        b"<table:table-row>", b'<table:table-row table:number-rows-repeated="90">'
    ),
}


@pytest.mark.parametrize("name", XLSX)
def test_a_small_xlsx_that_means_a_giant_is_refused(name: str, tmp_path: Path) -> None:
    path = changed(workbook(tmp_path / "t.xlsx"), SHEET, XLSX[name])
    assert "unpacks to" in said(path)


@pytest.mark.parametrize("name", ODS)
def test_a_small_ods_that_means_a_giant_is_refused(name: str, tmp_path: Path) -> None:
    path = changed(workbook(tmp_path / "t.ods"), "content.xml", ODS[name])
    assert "unpacks to" in said(path)


def test_one_long_text_in_many_cells_is_counted_in_each(tmp_path: Path) -> None:
    path = tmp_path / "t.xlsx"
    with xlsxwriter.Workbook(str(path)) as book:
        sheet = book.add_worksheet()
        for row in range(200):
            sheet.write_row(row, 0, [LONG, "label"])
    assert "has" in said(path)
    assert "unpacks to 6,0" in said(path)


def test_an_archive_that_lies_about_a_size_is_unpacked_no_further(tmp_path: Path) -> None:
    path = changed(workbook(tmp_path / "t.xlsx"), SHEET, XLSX["blanks without end"])
    with zipfile.ZipFile(path) as archive:
        real = archive.getinfo(SHEET).file_size
    path.write_bytes(path.read_bytes().replace(struct.pack("<I", real), struct.pack("<I", 1000)))
    assert "unpacks to" in said(path)


@pytest.mark.parametrize("suffix", [".xlsx", ".ods"])
def test_an_ordinary_workbook_is_read(suffix: str, tmp_path: Path) -> None:
    table = read_table(workbook(tmp_path / f"t{suffix}", 1000))
    assert table.faults == ()
    assert table.num_rows == 1000


def test_one_long_text_among_many_short_ones_is_no_giant(tmp_path: Path) -> None:
    path = tmp_path / "t.xlsx"
    with xlsxwriter.Workbook(str(path)) as book:
        sheet = book.add_worksheet()
        for row in range(200):
            sheet.write_row(row, 0, [LONG if row == 7 else f"text {row}", "label"])
    assert said(path) == ""


def test_a_format_on_an_empty_far_cell_is_no_giant(tmp_path: Path) -> None:
    path = workbook(tmp_path / "t.xlsx")
    book = openpyxl.load_workbook(path)
    book.active["XFD10000"].font = openpyxl.styles.Font(bold=True)
    book.save(path)
    table = read_table(path)
    assert table.faults == ()
    assert table.num_rows == 20


def test_old_workbooks_which_a_reader_would_unpack_at_once_are_not_opened(tmp_path: Path) -> None:
    path = tmp_path / "t.xlsx"
    path.write_bytes(bytes.fromhex("d0cf11e0a1b11ae1") + bytes(5000))
    assert said(path) == "is an old Office file (.xls, .doc); save it as .xlsx or CSV"
    path.write_bytes(path.read_bytes() + "EncryptedPackage".encode("utf-16-le"))
    assert said(path) == "is protected by a password; save it without one"
