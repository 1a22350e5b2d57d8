"""Rows as a model reads them: one text or two, for multiple choice the choices, or the file of an image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headstart_runtime.description import Description
from headstart_runtime.errors import InputError
from headstart_runtime.image_input import ImageInput

Row = str | list[str] | tuple[str, ...] | Path | bytes
"""A text, or the two texts of a pair; an image's path, or what its file holds."""
Choices = list[str] | tuple[str, ...]
"""The choices of a row."""


@dataclass(frozen=True, slots=True)
class Sequences:
    """The texts of n rows, a sequence of the model's each, or one for each choice; or the files of n images.

    Attributes:
        columns: one list of texts per place in the sequence, one or two; of images one list of files.
        num_choices: of each row; None where rows have no choices.
    """

    columns: tuple[list[Any], ...]
    num_choices: list[int] | None


def read_rows(given: Sequence[Row], choices: Sequence[Choices] | None, description: Description) -> Sequences:
    """Return rows as sequences.

    Raises:
        InputError: if a row does not hold as many texts as the model reads, or something that is no text, or no file;
            or if there are choices that the model does not read, or none where it reads them.
    """
    if isinstance(description.reads, ImageInput):
        return _files(given, choices)
    if isinstance(given, str):
        raise InputError("texts must be a list of texts or of pairs of texts")
    rows = [_row(row, number, description.reads.num_texts) for number, row in enumerate(given)]
    if description.has_choices != (choices is not None):
        said = (
            "reads choices, and none are given" if description.has_choices else "does not read choices: leave them out"
        )
        raise InputError(f"the model {said}")
    if choices is None:
        return Sequences(tuple(map(list, zip(*rows, strict=True))), None)
    if len(choices) != len(rows):
        raise InputError(f"there are {len(rows)} texts and choices for {len(choices)}")
    each = [_choices(row, number) for number, row in enumerate(choices)]
    sequences = [(*row, choice) for row, some in zip(rows, each, strict=True) for choice in some]
    return Sequences(tuple(map(list, zip(*sequences, strict=True))), [len(some) for some in each])


def _files(given: Sequence[Row], choices: Sequence[Choices] | None) -> Sequences:
    if isinstance(given, str | bytes):
        raise InputError("images must be a list of files")
    if choices is not None:
        raise InputError("the model does not read choices: leave them out")
    for number, file in enumerate(given):
        if not isinstance(file, str | Path | bytes) or (isinstance(file, str) and "\0" in file):
            raise InputError(f"images[{number}] must be a path or the bytes of a file, found {file!r:.80}")
    return Sequences((list(given),) if given else (), None)


def _row(row: object, number: int, num_texts: int) -> tuple[str, ...]:
    texts = tuple(row) if isinstance(row, list | tuple) else (row,)
    if len(texts) != num_texts:
        raise InputError(f"texts[{number}] holds {len(texts)} texts, and the model reads {num_texts}")
    return tuple(_checked(text, f"texts[{number}]") for text in texts)


def _choices(row: object, number: int) -> tuple[str, ...]:
    if not isinstance(row, list | tuple) or len(row) < 2:
        raise InputError(f"choices[{number}] must be a list of two texts or more")
    return tuple(_checked(choice, f"choices[{number}]") for choice in row)


def _checked(text: object, where: str) -> str:
    if not isinstance(text, str) or not text.strip():
        raise InputError(f"{where} must hold texts that are not empty, found {text!r:.80}")
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        raise InputError(f"{where} holds half of a character: {text!a:.80}")
    return text
