"""Rows that are images or sounds: the file of each row, looked at once, and what a model's inputs are made of."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from headstart.data.examples import HALF_CHARACTER, Split, has_half_character
from headstart.data.tokenisation import FILE, TokenizedSplit
from headstart.errors import DataError, DataFault
from headstart.media.faults import MediaError
from headstart.media.media_file import MediaFile, checked_file, read_media
from headstart.media.modality import Modality
from headstart.media.sounds import said_seconds
from headstart.tables.table import Table


def with_files(split: Split, table: Table) -> Split:
    """Return the examples of a table with the file of each, which nobody has looked at yet.

    Paths in a table are seen from the folder that it lies in; those of a folder, from that folder.
    """
    folder = table.path if table.path.is_dir() else table.path.parent
    return split.with_columns(files=tuple(MediaFile(path=str(folder / name)) for (name,) in split.texts))


def with_checked_files(
    split: Split, table: Table, modality: Modality, faults: list[DataFault], rows: Sequence[int]
) -> Split:
    """Return the same after each file was read and decoded once; what cannot be goes to `faults`.

    Args:
        split: the examples.
        table: that they are of.
        modality: of the files.
        faults: are added to.
        rows: of the table, one for each example.
    """
    split = with_files(split, table)
    files = []
    for row, (name,), file in zip(rows, split.texts, split.files or (), strict=True):
        try:
            if has_half_character(name):
                raise MediaError(HALF_CHARACTER)
            files.append(checked_file(Path(file.path), modality))
        except MediaError as fault:
            faults.append(table.fault(str(fault), row, value=name))
            files.append(file)
    return split.with_columns(files=tuple(files))


def media_inputs(split: Split, *, most_seconds: float) -> TokenizedSplit:
    """Return the files of all examples as what a model's inputs are made of, batch by batch.

    Args:
        split: with a file for each example, or paths in place of texts.
        most_seconds: what is read of a sound; examples with longer ones count as truncated.

    Raises:
        DataError: if a file whose seconds nobody knows yet is no sound.
    """
    files = split.files or tuple(MediaFile(path=text) for (text,) in split.texts)
    if math.isfinite(most_seconds):
        files = tuple(file if file.seconds else _with_seconds(file) for file in files)
    return TokenizedSplit(
        features={FILE: [[file.path] for file in files]},
        labels=None if split.labels is None else list(split.labels),
        weights=None if split.weights is None else list(split.weights),
        num_truncated=sum(file.seconds > most_seconds for file in files),
    )


def _with_seconds(file: MediaFile) -> MediaFile:
    """Return a sound with its seconds."""
    try:
        return replace(file, seconds=said_seconds(read_media(Path(file.path), Modality.AUDIO)))
    except MediaError as fault:
        raise DataError([DataFault(file=file.path, message=str(fault))]) from fault


def longest_sound(splits: Sequence[Split]) -> float:
    """Return the seconds of the longest sound among rows; 0 where there is none."""
    return max((file.seconds for split in splits for file in split.files or ()), default=0.0)
