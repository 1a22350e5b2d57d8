"""Files with one text a line, alone or beside a file with one label a line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from headstart.errors import DataFault, UsageError
from headstart.tables.file_options import FileOptions
from headstart.tables.paths import local_path
from headstart.tables.splits import split_called
from headstart.tables.table import Table, unreadable
from headstart.tables.text_lines import text_lines

LABEL_WORDS = ("labels", "label")
LABEL_SUFFIXES = (".labels", ".label", ".txt")
TEXT_WORD = re.compile(r"(?<![a-z])(texts?|sentences?|data|inputs?|x)(?![a-z])", re.IGNORECASE)


def label_file_of(path: Path, options: FileOptions) -> Path | None:
    """Return the file that holds the labels of a text file's lines, if any.

    It is the one that `label_file` names, or the one beside it that has as many lines and is called so: reviews.labels
    or reviews_labels.txt for reviews.txt, train_labels.txt for train_text.txt.

    Raises:
        UsageError: if `label_file` is given for another format.
    """
    if options.label_file is not None:
        if path.suffix.lower() != ".txt":
            raise UsageError(
                f"`label_file` would have no effect: {path.name} is no text file (.txt) of one text a line",
                remedy="  Leave it out, and name the column of the labels with `label`.",
            )
        return local_path(options.label_file)
    if path.suffix.lower() != ".txt" or not path.is_file():
        return None
    beside = next((file for file in _candidates(path) if file != path and file.is_file()), None)
    if beside is None or len(_written_lines(path)) != len(_written_lines(beside)):
        return None
    return beside


def scan_text_and_labels(path: Path, labels: Path, options: FileOptions) -> Iterator[Table]:
    """Yield the rows of a text file and a label file, line by line."""
    if not labels.is_file():
        yield unreadable(labels, "the file does not exist")
        return
    texts, faults = _lines_of(path, options)
    names, more = _lines_of(labels, options)
    size = max(len(_without_blank_end(texts)), len(_without_blank_end(names)))
    texts, names = texts[:size], names[:size]
    if len(texts) != len(names):
        message = f"has {len(texts)} lines, and {labels.name} has {len(names)}: each line needs its label"
        yield unreadable(path, message)
        return
    yield Table(
        path=path,
        columns={"text": tuple(texts), "label": tuple(names)},
        lines=tuple(range(1, size + 1)),
        faults=(*faults, *more),
        notes=(f"one text a line; the labels are the lines of {labels.name}",),
    )


def lines_table(path: Path, options: FileOptions) -> Table:
    """Return a file with one text a line as a table of one column; blank lines are no rows."""
    texts, faults = _lines_of(path, options)
    numbered = [(number, text) for number, text in enumerate(texts, 1) if text.strip()]
    columns = {"text": tuple(text for _, text in numbered)}
    return Table(path=path, columns=columns, lines=tuple(number for number, _ in numbered), faults=faults)


def paired_files(folder: Path) -> dict[str, Path]:
    """Return the text files of a folder by split, where each has its label file beside it; "train" among them or {}."""
    files = dict[str, Path]()
    for path in sorted(folder.glob("*.txt")):
        split = split_called(re.split(r"[-_.]", path.name, maxsplit=1)[0])
        if split is not None and any(file != path and file.is_file() for file in _candidates(path)):
            files.setdefault(split, path)
    return files if "train" in files else {}


def _candidates(path: Path) -> Iterator[Path]:
    """Yield what a label file may be called."""
    stem = path.stem
    if any(re.search(rf"(?<![a-z]){word}(?![a-z])", stem, re.IGNORECASE) for word in LABEL_WORDS):
        return
    swapped = [TEXT_WORD.sub(word, stem) for word in LABEL_WORDS if TEXT_WORD.search(stem)]
    joined = [f"{stem}{sign}{word}" for word in LABEL_WORDS for sign in "_-."]
    for name in (*swapped, *joined):
        yield path.with_name(f"{name}.txt")
    for suffix in LABEL_SUFFIXES[:2]:
        yield path.with_name(stem + suffix)


def _lines_of(path: Path, options: FileOptions) -> tuple[list[str], tuple[DataFault, ...]]:
    with text_lines(path, options) as lines:
        found = [line.rstrip("\r\n") for line in lines]
        return found, lines.pop_faults()


def _without_blank_end(lines: list[str]) -> list[str]:
    size = len(lines)
    while size and not lines[size - 1].strip():
        size -= 1
    return lines[:size]


def _written_lines(path: Path) -> list[bytes]:
    return path.read_bytes().rstrip().splitlines()
