"""Tables in text files: CSV and TSV, plain or gzipped, read piece by piece."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import re
import sys
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

from headstart.errors import DataFault, UsageError
from headstart.tables.file_options import FileOptions
from headstart.tables.table import Table

UNDECODABLE = re.compile("[\udc80-\udcff]")
"""How Python writes bytes that are not UTF-8 when it is told to keep them."""
LARGEST_CELL = min(sys.maxsize, 2**31 - 1)
"""In characters; the csv module's own limit of 131072 refuses long documents."""
DELIMITERS = {";": "semicolons", "\t": "tabs", "|": "bars", ",": "commas"}
UTF_16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)

NumberedRow = tuple[int, list[str]]


def scan_csv(path: Path, options: FileOptions, chunk_rows: int, delimiter: str = ",") -> Iterator[Table]:
    """Yield a CSV file piece by piece; blank lines are rows only where there is one column."""
    with _lines(path, options) as lines:
        rows = _csv_rows(lines, delimiter)
        header = list(options.columns)
        first = None
        if not header:
            first = next((row for row in rows if row[1]), None)
            if first is None:
                yield Table(path=path, columns={}, faults=lines.pop_faults())
                return
            header = first[1]
            for problem in _header_problems(header, delimiter):
                lines.add(problem, first[0])
        yield from _csv_pieces(lines, rows, header, chunk_rows, has_header=first is not None)


def scan_tsv(path: Path, options: FileOptions, chunk_rows: int) -> Iterator[Table]:
    """Yield a table with tabs between its cells piece by piece."""
    yield from scan_csv(path, options, chunk_rows, delimiter="\t")


class _Lines(Iterator[str]):
    """The lines of a text file with their ends, their number so far, and what is wrong with them."""

    def __init__(self, path: Path, stream: Iterable[str], encoding: str) -> None:
        self.path, self._stream, self._encoding = path, iter(stream), encoding
        self.number = 0
        self.faults: list[DataFault] = []

    def __next__(self) -> str:
        try:
            line = next(self._stream)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            self.faults.append(DataFault(file=str(self.path), message=f"is a damaged or truncated gzip file: {error}"))
            raise StopIteration from error
        except UnicodeError as error:
            self.add(f"is not {self._encoding}: {error}; give its `encoding`")
            raise StopIteration from error
        self.number += 1
        if bad := UNDECODABLE.search(line):
            byte = ord(bad.group()) - 0xDC00
            self.add(
                f"the byte 0x{byte:02X} at character {bad.start() + 1} is not UTF-8; give its `encoding`, such as "
                "cp1252, or save the file as UTF-8"
            )
            return UNDECODABLE.sub("\N{REPLACEMENT CHARACTER}", line)
        return line

    def pop_faults(self) -> tuple[DataFault, ...]:
        """Return the faults since the last call."""
        faults, self.faults = tuple(self.faults), []
        return faults

    def add(self, message: str, line: int | None = None) -> None:
        """Say that something is wrong with a line; by default with the one that was read last."""
        self.faults.append(DataFault(file=str(self.path), line=line or max(1, self.number), message=message))


@contextmanager
def _lines(path: Path, options: FileOptions) -> Iterator[_Lines]:
    encoding = options.encoding or "utf-8"
    try:
        codecs.lookup(encoding)
    except LookupError:
        raise UsageError(
            f"unknown `encoding` {encoding!r}", allowed="  Such as utf-8, utf-16, cp1252, latin-1, shift_jis."
        ) from None
    with _binary(path) as binary:
        if options.encoding is None and _begins_as_utf_16(binary):
            yield _with_fault(path, "is UTF-16; give `encoding` utf-16, or save it as UTF-8")
            return
        is_utf_8 = codecs.lookup(encoding).name == "utf-8"
        text = io.TextIOWrapper(
            binary,
            encoding="utf-8-sig" if is_utf_8 else encoding,
            errors="surrogateescape" if is_utf_8 else "strict",
            newline="",
        )
        yield _Lines(path, text, encoding)


def _with_fault(path: Path, message: str) -> _Lines:
    lines = _Lines(path, (), "")
    lines.faults.append(DataFault(file=str(path), message=message))
    return lines


@contextmanager
def _binary(path: Path) -> Iterator[io.BufferedReader]:
    with path.open("rb") as plain:
        if path.suffix.lower() == ".gz":
            with gzip.open(plain) as unpacked:
                yield io.BufferedReader(unpacked)
        else:
            yield plain


def _begins_as_utf_16(binary: io.BufferedReader) -> bool:
    try:
        return binary.peek(2)[:2] in UTF_16_MARKS
    except (EOFError, zlib.error, gzip.BadGzipFile):
        return False


def _csv_rows(lines: _Lines, delimiter: str) -> Iterator[NumberedRow]:
    """Yield rows, blank ones too, each with the line on which it starts."""
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    while True:
        line = lines.number + 1
        try:
            with _large_cells():
                row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            lines.add(_csv_message(str(error)), line)
            continue
        yield line, row


def _csv_pieces(
    lines: _Lines, rows: Iterator[NumberedRow], header: list[str], chunk_rows: int, *, has_header: bool
) -> Iterator[Table]:
    good = _good_rows(lines, rows, header, has_header=has_header)
    first_piece = True
    while True:
        piece = list(islice(good, chunk_rows))
        faults = lines.pop_faults()
        if piece or faults or first_piece:
            values = zip(*(row for _, row in piece), strict=True) if piece else (() for _ in header)
            columns = dict(zip(header, values, strict=True)) if len(set(header)) == len(header) else {}
            yield Table(path=lines.path, columns=columns, lines=tuple(line for line, _ in piece), faults=faults)
        first_piece = False
        if len(piece) < chunk_rows:
            return


def _good_rows(
    lines: _Lines, rows: Iterator[NumberedRow], header: list[str], *, has_header: bool
) -> Iterator[NumberedRow]:
    """Yield the rows that have as many cells as the header; what is wrong with the others goes to the faults."""
    named_by = "header" if has_header else "list of `columns`"
    for line, row in rows:
        if not row and len(header) > 1:
            continue
        cells = row or [""]
        if len(cells) != len(header):
            lines.add(f"has {_counted(len(cells), 'cell')}, the {named_by} has {len(header)}", line)
        elif has_header and cells == header and any(header):
            lines.add("the header stands here once more", line)
        else:
            yield line, cells


def _header_problems(header: list[str], delimiter: str) -> list[str]:
    problems = [
        f"two columns are called {name!r}" for name in sorted({name for name in header if header.count(name) > 1})
    ]
    problems += [
        f"column {number} of the header has no name" for number, name in enumerate(header, 1) if not name.strip()
    ]
    used = next((sign for sign in DELIMITERS if sign != delimiter and sign in (header or [""])[0]), None)
    if len(header) == 1 and used is not None:
        remedy = {"\t": "; call it .tsv", ",": "; call it .csv"}.get(used, "")
        found = f"the header is one cell and holds {DELIMITERS[used]}"
        problems.append(f"wrong delimiter: {found}, expected are {DELIMITERS[delimiter]}{remedy}")
    return problems


def _csv_message(error: str) -> str:
    if "unexpected end of data" in error:
        return "a quotation mark is opened in this row and never closed"
    return f"is not well-formed CSV: {error}"


@contextmanager
def _large_cells() -> Iterator[None]:
    before = csv.field_size_limit(LARGEST_CELL)
    try:
        yield
    finally:
        csv.field_size_limit(before)


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
