"""How the table of a model's training rows was read: other tables of the model are read the same way."""

from __future__ import annotations

import codecs
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from headstart.errors import shortened
from headstart.option import options_of
from headstart.tables.bounded_bytes import BoundError, bounded_bytes
from headstart.tables.dialect import delimiter_named
from headstart.tables.file_options import AS_GUESSED, LABELLED, READING, FileOptions, quoting_named
from headstart.tables.paths import HUB_PREFIX
from headstart.tables.reading import scan_table
from headstart.tables.text_lines import require_encoding

IN_THE_TASK = ("text", "text_pair", "choices", "label", "kind")
"""What a model's task says itself."""
DECISIONS = ("drop_incomplete", "label_from_path")
"""What is said anew of every table."""
FORMAT = tuple(name for name in READING if name not in (*IN_THE_TASK, *DECISIONS))
"""How cells are found: the same for files of one suffix."""
MEANING = (*(name for name in LABELLED if name not in (*READING, *IN_THE_TASK, *DECISIONS)), "split_column")
"""What stands in cells, whatever the suffix."""
NAMES_WITHOUT_HEADER = ("no_header", "columns")
BLOCK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredReading:
    """How a table was read.

    Attributes:
        suffix: of the file, such as ".csv", also where it was packed; "" for data that is no file.
        options: the ones that other tables share; the others are at their defaults.

    Raises:
        UsageError: if no table can have been read so.
    """

    suffix: str
    options: FileOptions

    def __post_init__(self) -> None:
        if self.options.delimiter is not None:
            delimiter_named(self.options.delimiter)
        if self.options.quoting is not None:
            quoting_named(self.options.quoting)
        if self.options.encoding is not None:
            require_encoding(self.options.encoding)

    @classmethod
    def of(cls, file: str, options: FileOptions) -> StoredReading:
        """Return what is kept of how `file` was read."""
        kept = {name: getattr(options, name) for name in (*FORMAT, *MEANING)}
        return cls(suffix=_suffix(file), options=replace(AS_GUESSED, **kept))

    def completed(
        self, given: FileOptions, file: str, texts: Sequence[str], *, labelled: bool
    ) -> tuple[FileOptions, str]:
        """Return `given` with what was kept in place of what was not given, and a sentence that says what that is.

        Only what fits the file is taken: its suffix is the same; it is not UTF-8, where another encoding was kept; it
        has no header with the names of the texts, where the kept table had none; it has the column of splits.

        Args:
            given: wins over what was kept.
            file: the table that is to be read.
            texts: columns of the texts.
            labelled: whether labels are read.
        """
        own_format = FORMAT if _suffix(file) == self.suffix else ()
        names = [
            name
            for name in (*own_format, *(MEANING if labelled else ()))
            if self._is_kept(name) and _is_open(given, name)
        ]
        if "encoding" in names and is_utf_8(Path(file)):
            names.remove("encoding")
        if "no_header" in names and set(texts) <= set(_header(file, self._with(given, names, NAMES_WITHOUT_HEADER))):
            names = [name for name in names if name not in NAMES_WITHOUT_HEADER]
        if "split_column" in names and self.options.split_column not in _header(file, self._with(given, names)):
            names.remove("split_column")
        return self._with(given, names), self._sentence(names)

    def _is_kept(self, name: str) -> bool:
        return bool(getattr(self.options, name) != options_of(FileOptions)[name].default)

    def _with(self, given: FileOptions, names: Iterable[str], without: Sequence[str] = ()) -> FileOptions:
        return replace(given, **{name: getattr(self.options, name) for name in names if name not in without})

    def _sentence(self, names: Sequence[str]) -> str:
        if not names:
            return ""
        said = (f"`{name}`{_shown(getattr(self.options, name))}" for name in names)
        return f"read as the model's own table was: {', '.join(said)}"


def is_utf_8(path: Path) -> bool:
    """Return whether a file that can be read, packed or not, holds UTF-8."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        with bounded_bytes(path) as file:
            while block := file.read(BLOCK_BYTES):
                decoder.decode(block)
            decoder.decode(b"", final=True)
    except (OSError, EOFError, zlib.error, BoundError, UnicodeDecodeError):
        return False
    return True


def _is_open(given: FileOptions, name: str) -> bool:
    """Return whether nothing was said of an option; a file without a header and its names are one thing."""
    alike = NAMES_WITHOUT_HEADER if name in NAMES_WITHOUT_HEADER else (name,)
    return all(getattr(given, each) == options_of(FileOptions)[each].default for each in alike)


def _header(file: str, options: FileOptions) -> tuple[str, ...]:
    """Return the names of a file's columns; none of data on the hub, which would have to be fetched for them."""
    if file.startswith(HUB_PREFIX):
        return ()
    return tuple(next(iter(scan_table(file, options, chunk_rows=1))).columns)


def _suffix(file: str) -> str:
    path = Path(file)
    return Path(path.stem).suffix.lower() if path.suffix.lower() == ".gz" else path.suffix.lower()


def _shown(value: object) -> str:
    if value is True:
        return ""
    if isinstance(value, tuple):
        return f" {','.join('='.join(each) if isinstance(each, tuple) else str(each) for each in value)}"
    return f" {shortened(value)}"
