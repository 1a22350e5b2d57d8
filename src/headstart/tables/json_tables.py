"""Tables in JSON: one object a line, or an array of objects; plain or gzipped."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from headstart.tables.delimited import _Lines, _lines
from headstart.tables.file_options import FileOptions
from headstart.tables.table import Table, unreadable

SURROGATE = re.compile("[\ud800-\udfff]")
"""Half of a character: JSON can escape one alone, no encoding can write it."""


def scan_json_lines(path: Path, options: FileOptions, chunk_rows: int) -> Iterator[Table]:
    """Yield a file with one JSON object per line piece by piece; blank lines are skipped."""
    with _lines(path, options) as lines:
        rows = _json_rows(lines)
        while True:
            piece = list(islice(rows, chunk_rows))
            numbers, values = [number for number, _ in piece], [row for _, row in piece]
            faults = lines.pop_faults()
            if piece or faults:
                yield Table(path=path, columns=_columns(values), lines=tuple(numbers), faults=faults)
            if len(piece) < chunk_rows:
                return


def scan_json(path: Path, options: FileOptions, chunk_rows: int) -> Iterator[Table]:
    """Yield a JSON array of objects, which is read whole, or a file of JSON lines."""
    with _lines(path, options) as lines:
        first = next((line for line in lines if line.strip()), "")
        if not first.lstrip().startswith("["):
            yield from scan_json_lines(path, options, chunk_rows)
            return
        text = first + "".join(lines)
        faults = lines.pop_faults()
    try:
        rows = json.loads(text)
    except (ValueError, RecursionError) as error:
        yield unreadable(path, f"is not JSON: {error}")
        return
    has_escapes = _may_escape_half(text)
    problems = [_row_problem(row, has_escapes=has_escapes) for row in rows]
    whole = Table(path=path, columns={})
    wrong = [whole.fault(said, number) for number, said in enumerate(problems) if said]
    good = tuple(number for number, said in enumerate(problems) if not said)
    columns = _columns([rows[number] for number in good])
    yield Table(path=path, columns=columns, row_numbers=good, faults=(*faults, *wrong))


def _json_rows(lines: _Lines) -> Iterator[tuple[int, dict[str, object]]]:
    for line in lines:
        if not line.strip():
            continue
        if lines.number == 1 and line.lstrip().startswith("["):
            lines.add("is one JSON array; call the file .json, or write one JSON object a line")
            return
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            lines.add(f"is not JSON: {error}")
            continue
        if problem := _row_problem(row, has_escapes=_may_escape_half(line)):
            lines.add(problem)
        else:
            yield lines.number, row


def _may_escape_half(text: str) -> bool:
    """Whether JSON text can hold half of a character: decoded text holds none, so only an escape can make one."""
    return "\\ud" in text.lower()


def _row_problem(row: object, *, has_escapes: bool) -> str:
    if not isinstance(row, dict):
        return "is not a JSON object"
    if has_escapes and SURROGATE.search(json.dumps(row, ensure_ascii=False)):
        return "holds half of a character (an unpaired surrogate)"
    return ""


def _columns(rows: list[dict[str, object]]) -> dict[str, tuple[object, ...]]:
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: tuple(row.get(name) for row in rows) for name in names}
