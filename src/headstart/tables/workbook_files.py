"""What a reader of spreadsheets does not tell: formulas without a stored result, and cells that hold an error.

Only the sheet's own XML says so. It is searched for both, and parsed only where one is mentioned.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from xml.etree.ElementTree import Element

from headstart.tables.workbook_elements import elements, local_name

FORMULA_OR_ERROR = re.compile(rb"<(?:\w+:)?f[ />]|t=\"e\"|table:formula=|calcext:value-type=\"error\"")
RECALCULATE = re.compile(rb"fullCalcOnLoad=\"(?:1|true)\"")
"""What libraries write that store formulas and compute nothing: results are made when a program opens the file."""
LONGEST_MENTION = 64
"""Bytes: pieces of a file overlap by so much, so that no mention is torn in two."""
PIECE = 1 << 20


@dataclass(frozen=True, slots=True)
class CellStates:
    """Cells of one sheet whose value a reader leaves empty.

    Attributes:
        uncomputed: row and column, both from 1 -> a formula without a stored result.
        errors: row and column -> what a program shows there, such as `#N/A`.
    """

    uncomputed: dict[tuple[int, int], str] = field(default_factory=dict)
    errors: dict[tuple[int, int], str] = field(default_factory=dict)


def cell_states(path: Path, sheet: str) -> CellStates:
    """Return the cells of a sheet that hold a formula without a result, or an error.

    Raises:
        zipfile.BadZipFile, KeyError, xml.etree.ElementTree.ParseError: if the file is damaged.
    """
    with zipfile.ZipFile(path) as archive:
        if "content.xml" in archive.namelist():
            return _states(archive, "content.xml", _ods_cells(archive, sheet))
        workbook = _target(archive, "_rels/.rels", "officeDocument")
        relations = f"{PurePosixPath(workbook).parent}/_rels/{PurePosixPath(workbook).name}.rels"
        member = _target(archive, relations, _relation_of(archive, workbook, sheet))
        recalculates = RECALCULATE.search(archive.read(workbook)) is not None
        return _states(archive, member, _xlsx_cells(archive, member, recalculates=recalculates))


Cell = tuple[int, int, str | None, str | None]
"""Row, column, and the formula without a result or the error where there is one."""


def _states(archive: zipfile.ZipFile, member: str, cells: Iterator[Cell]) -> CellStates:
    states = CellStates()
    if _mentions(archive, member):
        for row, column, formula, error in cells:
            if formula is not None:
                states.uncomputed[row, column] = formula
            elif error is not None:
                states.errors[row, column] = error
    return states


def _mentions(archive: zipfile.ZipFile, member: str) -> bool:
    with archive.open(member) as file:
        end = b""
        while piece := file.read(PIECE):
            if FORMULA_OR_ERROR.search(end + piece):
                return True
            end = piece[-LONGEST_MENTION:]
    return False


def _xlsx_cells(archive: zipfile.ZipFile, member: str, *, recalculates: bool) -> Iterator[Cell]:
    row = column = 0
    for element in elements(archive, member, "c", "row"):
        if local_name(element) == "row":
            column = 0
            continue
        reference = re.fullmatch(r"([A-Z]+)(\d+)", element.get("r", ""))
        column = _column_number(reference[1]) if reference else column + 1
        row = int(reference[2]) if reference else row
        parts = {local_name(part): part for part in element}
        formula, value = parts.get("f"), parts.get("v")
        stored = "" if value is None else value.text or ""
        is_text = element.get("t") == "str" and value is not None
        is_uncomputed = formula is not None and not is_text and (not stored or (recalculates and stored == "0"))
        yield (
            row,
            column,
            f"={formula.text or ''}" if formula is not None and is_uncomputed else None,
            stored if element.get("t") == "e" else None,
        )


def _ods_cells(archive: zipfile.ZipFile, sheet: str) -> Iterator[Cell]:
    for table in elements(archive, "content.xml", "table"):
        if _attribute(table, "name") != sheet:
            continue
        row = 0
        for line in (each for each in table.iter() if local_name(each) == "table-row"):
            row += int(_attribute(line, "number-rows-repeated") or 1)
            column = 0
            for cell in line:
                column += int(_attribute(cell, "number-columns-repeated") or 1)
                formula, has_value = _attribute(cell, "formula"), _attribute(cell, "value-type") is not None
                is_error = "error" in {value for name, value in cell.items() if name.endswith("value-type")}
                shown = " ".join("".join(cell.itertext()).split())
                yield row, column, None if has_value else formula, shown if is_error else None


def _attribute(element: Element, name: str) -> str | None:
    return next((value for key, value in element.items() if key.rpartition("}")[2] == name), None)


def _relation_of(archive: zipfile.ZipFile, workbook: str, sheet: str) -> str:
    for element in elements(archive, workbook, "sheet"):
        if element.get("name") == sheet:
            return _attribute(element, "id") or ""
    raise KeyError(f"no sheet {sheet!r} in {workbook}")


def _target(archive: zipfile.ZipFile, relations: str, wanted: str) -> str:
    """Return the file that a relation leads to, by its id or by the end of its type."""
    for element in elements(archive, relations, "Relationship"):
        if wanted in (element.get("Id"), element.get("Type", "").rpartition("/")[2]):
            target = element.get("Target", "")
            base = PurePosixPath(relations).parent.parent
            return target.removeprefix("/") if target.startswith("/") else str(base / target)
    raise KeyError(f"no relation {wanted!r} in {relations}")


def _column_number(letters: str) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - ord("A") + 1
    return number
