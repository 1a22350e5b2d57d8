"""Folders of texts: a folder for each class with a file for each text, or a file for each class with a text a line."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from headstart.errors import DataFault, UsageError
from headstart.tables.file_options import FileOptions
from headstart.tables.splits import split_called
from headstart.tables.table import Table, joined
from headstart.tables.text_lines import text_lines

TEXT_SUFFIXES = ("", ".txt", ".text", ".eml")
"""Of files that hold one text each."""
UNLABELLED = ("unsup", "unsupervised", "unlabeled", "unlabelled")
"""What folders are called that hold texts of no class."""
NOT_DATA = re.compile(r"\.|~|readme|licen[sc]e|copying|changelog|authors|notice", re.IGNORECASE)
"""How files begin that lie beside the data."""


def has_classes(folder: Path) -> bool:
    """Whether each class has a folder here with a file for each text."""
    return len(_class_folders(folder)) > 1


def split_folders(folder: Path) -> dict[str, Path]:
    """Return the folders called by splits that have a folder for each class; "train" among them or {}."""
    found = dict[str, Path]()
    for path in folders_in(folder):
        split = split_called(path.name)
        if split is not None and has_classes(path):
            found.setdefault(split, path)
    return found if "train" in found else {}


def class_folders_table(folder: Path, options: FileOptions) -> Table:
    """Return the texts below a folder, each with the name of its own folder as its label."""
    texts, labels, files = list[str](), list[str](), list[str]()
    faults = list[DataFault]()
    classes = _class_folders(folder)
    for place in classes:
        for path in _texts_in(place):
            with text_lines(path, options) as lines:
                texts.append("".join(lines).strip())
                faults += lines.pop_faults()
            labels.append(place.name)
            files.append(path.relative_to(folder).as_posix())
    names = [place.name for place in classes]
    unlabelled = {place.name: len(_texts_in(place)) for place in folders_in(folder) if _is_unlabelled(place)}
    return Table(
        path=folder,
        columns={"text": tuple(texts), "label": tuple(labels), "file": tuple(files)},
        faults=tuple(faults),
        notes=(f"a folder for each class ({len(names)}), a file for each text", *_left_out(folder, classes)),
        dropped={f"lies in the folder {name!r}, which is no class": number for name, number in unlabelled.items()},
    )


def class_files_tables(folder: Path, read: Callable[[Path], Table]) -> dict[str, Table]:
    """Return by split the rows of files of which each holds one class, with their class as the column `label`.

    Files are called by their class, as pos.txt or reviews.pos, and may say the split before it, as train_pos.txt or
    train.pos.

    Args:
        folder: in which the files lie, or a folder for each split.
        read: returns the rows of a file.

    Raises:
        UsageError: if fewer than two classes are found, or a file has a column `label` itself.
    """
    whole = {split_called(path.name): path for path in folders_in(folder)}
    places = {split: path for split, path in whole.items() if split is not None and _data_files(path)}
    if "train" in places:
        return {split: _class_files_table(place, _data_files(place), read) for split, place in places.items()}
    by_split: dict[str, list[Path]] = {}
    for path in _data_files(folder):
        by_split.setdefault(_split_and_rest(path)[0] or "train", []).append(path)
    return {split: _class_files_table(folder, files, read) for split, files in by_split.items()}


def _class_files_table(folder: Path, files: Sequence[Path], read: Callable[[Path], Table]) -> Table:
    if len(files) < 2:
        raise UsageError(
            f"`label_from_path` needs a file or a folder for each class, and {folder} holds {len(files)}",
            remedy="  Give the folder in which they lie.",
        )
    classes = _class_names([_split_and_rest(path)[1] for path in files])
    parts = [_with_class(read(path), name) for path, name in zip(files, classes, strict=True)]
    note = f"a file for each class: {', '.join(map(repr, classes[:5]))}{', ...' if len(classes) > 5 else ''}"
    table = joined(folder, parts)
    return replace(table, lines=None, notes=(note, *table.notes, *_left_out(folder, files)))


def _with_class(table: Table, name: str) -> Table:
    if "label" in table.columns:
        raise UsageError(
            f"`label_from_path` makes a column 'label', and {table.path.name} has one already",
            remedy="  Leave `label_from_path` out and give the files one by one, or rename the column.",
        )
    return replace(table, columns={**table.columns, "label": (name,) * table.num_rows}, arrow=None)


def _split_and_rest(path: Path) -> tuple[str | None, str]:
    """Return the split that a file's name begins with, if any, and the rest of the name."""
    first, *rest = re.split(r"[-_.]", path.name, maxsplit=1)
    split = split_called(first)
    return (split, rest[0]) if split is not None and rest else (None, path.name)


def _class_names(names: Sequence[str]) -> list[str]:
    """Return the names without the parts, between full stops, with which all of them end or begin."""
    parts = [name.split(".") for name in names]
    while all(len(each) > 1 for each in parts) and len({each[-1] for each in parts}) == 1:
        parts = [each[:-1] for each in parts]
    while all(len(each) > 1 for each in parts) and len({each[0] for each in parts}) == 1:
        parts = [each[1:] for each in parts]
    return [".".join(each) for each in parts]


def _class_folders(folder: Path) -> list[Path]:
    return [place for place in folders_in(folder) if not _is_unlabelled(place) and _texts_in(place)]


def _is_unlabelled(folder: Path) -> bool:
    return folder.name.casefold() in UNLABELLED


def folders_in(folder: Path) -> list[Path]:
    """Return the folders in a folder by name, without hidden ones."""
    return sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))


def _texts_in(folder: Path) -> list[Path]:
    """Return the files of one text each; none where other things lie there too, such as tables or folders."""
    paths = [path for path in folder.iterdir() if not NOT_DATA.match(path.name)]
    return sorted(paths, key=natural) if all(map(_is_text, paths)) else []


def _is_text(path: Path) -> bool:
    # A number behind a full stop is no suffix: many collections number their texts.
    suffix = path.suffix.lower()
    return path.is_file() and (suffix in TEXT_SUFFIXES or suffix[1:].isdecimal())


def _data_files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_file() and not NOT_DATA.match(path.name))


def _left_out(folder: Path, used: Sequence[Path]) -> Iterator[str]:
    counted = {*used, *(place for place in folders_in(folder) if _is_unlabelled(place))}
    others = [path.name for path in sorted(folder.iterdir()) if path not in counted and not path.name.startswith(".")]
    if others:
        more = f" and {len(others) - 3} more" if len(others) > 3 else ""
        yield f"left out of {folder.name}: {', '.join(others[:3])}{more}"


def natural(path: Path) -> tuple[list[tuple[int, int, str]], str]:
    """Return by what files are put into a person's order: 2.txt before 10.txt."""
    parts = re.split(r"(\d{1,18})", path.name)
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts if part], path.name
