"""The lines of a text file, plain or gzipped: decoded, counted, and what is wrong with them said."""

from __future__ import annotations

import codecs
import gzip
import io
import re
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import chain, islice
from pathlib import Path

from headstart.errors import DataFault, UsageError
from headstart.tables.bounded_bytes import MOST_LINE_BYTES, BoundError, bounded_bytes
from headstart.tables.file_options import FileOptions
from headstart.tables.magic import HEAD_BYTES, binary_kind

UNDECODABLE = re.compile("[\udc80-\udcff]")
"""How Python writes bytes that are not UTF-8 when it is told to keep them."""
MARKS = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
"""What files begin with that are neither UTF-8 nor of one byte a character; the longer marks first."""
BYTE_ORDER_MARK = "\ufeff"
DAMAGED_GZIP = (EOFError, zlib.error, gzip.BadGzipFile)


class TextLines(Iterator[str]):
    """The lines of a text file with their ends, their number so far, and what is wrong with them."""

    def __init__(self, path: Path, stream: Iterable[str], encoding: str) -> None:
        self.path, self._encoding = path, encoding
        self.number = 0
        self.faults: list[DataFault] = []
        self._written = self._read(stream)
        self._checked = self._check(None)

    def __iter__(self) -> Iterator[str]:
        return self._checked

    def __next__(self) -> str:
        return next(self._checked)

    def peek(self, num_lines: int) -> list[str]:
        """Return the first lines, as they stand, without going on; only before any line is taken."""
        first = list(islice(self._written, num_lines))
        self._written = chain(first, self._written)
        return first

    def take(self, num_lines: int) -> list[str]:
        """Return the next lines, at most so many; quicker than one by one."""
        lines = list(islice(self._written, num_lines))
        text = "".join(lines)
        if "\0" in text or not _is_decoded(text):
            return list(self._check(iter(lines)))
        self.number += len(lines)
        return lines

    def pop_faults(self) -> tuple[DataFault, ...]:
        """Return the faults since the last call."""
        faults, self.faults = tuple(self.faults), []
        return faults

    def add(self, message: str, line: int | None = None, value: str = "") -> None:
        """Say that something is wrong with a line; by default with the one that was read last."""
        self.faults.append(
            DataFault(file=str(self.path), line=line or max(1, self.number), message=message, value=value)
        )

    def _read(self, stream: Iterable[str]) -> Iterator[str]:
        """Yield the lines as they stand, but for the mark of the encoding, until the file breaks off."""
        lines = iter(stream)
        try:
            yield from (line.lstrip(BYTE_ORDER_MARK) for line in islice(lines, 1))
            yield from lines
        except DAMAGED_GZIP as error:
            self.faults.append(DataFault(file=str(self.path), message=f"is a damaged or truncated gzip file: {error}"))
        except BoundError as error:
            self.faults.append(DataFault(file=str(self.path), message=str(error)))
        except UnicodeError as error:
            self.add(f"is not {self._encoding}; give its `encoding` ({error})")

    def _check(self, lines: Iterator[str] | None) -> Iterator[str]:
        """Number and check lines; None stands for those of the file, from where it is read first."""
        for line in self._written if lines is None else lines:
            self.number += 1
            if "\0" in line:
                self.add("holds a zero byte, as no text does: is it text, and in which `encoding`?")
            if not _is_decoded(line) and (bad := UNDECODABLE.search(line)):
                self.add(
                    "is not UTF-8; give its `encoding`, such as cp1252, cp1251 or gb18030, or save it as UTF-8",
                    value=f"the byte 0x{ord(bad.group()) - 0xDC00:02X} at character {bad.start() + 1}",
                )
                yield UNDECODABLE.sub("\N{REPLACEMENT CHARACTER}", line)
            else:
                yield line


def _is_decoded(line: str) -> bool:
    """Whether a line holds characters only: quicker than a search."""
    if line.isascii():
        return True
    try:
        line.encode()
    except UnicodeEncodeError:
        return False
    return True


def require_encoding(name: str) -> None:
    """Refuse what is no encoding of texts.

    Raises:
        UsageError: naming it.
    """
    try:
        codecs.lookup(name)
        # Some codecs are none of text, such as base64.
        "".encode(name)
    except (LookupError, ValueError):
        raise UsageError(
            f"unknown `encoding` {name!r}", allowed="  Such as utf-8, utf-16, cp1252, latin-1, shift_jis."
        ) from None


@contextmanager
def text_lines(path: Path, options: FileOptions, most_line_bytes: int = MOST_LINE_BYTES) -> Iterator[TextLines]:
    """Open a text file as lines; one in another encoding than UTF-8 has none, and a fault, unless it is named.

    Lines end, with a fault, before one of more than `most_line_bytes`.

    Raises:
        UsageError: if the encoding is unknown.
    """
    encoding = options.encoding or "utf-8"
    require_encoding(encoding)
    with bounded_bytes(path, most_line_bytes) as binary:
        if said := _why_no_text(binary, options.encoding):
            lines = TextLines(path, (), "")
            lines.faults.append(DataFault(file=str(path), message=said))
            yield lines
            return
        errors = "surrogateescape" if codecs.lookup(encoding).name == "utf-8" else "strict"
        with io.TextIOWrapper(binary, encoding=encoding, errors=errors, newline="") as text:
            yield TextLines(path, text, encoding)


def _why_no_text(binary: io.BufferedReader, encoding: str | None) -> str:
    """Return why bytes are no text in this encoding, None for UTF-8; "" where they may be."""
    try:
        head = binary.peek(HEAD_BYTES)
    except (*DAMAGED_GZIP, BoundError):
        return ""
    mark = next((name for mark, name in MARKS.items() if head.startswith(mark)), None)
    if encoding is None and mark is not None:
        return f"is {mark.upper()}; give `encoding` {mark}, or save it as UTF-8"
    said = binary_kind(head)
    return f"is {said}" if said else ""
