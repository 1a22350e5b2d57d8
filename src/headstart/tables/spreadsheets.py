"""Spreadsheets (.xlsx, .ods): one sheet, its cells as they would stand in a CSV file."""

from __future__ import annotations

import datetime
import mmap
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree.ElementTree import ParseError
from zipfile import BadZipFile

from headstart.errors import DataFault, UsageError, shortened
from headstart.tables.bounded_bytes import BoundError
from headstart.tables.file_options import FileOptions
from headstart.tables.header import NumberedRow, header_of
from headstart.tables.magic import HEAD_BYTES, MAGIC
from headstart.tables.table import Table, unreadable
from headstart.tables.workbook_bounds import require_bounded_workbook
from headstart.tables.workbook_files import CellStates, cell_states

if TYPE_CHECKING:
    from python_calamine import CalamineSheet, CalamineWorkbook

DAMAGED = (BadZipFile, ParseError, zlib.error, EOFError, KeyError, ValueError, RuntimeError)
"""What reading a damaged archive of XML raises."""
PROTECTED = "is protected by a password; save it without one"
OLD_OFFICE, ENCRYPTED = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "EncryptedPackage".encode("utf-16-le")
"""How a file of old Office begins, and what is in it where it is a workbook with a password."""
TITLES = "a title above the header"
LARGEST_WHOLE = 10**15
"""Whole numbers under it are exact in a spreadsheet."""


def scan_spreadsheet(path: Path, options: FileOptions, chunk_rows: int) -> Iterator[Table]:
    """Yield a sheet piece by piece: the one called `sheet`, or the first that is visible; lines are its row numbers.

    Raises:
        UsageError: if the package that reads spreadsheets is missing.
    """
    try:
        from python_calamine import CalamineError, CalamineWorkbook, PasswordError
    except ImportError as error:
        raise UsageError(
            f"{path} is a spreadsheet, and python-calamine, which reads it, is not installed",
            remedy='  pip install "headstart[tables]", or save the sheet as CSV (UTF-8).',
        ) from error
    if said := _why_no_workbook(path):
        yield unreadable(path, said)
        return
    try:
        require_bounded_workbook(path)
        # By its content: pandas, given a path that is no string, writes .xlsx into a file called .ods.
        with path.open("rb") as file, CalamineWorkbook.from_filelike(file) as workbook:
            name, note = _chosen_sheet(workbook, options.sheet)
            if name is None:
                yield unreadable(path, note)
                return
            states = cell_states(path, name)
            known = Table(
                path=path,
                columns={},
                faults=tuple(_uncomputed(path, cell, formula) for cell, formula in states.uncomputed.items()),
                notes=tuple(said for said in (note, _of_errors(states)) if said),
            )
            yield from _tables(known, _rows(workbook.get_sheet_by_name(name)), options, chunk_rows)
    except PasswordError:
        yield unreadable(path, PROTECTED)
    except BoundError as error:
        yield unreadable(path, str(error))
    except (CalamineError, *DAMAGED) as error:
        yield unreadable(path, f"cannot be read as a spreadsheet: {error}")


def _why_no_workbook(path: Path) -> str:
    """Return what a file is in place of a workbook of today, which is an archive; "" for one."""
    with path.open("rb") as file:
        if not file.read(HEAD_BYTES).startswith(OLD_OFFICE):
            return ""
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            return PROTECTED if content.find(ENCRYPTED) >= 0 else f"is {MAGIC[OLD_OFFICE]}"


def as_written(value: object) -> str:
    """Return how a cell's value would stand in a CSV file: `1` and not `1.0`, a date as `2024-05-01`."""
    if isinstance(value, float) and value.is_integer() and abs(value) < LARGEST_WHOLE:
        return str(int(value))
    if isinstance(value, datetime.datetime):
        return value.isoformat(sep=" ")
    return value.isoformat() if isinstance(value, datetime.date | datetime.time) else str(value)


def _chosen_sheet(workbook: CalamineWorkbook, wanted: str | None) -> tuple[str | None, str]:
    """Return the sheet to read and what is to be said of it; or None and why there is none."""
    from python_calamine import SheetTypeEnum, SheetVisibleEnum

    sheets = [sheet for sheet in workbook.sheets_metadata if sheet.typ == SheetTypeEnum.WorkSheet]
    names = [sheet.name for sheet in sheets]
    listed = ", ".join(map(shortened, names))
    if wanted is not None:
        return (wanted, "") if wanted in names else (None, f"has no sheet {wanted!r} (`sheet`); there are: {listed}")
    visible = [sheet.name for sheet in sheets if sheet.visible == SheetVisibleEnum.Visible]
    if not visible:
        return None, f"has no visible sheet; name one with `sheet`: {listed}"
    others = f"; there are also: {', '.join(shortened(name) for name in names if name != visible[0])}"
    said = f"sheet: {visible[0]!r}, the first visible one{others} (`sheet` names another)"
    return visible[0], said if len(names) > 1 else ""


def _rows(sheet: CalamineSheet) -> Iterator[NumberedRow]:
    """Yield the sheet's rows down to the last that is filled; cells that hold an error are empty."""
    for number, values in enumerate(sheet.to_python(skip_empty_area=False), 1):
        yield number, [value if isinstance(value, str) else as_written(value) for value in values]


def _of_errors(states: CellStates) -> str:
    """Return a sentence on the cells that hold an error; "" where none does."""
    if not states.errors:
        return ""
    (row, column), shown = next(iter(states.errors.items()))
    number = len(states.errors)
    said = (
        "1 cell holds an error and counts as empty" if number == 1 else f"{number} cells hold errors and count as empty"
    )
    return f"{said}: {shown} in {_letters(column)}{row}" + (", ..." if number > 1 else "")


def _tables(known: Table, rows: Iterable[NumberedRow], options: FileOptions, chunk_rows: int) -> Iterator[Table]:
    """Yield the rows below the header piece by piece, the first one with what is known of the sheet already.

    Blank rows are none, and rows of one cell above a blank row and a wider header are titles.
    """
    filled = [row for row in rows if any(map(str.strip, row[1]))]
    num_titles = 0 if options.no_header else _num_titles(filled)
    header = header_of(iter(filled[num_titles:]), options)
    if header is None or not filled:
        yield known
        return
    body = list(header.rows)
    faults = [*known.faults, *(_fault(known, problem, header.line) for problem in header.problems)]
    faults += [
        _fault(known, "the header stands here once more", line) for line, cells in body if cells == header.written
    ]
    if body and len(body[0][1]) != header.width:
        said = f"has {len(body[0][1])} columns, the {header.named_by} has {header.width}"
        yield replace(known, faults=(*faults, known.fault(said)))
        return
    notes = (*known.notes, *header.notes)
    dropped = {TITLES: num_titles} if num_titles else {}
    for begin in range(0, max(1, len(body)), chunk_rows):
        piece = body[begin : begin + chunk_rows]
        columns, problems = header.columns([cells for _, cells in piece])
        faults += [_fault(known, problem, header.line) for problem in problems]
        lines = tuple(line for line, _ in piece) if columns else ()
        yield replace(known, columns=columns, lines=lines, faults=tuple(faults), notes=notes, dropped=dropped)
        faults, notes, dropped = [], (), {}


def _num_titles(rows: Sequence[NumberedRow]) -> int:
    """Return how many rows of one cell stand above a wider one, with a blank row between: such a row is no header."""
    widths = (sum(bool(cell.strip()) for cell in cells) for _, cells in rows)
    first = next((place for place, width in enumerate(widths) if width > 1), 0)
    return first if first and rows[first][0] - rows[first - 1][0] > 1 else 0


def _fault(table: Table, message: str, line: int) -> DataFault:
    return DataFault(file=str(table.path), line=line, message=message)


def _uncomputed(path: Path, cell: tuple[int, int], formula: str) -> DataFault:
    return DataFault(
        file=str(path),
        line=cell[0],
        message="a formula has no stored result; open the file in a spreadsheet program and save it",
        value=shortened(f"{_letters(cell[1])}{cell[0]}: {formula}")[1:-1],
    )


def _letters(column: int) -> str:
    """Return how a program calls a column, counted from 1."""
    before, last = divmod(column - 1, 26)
    return (_letters(before) if before else "") + chr(ord("A") + last)
