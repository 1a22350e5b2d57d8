"""The lines of a text file, plain or gzipped, decoded and numbered; what is wrong with them becomes faults."""

from __future__ import annotations

import codecs
import gzip
import io
import re
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from headstart.errors import DataFault, UsageError
from headstart.tables.file_options import FileOptions
from headstart.tables.magic import HEAD_BYTES, binary_kind

UNDECODABLE = re.compile("[\udc80-\udcff]")
"""How Python writes bytes that are not UTF-8 when it is told to keep them."""
BYTE_ORDER_MARK = "\ufeff"
MARKED_ENCODINGS = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
"""The first bytes of a file in these encodings; UTF-32's begin with those of UTF-16."""
DAMAGED_GZIP = (EOFError, zlib.error, gzip.BadGzipFile)


class TextLines(Iterator[str]):
    """The lines of a text file with their ends, their number so far, and what is wrong with them.

    Attributes:
        path: of the file.
        number: of the line that was read last, from 1.
        faults: since `pop_faults` was called last.
    """

    def __init__(self, path: Path, stream: Iterable[str], encoding: str) -> None:
        """Number the lines of a stream of an encoding's text."""
        self.path, self._encoding = path, encoding
        self.number = 0
        self.faults: list[DataFault] = []
        self._checked = self._check(iter(stream))

    def __iter__(self) -> Iterator[str]:
        return self._checked

    def __next__(self) -> str:
        return next(self._checked)

    def pop_faults(self) -> tuple[DataFault, ...]:
        """Return the faults since the last call."""
        faults, self.faults = tuple(self.faults), []
        return faults

    def add(self, message: str, line: int | None = None, value: str = "") -> None:
        """Say that something is wrong with a line; by default with the one that was read last."""
        self.faults.append(
            DataFault(file=str(self.path), line=line or max(1, self.number), message=message, value=value)
        )

    def _check(self, stream: Iterator[str]) -> Iterator[str]:
        try:
            for line in stream:
                self.number += 1
                if self.number == 1:
                    line = line.lstrip(BYTE_ORDER_MARK)
                if "\0" in line:
                    self.add(
                        "holds the byte 0x00, which no text holds: the file is binary or damaged, or give its "
                        "`encoding`, such as utf-16-le"
                    )
                    line = line.replace("\0", "\N{REPLACEMENT CHARACTER}")
                if not line.isascii() and (bad := UNDECODABLE.search(line)):
                    self.add(
                        "is not UTF-8; give its `encoding`, such as cp1252, or save the file as UTF-8",
                        value=f"the byte 0x{ord(bad.group()) - 0xDC00:02X} at character {bad.start() + 1}",
                    )
                    line = UNDECODABLE.sub("\N{REPLACEMENT CHARACTER}", line)
                yield line
        except DAMAGED_GZIP as error:
            self.faults.append(DataFault(file=str(self.path), message=f"is a damaged or truncated gzip file: {error}"))
        except UnicodeError as error:
            self.number += 1
            self.add(f"is not {self._encoding}: {error}; give its `encoding`")


@contextmanager
def open_lines(path: Path, options: FileOptions) -> Iterator[TextLines]:
    """Open a text file and give its lines; there are none where it is no text, and a fault says what it is.

    Raises:
        UsageError: if the encoding is unknown.
    """
    encoding = _known_encoding(options.encoding or "utf-8")
    with _binary(path) as binary:
        if problem := _problem_of(binary, options.encoding):
            lines = TextLines(path, (), "")
            lines.faults.append(DataFault(file=str(path), message=problem))
            yield lines
            return
        is_utf_8 = encoding == "utf-8"
        text = io.TextIOWrapper(
            binary,
            encoding=encoding,
            errors="surrogateescape" if is_utf_8 else "strict",
            newline="",
        )
        yield TextLines(path, text, options.encoding or encoding)


def _known_encoding(name: str) -> str:
    try:
        encoding = codecs.lookup(name).name
        "".encode(encoding)
    except (LookupError, ValueError):
        raise UsageError(
            f"unknown `encoding` {name!r}", allowed="  Such as utf-8, utf-16, cp1252, latin-1, shift_jis."
        ) from None
    return "utf-8" if encoding == "utf-8-sig" else encoding


@contextmanager
def _binary(path: Path) -> Iterator[io.BufferedReader]:
    with path.open("rb") as plain:
        if path.suffix.lower() == ".gz":
            with gzip.open(plain) as unpacked:
                yield io.BufferedReader(unpacked)
        else:
            yield plain


def _problem_of(binary: io.BufferedReader, encoding: str | None) -> str:
    """Return why these bytes are no text in this encoding; None stands for UTF-8 that nobody named."""
    try:
        head = binary.peek(HEAD_BYTES)
    except DAMAGED_GZIP:
        return ""
    if encoding is None:
        for mark, name in MARKED_ENCODINGS.items():
            if head.startswith(mark):
                return f"is {name.upper()}; give `encoding` {name}, or save it as UTF-8"
    said = binary_kind(head)
    return f"is {said}" if said else ""
