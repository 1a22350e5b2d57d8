"""Rows of cells as a table, where only their places say what they are: header, columns without a name, blank rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from headstart.errors import DataFault
from headstart.tables.file_options import FileOptions
from headstart.tables.table import Table

NumberedRow = tuple[int, list[str]]
"""A row's number as a program shows it, and its cells."""


def grid_tables(
    path: Path,
    rows: Iterable[NumberedRow],
    options: FileOptions,
    chunk_rows: int,
    *,
    faults: Iterable[DataFault] = (),
    notes: Iterable[str] = (),
) -> Iterator[Table]:
    """Yield the rows below a header as a table, piece by piece.

    Blank rows are none. Rows of one cell above a wider header are titles; columns without a name and a value are left
    out, and so is one without a name that holds row numbers.

    Args:
        path: of the file.
        rows: all of one width.
        options: may name the columns where there is no header.
        chunk_rows: rows of a piece.
        faults: that are known already.
        notes: what was recognised already.
    """
    filled = [row for row in rows if any(map(str.strip, row[1]))]
    if not filled:
        yield Table(path=path, columns={}, faults=tuple(faults))
        return
    said, found = list(notes), list(faults)
    titles = 0 if options.no_header else _num_titles(filled)
    if titles:
        said.append(f"{titles} {'row' if titles == 1 else 'rows'} of one cell above the header: left out")
    header = list(options.columns) if options.no_header else [name.strip() for name in filled[titles][1]]
    body = filled[titles:] if options.no_header else filled[titles + 1 :]
    kept, problems, left_out = columns_to_keep(header, [cells for _, cells in body])
    said += left_out
    line = None if options.no_header else filled[titles][0]
    found += [DataFault(file=str(path), line=line, message=problem) for problem in problems]
    if not options.no_header:
        found += [_repeated(path, number) for number, cells in body if cells == filled[titles][1]]
    names = [] if problems else [header[place] for place in kept]
    for begin in range(0, max(1, len(body)), chunk_rows):
        piece = body[begin : begin + chunk_rows]
        yield Table(
            path=path,
            columns={name: [cells[place] for _, cells in piece] for name, place in zip(names, kept, strict=False)},
            lines=tuple(number for number, _ in piece) if names else (),
            faults=tuple(found) if begin == 0 else (),
            notes=tuple(said) if begin == 0 else (),
            dropped={"stands above the header": titles} if titles and begin == 0 else {},
        )


def _repeated(path: Path, line: int) -> DataFault:
    return DataFault(file=str(path), line=line, message="the header stands here once more")


def _num_titles(rows: Sequence[NumberedRow]) -> int:
    """Return how many rows of one cell stand above a wider one, with a blank row between: such a row is no header."""
    widths = (sum(bool(cell.strip()) for cell in cells) for _, cells in rows)
    first = next((place for place, width in enumerate(widths) if width > 1), 0)
    return first if first and rows[first][0] - rows[first - 1][0] > 1 else 0


def columns_to_keep(header: Sequence[str], body: Sequence[Sequence[str]]) -> tuple[list[int], list[str], list[str]]:
    """Return the places of the columns to keep, what is wrong with the header, and what is left out.

    Columns without a name and a value go, and so does a first one without a name that holds row numbers.
    """
    width = len(body[0]) if body else len(header)
    if width != len(header):
        return [], [f"has {width} columns, the list of `columns` has {len(header)}"], []
    kept, problems, left_out = [], [], []
    for place, name in enumerate(header):
        values = [cells[place] for cells in body]
        if name:
            kept.append(place)
        elif any(map(str.strip, values)):
            if not kept and _number_rows(values):
                left_out.append("the first column holds row numbers (no name): left out")
            else:
                problems.append(f"column {place + 1} has no name in the header, and values below")
    names = [header[place] for place in kept]
    problems += [
        f"two columns are called {name!r}" for name in sorted({name for name in names if names.count(name) > 1})
    ]
    return kept, problems, left_out


def _number_rows(values: Sequence[str]) -> bool:
    """Whether values are distinct whole numbers, as an index of pandas is, also of rows that were picked."""
    return all(value.isdecimal() for value in values) and len(set(values)) == len(values)
