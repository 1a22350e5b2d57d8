"""Tables in JSON, whatever their shape: objects or arrays a line, one after another, or one document."""

from __future__ import annotations

import io
import json
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import NamedTuple

from headstart.errors import DataFault
from headstart.tables.bounded_bytes import MOST_DOCUMENT_BYTES, BoundError
from headstart.tables.exports import from_export
from headstart.tables.file_options import FileOptions
from headstart.tables.json_rows import JsonObject, RowReader, columns_of, flat, holds_half_a_character, require_filled
from headstart.tables.json_shapes import find_rows
from headstart.tables.table import Table, unreadable
from headstart.tables.text_lines import TextLines, text_lines

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


class Value(NamedTuple):
    """A JSON value, the line on which it begins, and whether an escape in it may be half of a character."""

    line: int
    value: object
    may_hold_half: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Values:
    """Rows as they stand in a file.

    Attributes:
        values: objects, arrays or texts.
        places: the line of each, from 1; or the number of each in an array, from 0.
        are_lines: which of the two.
        splits: the name of the split under which each lies; empty for none.
        doubtful: which of the values, from 0, may hold half of a character.
    """

    values: Sequence[object]
    places: Sequence[int]
    are_lines: bool
    splits: Sequence[str] = ()
    doubtful: Collection[int] = ()

    @classmethod
    def of_lines(cls, read: Sequence[Value]) -> Values:
        """Return values that were read with their lines."""
        return cls(
            values=[each.value for each in read],
            places=[each.line for each in read],
            are_lines=True,
            doubtful={number for number, each in enumerate(read) if each.may_hold_half},
        )

    def fault(self, path: Path, number: int, message: str) -> DataFault:
        """Return a fault of the value with this number, from 0."""
        place = self.places[number]
        line, row = (place, None) if self.are_lines else (None, place + 1)
        return DataFault(file=str(path), message=message, line=line, row=row)


def scan_json_lines(path: Path, options: FileOptions, chunk_rows: int, *, as_written: bool = False) -> Iterator[Table]:
    """Yield a file of JSON: piece by piece where each line is a value, otherwise read whole.

    Nothing is refused for its suffix; only the one object of a file of one line is taken for a row here.

    Args:
        path: the file.
        options: how it is read.
        chunk_rows: rows of a piece.
        as_written: whether objects in rows stay values, and no tool's export is looked for.
    """
    yield from _scan(path, options, chunk_rows, is_lines=True, as_written=as_written)


def scan_json(path: Path, options: FileOptions, chunk_rows: int) -> Iterator[Table]:
    """Yield a file of JSON: piece by piece where each line is a value, otherwise read whole."""
    yield from _scan(path, options, chunk_rows, is_lines=False)


def holds_json(path: Path, options: FileOptions) -> bool:
    """Whether a text file, whatever it is called, begins as JSON does: with an object or an array."""
    with text_lines(path, options) as lines:
        first = _next_written(lines).strip().removeprefix("\ufeff")
    return first in ("{", "[", "[{") or (first.startswith(("{", "[")) and _is_whole(first))


def _scan(
    path: Path, options: FileOptions, chunk_rows: int, *, is_lines: bool, as_written: bool = False
) -> Iterator[Table]:
    tables = _Tables(path, RowReader(options.columns), as_written=as_written)
    with text_lines(path, options, MOST_DOCUMENT_BYTES) as lines:
        first, second = _next_written(lines), _next_written(lines)
        if second and _is_whole(first):
            texts = chain(_numbered(TextLines(path, io.StringIO(first + second, newline=""), "")), _numbered(lines))
            yield from tables.pieces(lines, texts, chunk_rows)
            return
        text = "".join((first, second, *lines))
        faults = lines.pop_faults()
    try:
        values = list(_values(text))
    except (ValueError, RecursionError) as error:
        if _is_whole(second) and len(first.strip()) > 1:
            again = TextLines(path, io.StringIO(text, newline=""), "")
            yield from tables.pieces(again, _numbered(again), chunk_rows)
        else:
            yield Table(path=path, columns={}, faults=(*faults, _fault(path, error, text)))
        return
    if len(values) == 1:
        yield tables.document(values[0], faults, is_line=is_lines)
    elif values or faults:
        yield tables.table(Values.of_lines(values), faults)


class _Tables:
    """Makes tables of the values in a file."""

    def __init__(self, path: Path, reader: RowReader, *, as_written: bool) -> None:
        self.path, self._reader, self._as_written = path, reader, as_written
        self._names: set[str] = set()
        self._num_rows = self._num_filled = 0
        self._is_over = False

    def pieces(self, lines: TextLines, texts: Iterable[tuple[int, str]], chunk_rows: int) -> Iterator[Table]:
        """Yield tables of values that stand on lines of their own; a line that cannot be read is a fault."""
        values = _values_by_line(self.path, texts, lines.faults)
        while True:
            piece = list(islice(values, chunk_rows))
            faults = lines.pop_faults()
            if piece or faults:
                yield self.table(Values.of_lines(piece), faults)
            if len(piece) < chunk_rows or self._is_over:
                return

    def document(self, document: Value, faults: Sequence[DataFault], *, is_line: bool) -> Table:
        """Return the table of a file that is one value."""
        found = find_rows(document.value, is_line=is_line)
        if found.problem:
            return unreadable(self.path, found.problem)
        if len(found.rows) == 1 and found.rows[0] is document.value:
            return self.table(Values.of_lines([document]), faults)
        places = range(len(found.rows))
        doubtful = places if document.may_hold_half else ()
        values = Values(values=found.rows, places=places, are_lines=False, splits=found.splits, doubtful=doubtful)
        return self.table(values, faults, found.note)

    def table(self, values: Values, faults: Sequence[DataFault], note: str = "") -> Table:
        """Return the table of these rows, and of what is wrong with them."""
        wrong = list(faults)
        rows, numbers = self._objects(values, wrong)
        column = _split_column(rows) if values.splits else None
        if column:
            rows = [{**row, column: values.splits[number]} for row, number in zip(rows, numbers, strict=True)]
        exported = None if self._as_written else from_export(rows)
        if exported is not None:
            rows, numbers = exported.rows, [numbers[place] for place in exported.places]
        if exported is not None and exported.problem:
            return unreadable(self.path, exported.problem)
        try:
            columns = self._columns(rows)
        except ValueError as error:
            self._is_over = isinstance(error, BoundError)
            return unreadable(self.path, str(error))
        places = tuple(values.places[number] for number in numbers)
        said = (note, self._reader.note, exported.note if exported else "")
        return Table(
            path=self.path,
            columns=columns,
            lines=places if values.are_lines else None,
            row_numbers=None if values.are_lines else places,
            faults=tuple(wrong),
            notes=tuple(each for each in said if each),
            dropped=exported.dropped if exported else {},
            split_column=column,
        )

    def _columns(self, rows: Sequence[JsonObject]) -> Mapping[str, Sequence[object]]:
        """Return rows by column.

        Raises:
            ValueError: if two come to one name, or hardly any row so far has what the others have.
        """
        columns: Mapping[str, Sequence[object]] = columns_of(rows)
        if not self._as_written:
            columns = flat(columns)
        self._names |= columns.keys()
        self._num_rows += len(rows)
        self._num_filled += sum(map(len, rows))
        require_filled(self._num_rows, len(self._names), self._num_filled)
        return columns

    def _objects(self, values: Values, wrong: list[DataFault]) -> tuple[Sequence[JsonObject], Sequence[int]]:
        """Return the rows as objects, and the numbers of the values that they come from."""
        rows, numbers = list[JsonObject](), list[int]()
        for number, value in enumerate(values.values):
            row = self._reader.read(value)
            if number in values.doubtful and holds_half_a_character(row):
                row = "holds half of a character (an unpaired surrogate)"
            if isinstance(row, dict):
                rows.append(row)
                numbers.append(number)
            elif row is not None:
                wrong.append(values.fault(self.path, number, row))
        return rows, numbers


def _split_column(rows: Sequence[JsonObject]) -> str:
    return next(name for name in SPLIT_COLUMNS if not any(name in row for row in rows))


def _next_written(lines: TextLines) -> str:
    """Return the text up to the end of the next line that is not blank; "" at the end of the file."""
    text = ""
    for line in lines:
        text += line
        if line.strip():
            break
    return text if text.strip() else ""


def _numbered(lines: TextLines) -> Iterator[tuple[int, str]]:
    for line in lines:
        yield lines.number, line


def _values_by_line(path: Path, texts: Iterable[tuple[int, str]], faults: list[DataFault]) -> Iterator[Value]:
    for number, text in texts:
        try:
            values = list(_values(text, number))
        except (ValueError, RecursionError) as error:
            faults.append(_fault(path, error, text, number))
            continue
        for each in values:
            if isinstance(each.value, list) and each.value and all(isinstance(row, dict) for row in each.value):
                # Arrays of objects that were joined to one file: their rows are the rows.
                yield from (each._replace(value=row) for row in each.value)
            else:
                yield each


def _values(text: str, first_line: int = 1) -> Iterator[Value]:
    """Yield the values that stand in a text one after another, each with the line on which it begins.

    Raises:
        ValueError: if something else stands there.
        RecursionError: if one is nested too deeply to be read.
    """
    may_hold_half = "\\u" in text and "\\ud" in text.lower()
    place, line, counted = _skip_space(text, 0), first_line, 0
    while place < len(text):
        if counted < place:
            line, counted = line + len(LINE_END.findall(text, counted, place)), place
        value, end = DECODER.raw_decode(text, place)
        yield Value(line, value, may_hold_half)
        place = _skip_space(text, end)


def _skip_space(text: str, place: int) -> int:
    found = SPACE.match(text, place)
    return place if found is None else found.end()


def _is_whole(text: str) -> bool:
    """Whether a text is JSON by itself, one value or several."""
    try:
        return bool(list(_values(text)))
    except (ValueError, RecursionError):
        return False


def _fault(path: Path, error: Exception, text: str, first_line: int = 1) -> DataFault:
    """Say why a text cannot be read; what is JSON is not said to be none."""
    line = first_line
    if isinstance(error, json.JSONDecodeError):
        is_end = not text[error.pos :].strip()
        before = text[: error.pos].rstrip() if is_end else text[: error.pos]
        line += len(LINE_END.findall(before))
        column = len(before) - max(before.rfind(end) for end in "\r\n")
        # Some of the module's messages end where the place is to follow.
        said = f"{error.msg.removesuffix(' at')} at character {column}"
        message = "is not JSON, or not whole"
        return DataFault(file=str(path), line=line, message=message, value=said)
    if isinstance(error, RepeatedKeyError):
        return DataFault(file=str(path), line=line, message="an object has one key twice", value=repr(str(error)))
    message = "is nested too deeply" if isinstance(error, RecursionError) else f"cannot be read: {error}"
    return DataFault(file=str(path), line=line, message=message)
