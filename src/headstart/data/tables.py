"""A user's table in memory: its columns, the line of each row, and everything that is wrong with the file itself."""

from __future__ import annotations

import csv
import io
import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from headstart.errors import DataFault

if TYPE_CHECKING:
    import pyarrow

UNDECODABLE = re.compile("[\udc80-\udcff]")
"""How Python writes bytes that are not UTF-8 when it is told to keep them."""
SURROGATE = re.compile("[\ud800-\udfff]")
"""Half of a character: JSON can escape one alone, no encoding can write it."""
LARGEST_CELL = min(sys.maxsize, 2**31 - 1)
"""In characters; the csv module's own limit of 131072 refuses long documents."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table as it was read.

    Attributes:
        path: the file, as the user wrote it.
        columns: name -> one value per row; text only, where the format knows no types.
        lines: the line of each row, counted from 1; None for formats without lines.
        faults: what is wrong with the file whatever its columns mean; rows that cannot be read are left out.
        arrow: the table with its own types, where the format has them.
    """

    path: Path
    columns: Mapping[str, Sequence[object]]
    lines: tuple[int, ...] | None = None
    faults: tuple[DataFault, ...] = ()
    arrow: pyarrow.Table | None = None

    @property
    def num_rows(self) -> int:
        """The number of rows that could be read."""
        return len(next(iter(self.columns.values()), ()))

    def fault(self, message: str, row: int | None = None) -> DataFault:
        """Return a fault of a row, counted from 0, or of the whole file."""
        if row is None:
            return DataFault(file=str(self.path), message=message)
        if self.lines is None:
            return DataFault(file=str(self.path), message=f"row {row + 1}: {message}")
        return DataFault(file=str(self.path), line=self.lines[row], message=message)

    def to_arrow(self) -> pyarrow.Table:
        """Return the rows as an Arrow table; a column that mixes types becomes JSON text."""
        import pyarrow as pa

        if self.arrow is not None:
            return self.arrow
        return pa.table({name: _arrow_column(values) for name, values in self.columns.items()})


def read_table(path: Path) -> Table:
    """Return a CSV, TSV, JSON lines or Parquet file; what is wrong with it is in its faults, nothing is raised."""
    try:
        if path.is_dir():
            return _unreadable(path, "is a folder; name a file in it")
        if path.suffix.lower() not in READERS:
            known = ", ".join(READERS)
            return _unreadable(path, f"the suffix {path.suffix!r} names no known format; known: {known}")
        if not path.exists():
            return _unreadable(path, "there is no such file")
        table = READERS[path.suffix.lower()](path)
    except OSError as error:
        return _unreadable(path, f"cannot be read: {error.strerror or error}")
    if table.num_rows == 0 and not table.faults:
        return _unreadable(path, "has a header and no rows" if table.columns else "is empty")
    return table


def _unreadable(path: Path, message: str) -> Table:
    return Table(path=path, columns={}, faults=(DataFault(file=str(path), message=message),))


def _read_csv(path: Path, delimiter: str = ",") -> Table:
    text, faults = _decoded(path)
    rows, row_faults = _csv_rows(path, text, delimiter)
    faults += row_faults
    if not rows:
        return Table(path=path, columns={}, faults=tuple(faults))
    header_line, header = rows[0]
    faults += [
        DataFault(file=str(path), line=header_line, message=f"two columns are called {name!r}")
        for name in sorted({name for name in header if header.count(name) > 1})
    ]
    lines, kept = [], []
    for line, row in rows[1:]:
        if len(row) == len(header):
            lines.append(line)
            kept.append(row)
        else:
            message = f"has {_counted(len(row), 'cell')}, the header has {len(header)}"
            faults.append(DataFault(file=str(path), line=line, message=message))
    values = zip(*kept, strict=True) if kept else (() for _ in header)
    columns = dict(zip(header, values, strict=True))
    return Table(path=path, columns=columns, lines=tuple(lines), faults=tuple(faults))


def _csv_rows(path: Path, text: str, delimiter: str) -> tuple[list[tuple[int, list[str]]], list[DataFault]]:
    """Return the rows that are not blank, each with the line on which it starts."""
    rows: list[tuple[int, list[str]]] = []
    faults: list[DataFault] = []
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    with _large_cells():
        while True:
            line = reader.line_num + 1
            try:
                row = next(reader)
            except StopIteration:
                return rows, faults
            except csv.Error as error:
                faults.append(DataFault(file=str(path), line=line, message=_csv_message(str(error))))
                continue
            if row:
                rows.append((line, row))


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


def _read_tsv(path: Path) -> Table:
    return _read_csv(path, delimiter="\t")


def _read_json_lines(path: Path) -> Table:
    text, faults = _decoded(path)
    if text.lstrip().startswith("["):
        return _unreadable(path, "is one JSON array; write one JSON object a line")
    lines, rows = [], []
    for number, line in enumerate(io.StringIO(text, newline=""), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            faults.append(DataFault(file=str(path), line=number, message=f"is not JSON: {error}"))
            continue
        if problem := _row_problem(row, line):
            faults.append(DataFault(file=str(path), line=number, message=problem))
        else:
            lines.append(number)
            rows.append(row)
    names = dict.fromkeys(name for row in rows for name in row)
    columns = {name: tuple(row.get(name) for row in rows) for name in names}
    return Table(path=path, columns=columns, lines=tuple(lines), faults=tuple(faults))


def _row_problem(row: object, line: str) -> str:
    if not isinstance(row, dict):
        return "is not a JSON object"
    # Decoded text holds no surrogates, so only an escape can make one: look no further where there is none.
    if "\\ud" in line.lower() and SURROGATE.search(json.dumps(row, ensure_ascii=False)):
        return "holds half of a character (an unpaired surrogate)"
    return ""


def _read_parquet(path: Path) -> Table:
    import pyarrow as pa
    import pyarrow.parquet

    try:
        table = pyarrow.parquet.read_table(path)
    except pa.ArrowException as error:
        return _unreadable(path, f"cannot be read as Parquet: {error}")
    columns = {name: table.column(name).to_pylist() for name in table.column_names}
    return Table(path=path, columns=columns, arrow=table)


def _decoded(path: Path) -> tuple[str, list[DataFault]]:
    """Return the text, with a mark in place of what is not UTF-8, and a fault for each such line."""
    data = path.read_bytes()
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "", [DataFault(file=str(path), message="is UTF-16; save it as UTF-8")]
    text = data.decode("utf-8-sig", errors="surrogateescape")
    if not UNDECODABLE.search(text):
        return text, []
    faults = []
    for number, line in enumerate(io.StringIO(text, newline=""), 1):
        if bad := UNDECODABLE.search(line):
            byte = ord(bad.group()) - 0xDC00
            message = f"the byte 0x{byte:02X} at character {bad.start() + 1} is not UTF-8; save the file as UTF-8"
            faults.append(DataFault(file=str(path), line=number, message=message))
    return UNDECODABLE.sub("\N{REPLACEMENT CHARACTER}", text), faults


def _arrow_column(values: Sequence[object]) -> pyarrow.Array:
    import pyarrow as pa

    try:
        return pa.array(values)
    except (pa.ArrowException, OverflowError):
        as_json = [None if value is None else json.dumps(value, ensure_ascii=False) for value in values]
        return pa.array(as_json, pa.string())


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


READERS: dict[str, Callable[[Path], Table]] = {
    ".csv": _read_csv,
    ".tsv": _read_tsv,
    ".jsonl": _read_json_lines,
    ".ndjson": _read_json_lines,
    ".json": _read_json_lines,
    ".parquet": _read_parquet,
}
