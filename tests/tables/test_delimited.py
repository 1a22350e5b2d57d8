"""Delimited text: what is recognised is said, what was read right stays so, and no row is swallowed in silence."""

from __future__ import annotations

import csv
import gzip
import io
import itertools
from collections.abc import Sequence
from pathlib import Path

import pandas
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from headstart.tables.dialect import Quoting
from headstart.tables.file_options import FileOptions
from headstart.tables.magic import binary_kind
from headstart.tables.reading import read_table, scan_table
from headstart.tables.table import Table

TEXTS = ("nice film", "bad soup", "fine room", "cold tea", "warm bread", "loud chairs")
WORDS = st.text(st.sampled_from("ab ,;|\"'\n\t1"), max_size=8)
ANY = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=80, deadline=None)


def read(folder: Path, text: str | bytes, name: str = "t.csv", **options: object) -> Table:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_table(path, FileOptions(**options))  # type: ignore[arg-type]


def said(table: Table) -> str:
    return "\n".join(fault.message for fault in table.faults)


def rows_of(table: Table) -> list[tuple[object, ...]]:
    return list(zip(*table.columns.values(), strict=True))


def csv_text(rows: Sequence[Sequence[object]], delimiter: str = ",", quoting: Quoting = csv.QUOTE_MINIMAL) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, delimiter=delimiter, quoting=quoting).writerows(rows)
    return buffer.getvalue()


@ANY
@given(
    rows=st.lists(st.tuples(WORDS, WORDS, st.sampled_from(["yes", "no"])), min_size=1, max_size=12),
    delimiter=st.sampled_from(",;\t|"),
)
def test_what_the_csv_module_writes_is_read_as_it_reads_it(
    tmp_path: Path, rows: list[tuple[str, str, str]], delimiter: str
) -> None:
    text = csv_text([("text", "note", "label"), *rows], delimiter)
    table = read(tmp_path, text, delimiter=delimiter, quoting="double")
    assert table.faults == ()
    assert rows_of(table) == [tuple(row) for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)][1:]


@ANY
@given(rows=st.lists(st.tuples(WORDS, st.sampled_from(["yes", "no"])), min_size=1, max_size=12), usual=st.booleans())
def test_no_guess_changes_a_file_of_the_usual_delimiter(
    tmp_path: Path, rows: list[tuple[str, str]], usual: bool
) -> None:
    """Whatever signs stand in the texts: rows as the csv module reads them, or a refusal."""
    name, delimiter = ("t.csv", ",") if usual else ("t.tsv", "\t")
    table = read(tmp_path, csv_text([("text", "label"), *rows], delimiter, csv.QUOTE_ALL), name)
    assert table.faults or (rows_of(table) == rows and list(table.columns) == ["text", "label"])


@pytest.mark.parametrize("delimiter", [";", "\t", "|", ","])
@pytest.mark.parametrize("name", ["t.csv", "t.tsv", "t.txt", "t.data7", "t.csv.gz"])
def test_the_delimiter_is_recognised_and_said(tmp_path: Path, name: str, delimiter: str) -> None:
    frame = pandas.DataFrame({"text": TEXTS, "label": ["yes", "no"] * 3})
    content = frame.to_csv(index=False, sep=delimiter).encode()
    table = read(tmp_path, gzip.compress(content) if name.endswith(".gz") else content, name)
    assert rows_of(table) == list(frame.itertuples(index=False, name=None))
    usual = {"t.csv": ",", "t.csv.gz": ",", "t.tsv": "\t"}.get(name)
    assert bool(table.notes) == (delimiter != usual)


def test_one_column_with_signs_in_its_texts_stays_one(tmp_path: Path) -> None:
    assert rows_of(read(tmp_path, "text\na;b\nc;d\ne;f\n")) == [("a;b",), ("c;d",), ("e;f",)]


@pytest.mark.parametrize(
    "cell",
    [
        "Hello, world\nbye",
        "one, two\nthree, four\nfive",
        "1. soup\n2. bread, warm\n3. tea",
        "a\n\nb, no doubt\n",
        "x\ry, z",
    ],
)
def test_a_text_of_several_lines_is_a_text(tmp_path: Path, cell: str) -> None:
    rows = [("nice film", "yes"), ("bad soup", "no"), ("fine room", "yes"), (cell, "no"), ("cold tea", "yes")]
    table = read(tmp_path, csv_text([("text", "label"), *rows]))
    assert table.faults == ()
    assert rows_of(table) == rows


@pytest.mark.parametrize("chunk_rows", [1, 3, 1000])
@pytest.mark.parametrize("label_first", [True, False])
@pytest.mark.parametrize("until", [6, 7, 20])
def test_rows_that_a_stray_mark_swallows_are_never_lost(
    tmp_path: Path, label_first: bool, until: int, chunk_rows: int
) -> None:
    cells = [[f"text {number}", "yes" if number % 2 else "no"] for number in range(30)]
    cells[5][0], cells[until][0] = '"' + cells[5][0], cells[until][0] + '"'
    order = slice(None, None, -1 if label_first else 1)
    text = "".join(",".join(row[order]) + "\n" for row in [["text", "label"], *cells])
    (tmp_path / "t.csv").write_text(text)
    pieces = list(scan_table(str(tmp_path / "t.csv"), chunk_rows=chunk_rows))
    (fault,) = (fault for piece in pieces for fault in piece.faults)
    assert fault.line == 7
    assert "`quoting` none" in fault.message
    assert read(tmp_path, text, quoting="none").num_rows == 30
    forced = read(tmp_path, text, quoting="double")
    assert forced.faults == ()
    assert forced.num_rows == 30 - (until - 5)


def test_marks_of_a_table_with_tabs_are_literal_where_only_that_gives_rows(tmp_path: Path) -> None:
    """Also where the first mark stands far below the first lines."""
    plain = "label\ttext\n" + "yes\tnice film\nno\tbad soup\n" * 200
    table = read(tmp_path, plain + 'yes\t"Fine" they said\nno\t"open\nyes\tlast"\n', "t.tsv")
    assert table.num_rows == 403
    assert list(table.columns["text"][-3:]) == ['"Fine" they said', '"open', 'last"']
    assert "quotation marks are part of the text" in table.notes[0]
    enclosed = read(tmp_path, plain + 'no\t"a\tb"\nno\t"long ""a"""\n', "t.tsv")
    assert list(enclosed.columns["text"][-2:]) == ["a\tb", 'long "a"']
    assert enclosed.notes == ()


def test_marks_enclose_in_a_table_with_tabs_and_long_texts(tmp_path: Path) -> None:
    long = "w" * 140_000
    assert rows_of(read(tmp_path, f'a\tb\n"x"\ty\n"z"\t{long}\n', "t.tsv")) == [("x", "y"), ("z", long)]


@pytest.mark.parametrize("picked", [False, True])
def test_row_numbers_of_pandas_and_of_r_are_left_out(tmp_path: Path, picked: bool) -> None:
    frame = pandas.DataFrame({"text": TEXTS, "label": ["yes", "no"] * 3})
    frame = frame.sample(4, random_state=0) if picked else frame
    of_pandas = frame.to_csv()
    of_r = of_pandas.removeprefix(",")
    for text in (of_pandas, of_r):
        table = read(tmp_path, text)
        assert rows_of(table) == list(frame.itertuples(index=False, name=None))
        assert "row numbers" in "".join(table.notes)


def test_a_header_without_its_last_name_moves_no_column(tmp_path: Path) -> None:
    text = "text,label\n" + "".join(f"{text},yes,{place}\n" for place, text in enumerate(TEXTS))
    assert "has 3 cells, the header has 2" in said(read(tmp_path, text))


def test_empty_cells_after_the_last_column_are_not_read(tmp_path: Path) -> None:
    table = read(tmp_path, "text,label\n" + "".join(f"{text},yes,\n" for text in TEXTS))
    assert rows_of(table) == [(text, "yes") for text in TEXTS]


@pytest.mark.parametrize("below", ["s,c\nm,i\n", "c,nice film\nc,class\n"])
def test_short_texts_below_a_header_are_no_types_and_roles(tmp_path: Path, below: str) -> None:
    table = read(tmp_path, f"text,label\n{below}a,b\na,c\nb,c\n")
    assert (table.num_rows, table.notes) == (5, ())


def test_line_ends_in_a_table_of_one_column_are_in_its_cells(tmp_path: Path) -> None:
    assert rows_of(read(tmp_path, 'text\n"a\nb"\nc\n', "t.tsv")) == [("a\nb",), ("c",)]


def test_blank_lines_between_rows_of_a_header_count_for_nothing(tmp_path: Path) -> None:
    table = read(tmp_path, "text,label\n\nstring,discrete\nmeta,class\n\n" + "".join(f"{text},a\n" for text in TEXTS))
    assert rows_of(table) == [(text, "a") for text in TEXTS]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le"])
def test_a_byte_order_mark_stays_in_no_name(tmp_path: Path, encoding: str) -> None:
    mark = "" if encoding in ("utf-8-sig", "utf-16", "utf-32") else "\ufeff"
    content = f'{mark}"te,xt",label\ncafé,yes\n'.encode(encoding)
    given = {} if encoding == "utf-8-sig" else {"encoding": encoding}
    assert list(read(tmp_path, content, **given).columns) == ["te,xt", "label"]
    if given:
        name = "UTF-32" if "32" in encoding else "UTF-16"
        assert said(read(tmp_path, content)).startswith(f"is {name}; give `encoding`")


def test_pieces_hold_what_the_whole_holds(tmp_path: Path) -> None:
    """Blank lines, empty rows and line ends in cells, cut anywhere."""
    rows = [("a\nb", "yes"), ("", ""), ("c", "no"), ("", ""), ("d,e", "yes"), ("f", "no")] * 3
    whole = read(tmp_path, csv_text([("text", "label"), *rows]).replace("c,no", "\r\nc,no"))
    for chunk_rows in range(1, 20):
        pieces = list(scan_table(str(tmp_path / "t.csv"), chunk_rows=chunk_rows))
        assert list(itertools.chain.from_iterable(map(rows_of, pieces))) == rows_of(whole)
        assert [line for piece in pieces for line in piece.lines or ()] == list(whole.lines or ())
        assert sum(sum(piece.dropped.values()) for piece in pieces) == 6


@pytest.mark.parametrize(
    ("head", "word"),
    [
        (b"PK\x03\x04" + b"\0" * 26 + b"xl/workbook.xml", "Excel"),
        (b"PK\x03\x04" + b"\0" * 26 + b"mimetypeapplication/vnd.oasis.opendocument.spreadsheet", ".ods"),
        (b"PK\x03\x04" + b"\0" * 26 + b"reviews.csv", "ZIP"),
        (b"PAR1\x15\x04", "Parquet"),
        (b"%PDF-1.7", "PDF"),
        (b"\x1f\x8b\x08", "gzip"),
        (b"<!DOCTYPE html>", "web page"),
        (b"\x80\x04\x95", "pickle"),
        (b"PAR1,label\nx,y\n", ""),
        (b"text,label\nx,y\n", ""),
        (b"", ""),
    ],
)
def test_a_file_is_named_by_its_first_bytes(head: bytes, word: str) -> None:
    found = binary_kind(head)
    assert (word in found) if word else found == ""


ODD_LINES = ("", ",", " , ", "text,label", 'x,"y\nz"', "one", "a,b,c", "q\r,w", "last,row", "a, ", "é,ü")


@ANY
@given(
    odd=st.lists(st.tuples(st.integers(0, 300), st.sampled_from(ODD_LINES)), max_size=4),
    end=st.sampled_from(["\n", "\r\n"]),
)
def test_lines_cut_at_once_are_what_rows_one_by_one_are(tmp_path: Path, odd: list[tuple[int, str]], end: str) -> None:
    lines = [f"text {number},{'yes' if number % 2 else 'no'}" for number in range(300)]
    for place, line in odd:
        lines.insert(place, line)
    path = tmp_path / "t.csv"
    path.write_bytes(end.join(["text,label", *lines, ""]).encode())
    found = []
    for chunk_rows in (7, 60, 97, 10_000):
        pieces = list(scan_table(str(path), chunk_rows=chunk_rows))
        rows = [row for piece in pieces for row in rows_of(piece)]
        places = [line for piece in pieces for line in piece.lines or ()]
        faults = [str(fault) for piece in pieces for fault in piece.faults]
        found.append((rows, places, sorted(faults), sum(sum(piece.dropped.values()) for piece in pieces)))
    assert all(each == found[0] for each in found)
