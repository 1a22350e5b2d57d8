"""Tables in JSON, whatever their shape: objects or arrays a line, one after another, or one document."""

from __future__ import annotations

import io
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path

from headstart.errors import DataFault
from headstart.tables.delimited import _Lines, _lines
from headstart.tables.exports import Exported, from_export
from headstart.tables.file_options import FileOptions
from headstart.tables.json_rows import JsonObject, RowReader, columns_of, flat, holds_half_a_character
from headstart.tables.json_shapes import find_rows
from headstart.tables.table import Table, unreadable

SPACE = re.compile(r"[ \t\r\n]*")
LINE_END = re.compile(r"\r\n|\r|\n")
SPLIT_COLUMNS = ("split", "part", "split of the file")
"""What the column is called that says under which name a row lies: the first that is free."""


class RepeatedKeyError(ValueError):
    """An object has one key twice: only one of the values could be read."""


def _object(pairs: list[tuple[str, object]]) -> JsonObject:
    found = dict(pairs)
    if len(found) < len(pairs):
        ((name, _),) = Counter(name for name, _ in pairs).most_common(1)
        raise RepeatedKeyError(name)
    return found


def _constant(name: str) -> float | None:
    """NaN is what Python writes for a missing number."""
    return None if name == "NaN" else float(name)


DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_constant)


@dataclass(frozen=True, slots=True)
class Value:
    """A JSON value where it stands.

    Attributes:
        place: its line, from 1; in an array its number, from 0.
        split: the name of a split under which it lies; "" for none.
        may_hold_half: whether an escape in it may be half of a character.
    """

    place: int
    value: object
    split: str = ""
    may_hold_half: bool = False


def scan_json_lines(path: Path, options: FileOptions, chunk_rows: int) -> Iterator[Table]:
    """Yield a file of JSON: piece by piece where each line is a value, otherwise read whole.

    Nothing is refused for its suffix; only the one object of a file of one line is taken for a row here.
    """
    yield from _scan(path, options, chunk_rows, is_lines=True)


def scan_json(path: Path, options: FileOptions, chunk_rows: int) -> Iterator[Table]:
    """Yield a file of JSON: piece by piece where each line is a value, otherwise read whole."""
    yield from _scan(path, options, chunk_rows, is_lines=False)


def _scan(path: Path, options: FileOptions, chunk_rows: int, *, is_lines: bool) -> Iterator[Table]:
    tables = _Tables(path, RowReader(options.columns))
    with _lines(path, options) as lines:
        first, second = _next_written(lines), _next_written(lines)
        if second and _is_whole(first):
            texts = chain(_numbered(_Lines(path, io.StringIO(first + second, newline=""), "")), _numbered(lines))
            yield from tables.pieces(lines, texts, chunk_rows)
            return
        text = "".join((first, second, *lines))
        faults = lines.pop_faults()
    try:
        values = list(_values(text))
    except (ValueError, RecursionError) as error:
        if _is_whole(second) and len(first.strip()) > 1:
            again = _Lines(path, io.StringIO(text, newline=""), "")
            yield from tables.pieces(again, _numbered(again), chunk_rows)
        else:
            yield Table(path=path, columns={}, faults=(*faults, _fault(path, error, text)))
        return
    if len(values) == 1:
        yield tables.document(values[0], faults, is_line=is_lines)
    elif values or faults:
        yield tables.table(values, faults)


class _Tables:
    """Makes tables of the values in a file."""

    def __init__(self, path: Path, reader: RowReader) -> None:
        self.path, self._reader = path, reader

    def pieces(self, lines: _Lines, texts: Iterable[tuple[int, str]], chunk_rows: int) -> Iterator[Table]:
        """Yield tables of values that stand on lines of their own; a line that cannot be read is a fault."""
        values = _values_by_line(self.path, texts, lines.faults)
        while True:
            piece = list(islice(values, chunk_rows))
            faults = lines.pop_faults()
            if piece or faults:
                yield self.table(piece, faults)
            if len(piece) < chunk_rows:
                return

    def document(self, document: Value, faults: Sequence[DataFault], *, is_line: bool) -> Table:
        """Return the table of a file that is one value."""
        found = find_rows(document.value, is_line=is_line)
        if found.problem:
            return unreadable(self.path, found.problem)
        splits = found.splits or [""] * len(found.rows)
        values = [
            Value(number, row, split, document.may_hold_half)
            for number, (row, split) in enumerate(zip(found.rows, splits, strict=True))
        ]
        is_row = len(found.rows) == 1 and found.rows[0] is document.value
        return self.table([document] if is_row else values, faults, note=found.note, has_lines=is_row)

    def table(
        self, values: Sequence[Value], faults: Sequence[DataFault], *, note: str = "", has_lines: bool = True
    ) -> Table:
        """Return the table of these rows, and of what is wrong with them."""
        wrong = list(faults)
        good: list[tuple[Value, JsonObject]] = []
        for value in values:
            row = self._reader.read(value.value)
            if isinstance(row, dict) and value.may_hold_half and holds_half_a_character(row):
                row = "holds half of a character (an unpaired surrogate)"
            if isinstance(row, str):
                wrong.append(self._fault(row, value, has_lines=has_lines))
            elif row is not None:
                good.append((value, row))
        column = _split_column(good)
        rows = [{**row, column: value.split} if column else row for value, row in good]
        exported = from_export(rows) or Exported(note="", rows=rows, places=range(len(rows)))
        if exported.problem:
            return unreadable(self.path, exported.problem)
        read, places = [], []
        for place, each in zip(exported.places, exported.rows, strict=True):
            try:
                read.append(flat(each))
                places.append(good[place][0].place)
            except ValueError as error:
                wrong.append(self._fault(str(error), good[place][0], has_lines=has_lines))
        return Table(
            path=self.path,
            columns=columns_of(read),
            lines=tuple(places) if has_lines else None,
            row_numbers=None if has_lines else tuple(places),
            faults=tuple(wrong),
            notes=tuple(said for said in (note, self._reader.note, exported.note) if said),
            dropped=exported.dropped,
            split_column=column,
        )

    def _fault(self, message: str, value: Value, *, has_lines: bool) -> DataFault:
        if has_lines:
            return DataFault(file=str(self.path), line=value.place, message=message)
        return DataFault(file=str(self.path), row=value.place + 1, message=message)


def _split_column(rows: Sequence[tuple[Value, JsonObject]]) -> str | None:
    if not any(value.split for value, _ in rows):
        return None
    return next(name for name in SPLIT_COLUMNS if not any(name in row for _, row in rows))


def _next_written(lines: _Lines) -> str:
    """Return the text up to the end of the next line that is not blank; "" at the end of the file."""
    text = ""
    for line in lines:
        text += line
        if line.strip():
            break
    return text if text.strip() else ""


def _numbered(lines: _Lines) -> Iterator[tuple[int, str]]:
    for line in lines:
        yield lines.number, line


def _values_by_line(path: Path, texts: Iterable[tuple[int, str]], faults: list[DataFault]) -> Iterator[Value]:
    for number, text in texts:
        try:
            values = list(_values(text))
        except (ValueError, RecursionError) as error:
            faults.append(_fault(path, error, text, number))
            continue
        for each in values:
            # Arrays of objects that were joined to one file: their rows are the rows.
            is_array = isinstance(each.value, list) and each.value and all(isinstance(row, dict) for row in each.value)
            for row in each.value if is_array and isinstance(each.value, list) else [each.value]:
                yield Value(number, row, may_hold_half=each.may_hold_half)


def _values(text: str) -> Iterator[Value]:
    """Yield the values that stand in a text one after another, each with the line on which it begins.

    Raises:
        ValueError: if something else stands there.
        RecursionError: if one is nested too deeply to be read.
    """
    may_hold_half = "\\u" in text and "\\ud" in text.lower()
    place, line, counted = _skip_space(text, 0), 1, 0
    while place < len(text):
        line, counted = line + len(LINE_END.findall(text, counted, place)), place
        value, end = DECODER.raw_decode(text, place)
        yield Value(line, value, may_hold_half=may_hold_half)
        place = _skip_space(text, end)


def _skip_space(text: str, place: int) -> int:
    found = SPACE.match(text, place)
    return place if found is None else found.end()


def _is_whole(text: str) -> bool:
    """Whether a text is JSON by itself, one value or several."""
    try:
        return any(True for _ in _values(text))
    except (ValueError, RecursionError):
        return False


def _fault(path: Path, error: Exception, text: str, first_line: int = 1) -> DataFault:
    """Say why a text cannot be read; what is JSON is not said to be none."""
    line = first_line
    if isinstance(error, json.JSONDecodeError):
        line += len(LINE_END.findall(text, 0, error.pos))
        column = error.pos - max(text.rfind(end, 0, error.pos) for end in "\r\n")
        return DataFault(
            file=str(path), line=line, message="is not JSON", value=f"{error.msg} at character {column}"
        )
    if isinstance(error, RepeatedKeyError):
        return DataFault(file=str(path), line=line, message="an object has one key twice", value=repr(str(error)))
    message = "is nested too deeply" if isinstance(error, RecursionError) else f"cannot be read: {error}"
    return DataFault(file=str(path), line=line, message=message)
