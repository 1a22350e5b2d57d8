"""The lines of a text file, plain or gzipped: decoded, counted, and what is wrong with them said."""

from __future__ import annotations

import codecs
import gzip
import io
import re
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

from headstart.errors import DataFault, UsageError
from headstart.tables.file_options import FileOptions

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


class TextLines(Iterator[str]):
    """The lines of a text file with their ends, their number so far, and what is wrong with them."""

    def __init__(self, path: Path, stream: Iterable[str], encoding: str) -> None:
        self.path, self._stream, self._encoding = path, iter(stream), encoding
        self._ahead: list[str] = []
        self.number = 0
        self.faults: list[DataFault] = []

    def __next__(self) -> str:
        line = self._ahead.pop(0) if self._ahead else self._next_written()
        self.number += 1
        if line.isascii() and "\0" not in line:
            return line
        return self._checked(line)

    def peek(self, num_lines: int) -> list[str]:
        """Return the next lines, as they stand, without going on."""
        self._ahead += islice(iter(self._written_or_none, None), max(0, num_lines - len(self._ahead)))
        return self._ahead[:num_lines]

    def pop_faults(self) -> tuple[DataFault, ...]:
        """Return the faults since the last call."""
        faults, self.faults = tuple(self.faults), []
        return faults

    def add(self, message: str, line: int | None = None) -> None:
        """Say that something is wrong with a line; by default with the one that was read last."""
        self.faults.append(DataFault(file=str(self.path), line=line or max(1, self.number), message=message))

    def _written_or_none(self) -> str | None:
        try:
            return self._next_written()
        except StopIteration:
            return None

    def _next_written(self) -> str:
        try:
            return next(self._stream)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            self.faults.append(DataFault(file=str(self.path), message=f"is a damaged or truncated gzip file: {error}"))
        except UnicodeError as error:
            self.add(f"is not {self._encoding}; give its `encoding` ({error})")
        self._stream = iter(())
        raise StopIteration

    def _checked(self, line: str) -> str:
        if self.number == 1:
            line = line.removeprefix(BYTE_ORDER_MARK)
        if "\0" in line:
            self.add("holds a zero byte, as no text does: is it text, and in which `encoding`?")
        if bad := UNDECODABLE.search(line):
            byte = ord(bad.group()) - 0xDC00
            self.add(
                f"the byte 0x{byte:02X} at character {bad.start() + 1} is not UTF-8; give its `encoding`, such as "
                "cp1252, or save the file as UTF-8"
            )
            return UNDECODABLE.sub("\N{REPLACEMENT CHARACTER}", line)
        return line


@contextmanager
def text_lines(path: Path, options: FileOptions) -> Iterator[TextLines]:
    """Open a text file as lines; one in another encoding than UTF-8 has none, and a fault, unless it is named.

    Raises:
        UsageError: if the encoding is unknown.
    """
    encoding = options.encoding or "utf-8"
    try:
        codecs.lookup(encoding)
    except LookupError:
        raise UsageError(
            f"unknown `encoding` {encoding!r}", allowed="  Such as utf-8, utf-16, cp1252, latin-1, shift_jis."
        ) from None
    with _binary(path) as binary:
        mark = _mark(binary)
        if options.encoding is None and mark is not None:
            lines = TextLines(path, (), "")
            said = f"is {mark.upper()}; give `encoding` {mark}, or save it as UTF-8"
            lines.faults.append(DataFault(file=str(path), message=said))
            yield lines
            return
        errors = "surrogateescape" if codecs.lookup(encoding).name == "utf-8" else "strict"
        with io.TextIOWrapper(binary, encoding=encoding, errors=errors, newline="") as text:
            yield TextLines(path, text, encoding)


@contextmanager
def _binary(path: Path) -> Iterator[io.BufferedReader]:
    with path.open("rb") as plain:
        if path.suffix.lower() == ".gz":
            with gzip.open(plain) as unpacked:
                yield io.BufferedReader(unpacked)
        else:
            yield plain


def _mark(binary: io.BufferedReader) -> str | None:
    try:
        begin = binary.peek(4)[:4]
    except (EOFError, zlib.error, gzip.BadGzipFile):
        return None
    return next((name for mark, name in MARKS.items() if begin.startswith(mark)), None)
