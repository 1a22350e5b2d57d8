"""What a spreadsheet unpacks to, held to bounds before a reader takes memory for it.

Three things make a small file a giant: archives that unpack to one, one cell far from the others, since readers fill
the grid between them, and one long text that many cells show. Tags are searched as bytes, and parsed only where that
leaves a doubt.
"""

from __future__ import annotations

import copy
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from xml.etree.ElementTree import Element

from headstart.tables.bounded_bytes import VALUE_BYTES, BoundError, most_bytes, require_bytes
from headstart.tables.workbook_elements import elements, local_name

WAY_ON = "delete what is empty or save the sheet as CSV, and give that file"
_PLACE = rb"""r\s*=\s*["']\s*([A-Za-z]*)(\d+)\s*["']"""
_ANY = re.compile(_PLACE)
"""The place of a cell, or of a row."""
_FILLED = re.compile(_PLACE + rb"""(?![^<>"']*(?:["'][^<>"']*["'][^<>"']*)*/>)""")
"""The same, of what is more than an empty tag; four times slower."""
_TEXT = re.compile(rb"<(?:\w+:)?si[\s>]")
"""How a text that cells share begins."""
_PIECE, _MOST_TAG_BYTES, _NO_SIZE = 1 << 20, 1 << 24, 1 << 62
_SHARED = "sharedstrings.xml"


def require_bounded_workbook(path: Path) -> None:
    """Refuse a spreadsheet whose archive, grid or texts take more memory than a file of its size can need.

    Raises:
        BoundError: if one does.
        zipfile.BadZipFile, zlib.error, xml.etree.ElementTree.ParseError, ValueError: if the file is damaged.
    """
    size = path.stat().st_size
    with zipfile.ZipFile(path) as archive:
        unpacked = cells = longest = 0
        for info in archive.infolist():
            grid = _Grid()
            for tags in _tags(archive, info):
                unpacked += len(tags)
                require_bytes(unpacked, size, WAY_ON)
                cells += grid.add(_ANY, tags)
                if info.filename.lower().endswith(_SHARED):
                    # A comment could hold what looks like a beginning.
                    texts = [tags] if b"<!" in tags else _TEXT.split(tags)
                    longest = max(longest, *map(len, texts))
            if grid.num_bytes > most_bytes(size):
                filled = _Grid()
                for tags in _tags(archive, info):
                    filled.add(_FILLED, tags)
                require_bytes(filled.num_bytes, size, WAY_ON)
        if longest * cells > most_bytes(size):
            _require_bounded_texts(archive, size)
        if "content.xml" in archive.namelist():
            _require_bounded_ods(archive, size)


class _Grid:
    """The rows and columns down to the last cell that was found."""

    def __init__(self) -> None:
        self._row, self._column = 0, 0

    @property
    def num_bytes(self) -> int:
        return VALUE_BYTES * self._row * self._column

    def add(self, pattern: re.Pattern[bytes], tags: bytes) -> int:
        """Take the places that a pattern finds, and return their number."""
        found = pattern.findall(tags)
        self._row = max(self._row, max((int(digits) for _, digits in found), default=0))
        self._column = max(self._column, max(map(_column, {letters for letters, _ in found}), default=0))
        return len(found)


def _tags(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Iterator[bytes]:
    """Yield a member in pieces that tear no tag in two; what it says of its own size is not believed."""
    if info.compress_type == zipfile.ZIP_STORED and info.file_size > info.compress_size:
        raise BoundError(f"is damaged: {info.filename} has not the size that its archive says")
    as_long_as_it_is = copy.copy(info)
    if info.compress_type != zipfile.ZIP_STORED:
        as_long_as_it_is.file_size = _NO_SIZE
    with archive.open(as_long_as_it_is) as file:
        begun = b""
        while piece := file.read(_PIECE):
            begun += piece
            end = begun.rfind(b"<")
            if end < 0 and len(begun) < _MOST_TAG_BYTES:
                continue
            end = len(begun) if end < 0 else end
            yield begun[:end]
            begun = begun[end:]
            if len(begun) > _MOST_TAG_BYTES:
                raise BoundError(f"has a tag of more than {_MOST_TAG_BYTES >> 20} MiB: is it a spreadsheet?")
        yield begun


def _require_bounded_ods(archive: zipfile.ZipFile, size: int) -> None:
    """Add up what repeated rows and cells come to, up to the last one that is filled, and the texts in them."""
    row = width = texts = 0
    for element in elements(archive, "content.xml", "table-row", "table"):
        if local_name(element) == "table":
            row = width = 0
            continue
        times, column, filled = _repeated(element, "rows"), 0, 0
        for cell in element:
            column += (repeated := _repeated(cell, "columns"))
            if len(cell) or any("value" in name for name, _ in cell.items()):
                filled = column
                texts += times * repeated * sum(map(len, cell.itertext()))
        row += times
        width = max(width, filled)
        if filled:
            require_bytes(max(texts, VALUE_BYTES * row * width), size, WAY_ON)


def _require_bounded_texts(archive: zipfile.ZipFile, size: int) -> None:
    """Add up the texts that cells show, each as often as it is shown."""
    shared = [name for name in archive.namelist() if name.lower().endswith(_SHARED)]
    lengths = [len("".join(each.itertext())) for name in shared for each in elements(archive, name, "si")]
    total = 0
    for name in archive.namelist():
        if name.endswith(".xml") and name not in shared:
            for cell in elements(archive, name, "c"):
                value = next((part.text for part in cell if local_name(part) == "v"), None)
                if cell.get("t") == "s" and value is not None:
                    total += lengths[int(value)] if int(value) < len(lengths) else 0
        require_bytes(total, size, WAY_ON)


def _repeated(element: Element, what: str) -> int:
    return max(1, next((int(value) for name, value in element.items() if name.endswith(f"number-{what}-repeated")), 1))


def _column(letters: bytes) -> int:
    number = 0
    for letter in letters.upper():
        number = number * 26 + letter - ord("A") + 1
    return number
