"""Folders of images or sounds: a folder for each class with a file for each row, or files without classes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from headstart.media.modality import Modality
from headstart.tables.folders import NOT_DATA, folders_in, natural
from headstart.tables.splits import split_called
from headstart.tables.table import Table, unreadable

FILE, LABEL = "file", "label"
"""The columns: the file's path, as seen from the table's folder, and its class."""


def media_tables(folder: Path, modality: Modality) -> dict[str, Table]:
    """Return the tables of a folder by split, "train" among them: of folders called by splits, or of the whole."""
    named = [(split_called(place.name), place) for place in folders_in(folder)]
    splits = {split: place for split, place in reversed(named) if split is not None}
    if "train" not in splits:
        return {"train": media_table(folder, modality)}
    return {split: media_table(splits[split], modality) for split in sorted(splits)}


def media_table(path: Path, modality: Modality) -> Table:
    """Return the files below a folder, each with the name of its own folder as its label.

    Where no folder in it holds such files, these are its own, without labels; a single file is a table of one row.
    """
    if not path.is_dir():
        return Table(path=path.parent, columns={FILE: (path.name,)})
    others = Counter[str]()
    classes = [(place, files) for place in folders_in(path) if (files := _files_in(place, modality, others))]
    if not classes:
        files = _files_in(path, modality, others)
        dropped = _dropped(others, modality)
        return _without_classes(path, files, dropped) if files else unreadable(path, _why_none(path, modality))
    rows = [(file.relative_to(path).as_posix(), place.name) for place, files in classes for file in files]
    names, labels = zip(*rows, strict=True)
    return Table(
        path=path,
        columns={FILE: names, LABEL: labels},
        notes=(f"a folder for each class ({len(classes)}), a file for each {modality.thing}", *_beside(path, modality)),
        dropped=_dropped(others, modality),
    )


def scan_media(path: Path, modality: Modality, chunk_rows: int) -> Iterator[Table]:
    """Yield the rows of `media_table` piece by piece."""
    table = media_table(path, modality)
    if table.faults:
        yield table
        return
    for begin in range(0, table.num_rows, chunk_rows):
        end = min(begin + chunk_rows, table.num_rows)
        yield Table(
            path=table.path,
            columns={name: column[begin:end] for name, column in table.columns.items()},
            first_row=begin,
            notes=table.notes,
            dropped=table.dropped if begin == 0 else {},
        )


def _without_classes(folder: Path, files: Iterable[Path], dropped: dict[str, int]) -> Table:
    return Table(path=folder, columns={FILE: tuple(file.name for file in files)}, dropped=dropped)


def _files_in(folder: Path, modality: Modality, others: Counter[str]) -> list[Path]:
    """Return a folder's images or sounds in the order of their names; other files are counted by their suffixes."""
    files = [path for path in folder.iterdir() if path.is_file() and not NOT_DATA.match(path.name)]
    found = [path for path in files if path.suffix.lower() in modality.suffixes]
    if found:
        others.update(path.suffix.lower() for path in files if path.suffix.lower() not in modality.suffixes)
    return sorted(found, key=natural)


def _dropped(others: Counter[str], modality: Modality) -> dict[str, int]:
    kind = f"{modality.thing}s"
    return {f"the suffix {suffix!r} is none of {kind}": number for suffix, number in sorted(others.items())}


def _beside(folder: Path, modality: Modality) -> Iterator[str]:
    own = sum(path.suffix.lower() in modality.suffixes for path in folder.iterdir() if path.is_file())
    if own:
        files = f"1 {modality.thing} that lies" if own == 1 else f"{own} {modality.thing}s that lie"
        yield f"left out: {files} in {folder.name} itself, in no class"


def _why_none(folder: Path, modality: Modality) -> str:
    return (
        f"holds no {modality.thing}s, neither itself nor in a folder for each class; they are known by their suffixes: "
        f"{', '.join(modality.suffixes)}"
    )
