"""Files of SPSS and Stata (.sav, .zsav, .dta): classes by their names in the file, and what counts as missing."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headstart.errors import UsageError, shortened
from headstart.tables.bounded_bytes import VALUE_BYTES, BoundError, most_bytes, require_bytes
from headstart.tables.datasets_features import wants_names
from headstart.tables.file_options import FileOptions
from headstart.tables.table import Table, unreadable

Code = float | int | str
BLANKS = 8
"""Blanks of a text that SPSS writes as one byte."""
WAY_ON = "where it is to be so, save it as CSV and give that file"
STATA_BEGIN, STATA_END = b"<stata_dta>", b"</stata_dta>"


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """One column, read.

    Attributes:
        values: by row; codes that have names are called by them, declared missing ones are None.
        classes: the names in the order of their codes; codes without a name are among them, where others have one.
        num_declared_missing: rows whose value the file declares to be missing.
        ambiguous: names that several codes share, so that the code stands behind them.
    """

    values: list[object]
    classes: tuple[str, ...]
    num_declared_missing: int
    ambiguous: tuple[str, ...]


def scan_statistics_file(path: Path, options: FileOptions, chunk_rows: int) -> Iterator[Table]:
    """Yield a file of SPSS or Stata piece by piece; it is read whole.

    Raises:
        UsageError: if the package that reads them is missing.
    """
    try:
        import pyreadstat
    except ImportError as error:
        raise UsageError(
            f"{path} is a file of SPSS or Stata, and pyreadstat, which reads it, is not installed",
            remedy='  pip install "headstart[tables]", or save the table as CSV (UTF-8).',
        ) from error
    if _is_cut_off(path):
        yield unreadable(path, "is cut off: its end is missing")
        return
    read = pyreadstat.read_dta if path.suffix.lower() == ".dta" else pyreadstat.read_sav
    try:
        _, about = read(str(path), metadataonly=True, encoding=options.encoding)
        most_rows = _most_rows(path, about)
        # A file may say nothing of its rows, or too little.
        stored, about = read(
            str(path), user_missing=True, output_format="dict", encoding=options.encoding, row_limit=most_rows + 1
        )
        if any(len(values) > most_rows for values in stored.values()):
            raise BoundError(f"unpacks to more than {most_rows:,} rows; {WAY_ON}")
    except BoundError as error:
        yield unreadable(path, str(error))
        return
    except (pyreadstat.ReadstatError, pyreadstat.PyreadstatError, ValueError, OverflowError) as error:
        yield unreadable(path, f"cannot be read: {error}")
        return
    variables = {
        name: _variable(values, _names(about, name) if wants_names(options) else {}, _Missing.of(about, name))
        for name, values in stored.items()
    }
    columns = {name: variable.values for name, variable in variables.items()}
    declared = {name: variable.classes for name, variable in variables.items() if variable.classes}
    for begin in range(0, max(1, int(about.number_rows or 0)), chunk_rows):
        yield Table(
            path=path,
            columns={name: values[begin : begin + chunk_rows] for name, values in columns.items()},
            first_row=begin,
            notes=_notes(variables) if begin == 0 else (),
            declared=declared,
        )


def _most_rows(path: Path, about: Any) -> int:
    """Return how many rows of such columns are read.

    Raises:
        BoundError: if the file declares more.
    """
    size = path.stat().st_size
    widths = [max(VALUE_BYTES, width) for width in about.variable_storage_width.values()]
    width = max(1, sum(widths))
    if path.suffix.lower() == ".dta":
        # It packs nothing. Widths of texts count an end that is not stored; of long texts, 0, each row has the place.
        kinds = about.readstat_variable_types
        stored = sum(
            (width or VALUE_BYTES + 1) - (kinds[name] == "string")
            for name, width in about.variable_storage_width.items()
        )
        if int(about.number_rows or 0) * stored > size:
            raise BoundError(f"is cut off: its {about.number_rows:,} rows have {stored:,} bytes each, it has {size:,}")
        return int(about.number_rows or 0)
    # SPSS packs eight blanks into one byte before it packs anything else, and widths are those of the longest text.
    require_bytes(int(about.number_rows or 0) * width // BLANKS, size, WAY_ON)
    return int(BLANKS * most_bytes(size) // width)


def _is_cut_off(path: Path) -> bool:
    """Whether a file of Stata 13 or newer lacks its end, where the names of classes stand; pyreadstat does not look."""
    with path.open("rb") as file:
        if file.read(len(STATA_BEGIN)) != STATA_BEGIN:
            return False
        file.seek(-min(len(STATA_END), path.stat().st_size), os.SEEK_END)
        return file.read() != STATA_END


@dataclass(frozen=True, slots=True)
class _Missing:
    """What a file declares to be missing in one column: ranges of codes (SPSS), or letters beside numbers (Stata)."""

    ranges: tuple[tuple[Code, Code], ...]
    letters: frozenset[str]

    @classmethod
    def of(cls, about: Any, name: str) -> _Missing:
        ranges = tuple((each["lo"], each["hi"]) for each in about.missing_ranges.get(name, ()))
        return cls(ranges, frozenset(about.missing_user_values.get(name, ())))

    def holds(self, value: object) -> bool:
        if value in self.letters:
            return True
        return any(isinstance(value, str) == isinstance(low, str) and low <= value <= high for low, high in self.ranges)  # type: ignore[operator]


def _names(about: Any, name: str) -> Mapping[Code, str]:
    """Return the names of a variable's codes; letters beside numbers are Stata's missing values, and no codes."""
    names = about.variable_value_labels.get(name, {})
    is_text = about.readstat_variable_types.get(name) == "string"
    return {
        code: called.strip() for code, called in names.items() if called.strip() and isinstance(code, str) == is_text
    }


def _variable(stored: Sequence[Code | None], names: Mapping[Code, str], missing: _Missing) -> Variable:
    values: list[Code | None] = [None if value is None or missing.holds(value) else value for value in stored]
    num_missing = sum(value is None for value in values) - sum(value is None for value in stored)
    named = {code: name for code, name in names.items() if not missing.holds(code)}
    if not named:
        return Variable(values=list(values), classes=(), num_declared_missing=num_missing, ambiguous=())
    often = {name for name in named.values() if list(named.values()).count(name) > 1}
    unnamed = {value for value in values if value is not None and value != "" and value not in named}
    called = {code: f"{named[code]} ({_written(code)})" if named[code] in often else named[code] for code in named} | {
        code: _written(code) for code in unnamed
    }
    return Variable(
        values=[None if value is None else called.get(value) for value in values],
        classes=tuple(called[code] for code in sorted(called, key=_in_order)),
        num_declared_missing=num_missing,
        ambiguous=tuple(sorted(often)),
    )


def _in_order(code: Code) -> tuple[float, str]:
    return (0, code) if isinstance(code, str) else (code, "")


def _written(code: object) -> str:
    return str(int(code)) if isinstance(code, float) and code.is_integer() else str(code)


def _notes(variables: Mapping[str, Variable]) -> tuple[str, ...]:
    missing = [
        f"{name!r} ({each.num_declared_missing})" for name, each in variables.items() if each.num_declared_missing
    ]
    notes = [f"rows whose value the file declares missing: {', '.join(missing)}"] if missing else []
    notes += [
        f"in {name!r} several codes are called {shortened(called)}: their codes stand behind the name"
        for name, each in variables.items()
        for called in each.ambiguous
    ]
    return tuple(notes)
