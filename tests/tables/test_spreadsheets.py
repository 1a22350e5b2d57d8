"""Spreadsheets are read as people see them: files that openpyxl, XlsxWriter and pandas wrote."""

from __future__ import annotations

import csv
import datetime
import zipfile
from pathlib import Path

import openpyxl
import pandas as pd
import pytest
import xlsxwriter
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from headstart.errors import UsageError
from headstart.tables.file_options import FileOptions
from headstart.tables.reading import read_table, scan_table
from headstart.tables.sources import tables_of
from headstart.tables.table import Table

HEADER = ["text", "label"]
ROWS = [["a fine film", "pos"], ["=not a formula", "neg"], ["  two\nlines ", 3]]


def workbook(path: Path, sheets: dict[str, list[list[object]]], hidden: tuple[str, ...] = ()) -> Path:
    """Write sheets with openpyxl; cells that are None stay empty."""
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        sheet.sheet_state = "hidden" if name in hidden else "visible"
        for number, row in enumerate(rows, 1):
            for column, value in enumerate(row, 1):
                cell = sheet.cell(number, column, value)
                if isinstance(value, str) and value.startswith("=not"):
                    cell.data_type = "s"
    book.save(path)
    return path


def rows_of(table: Table) -> list[tuple[object, ...]]:
    assert table.faults == (), [str(fault) for fault in table.faults]
    return list(zip(*table.columns.values(), strict=True))


def messages(table: Table) -> list[str]:
    return [str(fault).removeprefix(str(table.path)) for fault in table.faults]


def test_cells_are_as_a_csv_file_would_have_them(tmp_path: Path) -> None:
    day, moment = datetime.date(2024, 5, 1), datetime.datetime(2024, 5, 1, 12, 30)
    mixed = [1, 1.5, "n/a", True, day, moment, datetime.time(3, 4), 0.1, 1e300, 2**40, -0.0, "007", None]
    table = read_table(workbook(tmp_path / "t.xlsx", {"s": [["n", "mixed"], *([i, v] for i, v in enumerate(mixed))]}))
    assert list(table.columns["mixed"]) == [
        *("1", "1.5", "n/a", "True", "2024-05-01", "2024-05-01 12:30:00", "03:04:00", "0.1", "1e+300", "1099511627776"),
        *("0", "007", ""),
    ]
    assert list(table.columns["n"]) == [str(number) for number in range(len(mixed))]


def test_lines_are_the_numbers_beside_the_rows(tmp_path: Path) -> None:
    sheet = [[], [None, None, *HEADER], [], [None, None, "a", 1], [], [None, None, "b", 2]]
    table = read_table(workbook(tmp_path / "t.xlsx", {"s": sheet}))
    assert rows_of(table) == [("a", "1"), ("b", "2")]
    assert table.lines == (4, 6)
    assert str(table.fault("odd", 1)).endswith("t.xlsx:6: odd")


def test_the_first_visible_sheet_is_read_and_named(tmp_path: Path) -> None:
    sheets = {"notes": [["x"]], "2023": [HEADER, ["a", 1]], "2024": [HEADER, ["b", 2]]}
    path = workbook(tmp_path / "t.xlsx", sheets, hidden=("notes",))
    table = read_table(path)
    assert rows_of(table) == [("a", "1")]
    assert table.notes == (
        "sheet: '2023', the first visible one; there are also: 'notes', '2024' (`sheet` names another)",
    )
    assert rows_of(read_table(path, FileOptions(sheet="2024"))) == [("b", "2")]
    assert read_table(path, FileOptions(sheet="2024")).notes == ()
    assert messages(read_table(path, FileOptions(sheet="2025"))) == [
        ": has no sheet '2025' (`sheet`); there are: 'notes', '2023', '2024'"
    ]
    assert read_table(workbook(tmp_path / "one.xlsx", {"only": [HEADER, ["a", 1]]})).notes == ()


def test_a_sheet_of_what_has_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("text,label\na,1\n")
    with pytest.raises(UsageError, match="`sheet` would have no effect"):
        tables_of(str(tmp_path / "t.csv"), FileOptions(sheet="2024"))


def test_formulas_that_no_program_has_computed_are_refused_by_cell(tmp_path: Path) -> None:
    openpyxl_path = workbook(tmp_path / "o.xlsx", {"s": [HEADER, ["a", "=1+1"], ["=B2", 3]]})
    book = xlsxwriter.Workbook(tmp_path / "x.xlsx")
    sheet = book.add_worksheet()
    sheet.write_row(0, 0, HEADER)
    sheet.write_row(1, 0, ["a", "=1+1"])
    sheet.write_row(2, 0, ["=B2", 3])
    book.close()
    for path in (openpyxl_path, tmp_path / "x.xlsx"):
        found = read_table(path).faults
        assert [(fault.line, fault.value) for fault in found] == [(2, "B2: =1+1"), (3, "A3: =B2")]
        assert all("open the file in a spreadsheet program and save it" in fault.message for fault in found)


def test_formulas_with_a_stored_result_are_read(tmp_path: Path) -> None:
    book = xlsxwriter.Workbook(tmp_path / "t.xlsx")
    sheet = book.add_worksheet()
    sheet.write_row(0, 0, HEADER)
    sheet.write_formula(1, 0, '="a"&"b"', None, "ab")
    sheet.write_formula(1, 1, "=1+1", None, 2)
    book.close()
    assert rows_of(read_table(tmp_path / "t.xlsx")) == [("ab", "2")]


def test_text_that_pandas_turns_into_formulas_is_refused(tmp_path: Path) -> None:
    frame = pd.DataFrame({"text": ["good", "=) very good"], "label": ["a", "b"]})
    for engine in ("openpyxl", "xlsxwriter"):
        frame.to_excel(tmp_path / f"{engine}.xlsx", index=False, engine=engine)
        (fault,) = read_table(tmp_path / f"{engine}.xlsx").faults
        assert (fault.line, fault.value) == (3, "A3: =) very good")


def test_errors_are_no_values_and_said(tmp_path: Path) -> None:
    path = workbook(tmp_path / "t.xlsx", {"s": [[None, *HEADER], [None, "a", "#N/A"], [None, "b", "#DIV/0!"]]})
    table = read_table(path)
    assert rows_of(table) == [("a", ""), ("b", "")]
    assert table.notes == ("2 cells hold errors and count as empty: #N/A in C2, ...",)


@pytest.mark.parametrize(
    ("sheet", "expected", "note"),
    [
        ([["Survey 2024"], [], HEADER, ["a", 1]], [("a", "1")], ""),
        ([[None, *HEADER], [0, "a", 1], [1, "b", 2]], [("a", "1"), ("b", "2")], "row numbers (no name): left out"),
        ([[None, *HEADER], [7, "a", 1], [3, "b", 2]], [("a", "1"), ("b", "2")], "row numbers (no name): left out"),
        ([["text ", " label", " "], ["a", 1, " "]], [("a", "1")], ""),
    ],
)
def test_what_stands_around_a_table_is_left_out_and_said(
    tmp_path: Path, sheet: list[list[object]], expected: list[tuple[str, ...]], note: str
) -> None:
    table = read_table(workbook(tmp_path / "t.xlsx", {"s": sheet}))
    assert list(table.columns) == HEADER
    assert rows_of(table) == expected
    assert note in " ".join(table.notes)
    assert table.dropped == ({"a title above the header": 1} if sheet[0] == ["Survey 2024"] else {})


def test_header_rows_are_those_of_csv_files(tmp_path: Path) -> None:
    ids = ['{"ImportId":"QID1"}', '{"ImportId":"QID2"}']
    sheet = [HEADER, ["What do you think?", "Good or bad?"], ids, ["a", "good"], ["b", "bad"]]
    table = read_table(workbook(tmp_path / "t.xlsx", {"s": sheet}))
    assert rows_of(table) == [("a", "good"), ("b", "bad")]
    assert "Qualtrics" in " ".join(table.notes)


@pytest.mark.parametrize(
    ("sheet", "expected"),
    [
        ([], [": is empty"]),
        ([HEADER], [": has a header and no rows"]),
        ([["text", "text"], ["a", "b"]], [":1: two columns are called 'text': give one of them another name"]),
        ([["text", None], ["a", "b"], ["c", "d"]], [":1: column 2 has no name in the header, and values below"]),
        ([HEADER, ["a", 1], HEADER, ["b", 2]], [":3: the header stands here once more"]),
    ],
)
def test_faults_of_a_sheet(tmp_path: Path, sheet: list[list[object]], expected: list[str]) -> None:
    assert messages(read_table(workbook(tmp_path / "t.xlsx", {"s": sheet}))) == expected


def test_a_sheet_without_a_header(tmp_path: Path) -> None:
    path = workbook(tmp_path / "t.xlsx", {"s": [["a", 1], ["b", 2]]})
    options = FileOptions(no_header=True, columns=("text", "label"))
    assert rows_of(read_table(path, options)) == [("a", "1"), ("b", "2")]
    options = FileOptions(no_header=True, columns=("text", "label", "more"))
    assert messages(read_table(path, options)) == [": has 2 columns, the list of `columns` has 3"]


def test_what_is_no_spreadsheet_is_refused(tmp_path: Path) -> None:
    for content in (b"text,label\na,1\n", b"PK\x03\x04 and no more", b""):
        (tmp_path / "t.xlsx").write_bytes(content)
        (message,) = messages(read_table(tmp_path / "t.xlsx"))
        assert message.startswith(": cannot be read as a spreadsheet: ")


def test_the_way_on_without_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = workbook(tmp_path / "t.xlsx", {"s": [HEADER, ["a", 1]]})
    monkeypatch.setitem(__import__("sys").modules, "python_calamine", None)
    with pytest.raises(UsageError, match=r'(?s)python-calamine.*pip install "headstart\[tables\]".*CSV'):
        read_table(path)


def test_pieces_are_the_whole(tmp_path: Path) -> None:
    path = workbook(tmp_path / "t.xlsx", {"s": [HEADER, *([f"text {i}", i] for i in range(7))]})
    pieces = list(scan_table(str(path), chunk_rows=3))
    assert [piece.num_rows for piece in pieces] == [3, 3, 1]
    assert [row for piece in pieces for row in rows_of(piece)] == rows_of(read_table(path))


@pytest.mark.parametrize(("name", "engine"), [("t.xlsx", "openpyxl"), ("t.ods", "odf"), ("t.ods", "xlsxwriter")])
def test_what_pandas_writes_is_read_as_its_csv_file_is(tmp_path: Path, name: str, engine: str) -> None:
    """Whatever the suffix: given a `Path`, pandas writes .xlsx into a file called .ods."""
    frame = pd.DataFrame(
        {"text": ["a", "b\nc", "1"], "label": [1, 2, 3], "part": [0.5, 2.25, 1 / 3], "on": [True, False, True]}
    )
    with (tmp_path / name).open("wb") as file:
        frame.to_excel(file, sheet_name="data", engine=engine)
    frame.to_csv(tmp_path / "t.csv", index=False)
    with (tmp_path / "t.csv").open(newline="") as text:
        expected = list(csv.DictReader(text))
    table = read_table(tmp_path / name)
    assert [dict(zip(table.columns, row, strict=True)) for row in rows_of(table)] == expected


CELLS = st.one_of(
    st.text(
        st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff"), max_size=8
    ),
    st.integers(-(10**14), 10**14),
    st.floats(-1e300, 1e300).map(lambda value: float(f"{value:.15g}")),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25, deadline=None)
@given(st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=6))
def test_what_xlsxwriter_wrote_is_read_back(tmp_path: Path, rows: list[tuple[object, object]]) -> None:
    book = xlsxwriter.Workbook(tmp_path / "t.xlsx", {"strings_to_formulas": False, "strings_to_urls": False})
    sheet = book.add_worksheet()
    for number, row in enumerate([("a", "b", "c"), *((*row, "x") for row in rows)]):
        sheet.write_row(number, 0, row)
    book.close()
    for read, written in zip(rows_of(read_table(tmp_path / "t.xlsx")), rows, strict=True):
        for cell, value in zip(read, written, strict=False):
            assert cell == value if isinstance(value, str) else float(str(cell)) == value


ODS_ROW = '<table:table-row{}><table:table-cell table:number-columns-repeated="2"/>{}</table:table-row>'
ODS_TEXT = '<table:table-cell office:value-type="string"><text:p>{}</text:p></table:table-cell>'
ODS_FORMULA = '<table:table-cell table:formula="of:=[.C1]"/>'
ODS_ERROR = (
    '<table:table-cell table:formula="of:=1/0" office:value-type="string" office:string-value="" '
    'calcext:value-type="error"><text:p>#DIV/0!</text:p></table:table-cell>'
)


def ods(path: Path, *rows: tuple[str, str]) -> Path:
    """Write an .ods file by hand: attributes of a row, and its cells."""
    spaces = {"office": "office", "table": "table", "text": "text"}
    declared = " ".join(
        f'xmlns:{key}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"' for key, name in spaces.items()
    )
    body = "".join(ODS_ROW.format(*row) for row in rows)
    content = (
        f'<office:document-content {declared} xmlns:calcext="urn:org:documentfoundation:names:calc:1.0">'
        f'<office:body><office:spreadsheet><table:table table:name="data">{body}</table:table></office:spreadsheet>'
        "</office:body></office:document-content>"
    )
    manifest = '<m:manifest xmlns:m="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"/>'
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("META-INF/manifest.xml", manifest)
        archive.writestr("content.xml", content)
    return path


def test_formulas_and_errors_of_ods(tmp_path: Path) -> None:
    header, good = ("", ODS_TEXT.format("text") + ODS_TEXT.format("label")), ODS_TEXT.format("a")
    blank = (' table:number-rows-repeated="3"', "")
    path = ods(tmp_path / "t.ods", header, blank, ("", good + ODS_ERROR), ("", good + good))
    table = read_table(path)
    assert (rows_of(table), table.lines) == ([("a", ""), ("a", "a")], (5, 6))
    assert table.notes == ("1 cell holds an error and counts as empty: #DIV/0! in D5",)
    path = ods(tmp_path / "t.ods", header, blank, ("", good + ODS_FORMULA), ("", good + good))
    (fault,) = read_table(path).faults
    assert (fault.line, fault.value) == (5, "D5: of:=[.C1]")
