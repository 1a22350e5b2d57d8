"""A model from an exported folder: texts or images in, answers out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from headstart_runtime.answers import answers_of, decisions_of, row_logits
from headstart_runtime.description import Description, read_description
from headstart_runtime.errors import FolderError, InputError
from headstart_runtime.folder import TOKENIZER_FILE, Folder, open_folder
from headstart_runtime.image_input import ImageInput
from headstart_runtime.network import Input, Network
from headstart_runtime.pixels import File, ImageReader
from headstart_runtime.reader import Reader
from headstart_runtime.rows import Choices, Row, Sequences, read_rows

BATCH_SIZE = 8
"""What is computed of so many short texts stays in a core's cache; in batches of 32 a tenth fewer are answered."""


class Model:
    """A model that was read from its folder; several threads may use it at once.

    Letters: n rows, k logits, c classes, m choices of the row that has the most.

    Attributes:
        description: what it answers, and what it reads.
        network: computes logits of tokens or pixels.
    """

    def __init__(self, description: Description, reader: Reader | ImageReader, network: Network) -> None:
        self.description, self.network = description, network
        self._reader = reader

    def predict(
        self,
        rows: Sequence[Row],
        *,
        choices: Sequence[Choices] | None = None,
        batch_size: int = BATCH_SIZE,
    ) -> list[Any]:
        """Return the answer to each row: a class, a list of classes, a number, or the number of a choice from 0.

        Args:
            rows: n texts, or n pairs of texts; n images, each the path of its file or what that holds.
            choices: for multiple choice, those of each row, two at least; rows may have different numbers of them.
            batch_size: sequences or images that are computed at once; does not change answers.

        Raises:
            InputError: if rows are not what the model reads.
        """
        return decisions_of(self._answers(rows, choices, batch_size), self.description)

    def predict_proba(
        self,
        rows: Sequence[Row],
        *,
        choices: Sequence[Choices] | None = None,
        batch_size: int = BATCH_SIZE,
    ) -> npt.NDArray[np.float32]:
        """Return probabilities of classes [n, c], in the order of `description.labels`, or of choices [n, m].

        Rows add up to 1 but for multi-label answers; a choice that a row lacks has 0. Arguments are those of `predict`.

        Raises:
            InputError: if rows are not what the model reads, or it answers with numbers, which have no probability.
        """
        if self.description.answers == "regression":
            raise InputError("the model answers with numbers, which have no probabilities: call predict")
        return self._answers(rows, choices, batch_size)

    def logits(
        self,
        rows: Sequence[Row],
        *,
        choices: Sequence[Choices] | None = None,
        batch_size: int = BATCH_SIZE,
    ) -> npt.NDArray[np.float32]:
        """Return logits [n, k], or [n, m] with minus infinity where a row has fewer choices than m.

        Arguments and errors are those of `predict`.
        """
        if batch_size < 1:
            raise InputError(f"batch_size is 1 or more, got {batch_size}")
        sequences = read_rows(rows, choices, self.description)
        if not sequences.columns:
            return np.empty((0, self.description.num_logits), np.float32)
        if isinstance(self._reader, ImageReader):
            return self._image_logits(self._reader, sequences.columns[0], batch_size)
        inputs, counts = self.read(sequences)
        return self.row_logits(self.network.logits(inputs, batch_size), counts)

    def read(self, sequences: Sequences) -> tuple[Sequence[Input], list[int] | None]:
        """Return what the network reads of rows, and how many sequences each row has in them (None: one each).

        Raises:
            InputError: if a text or an image cannot be read.
        """
        inputs, num_windows = self._reader.read(sequences.columns)
        return inputs, num_windows if sequences.num_choices is None else sequences.num_choices

    def row_logits(self, logits: npt.NDArray[np.float32], counts: Sequence[int] | None) -> npt.NDArray[np.float32]:
        """Return logits per row from those of the sequences that `read` returned, with its counts."""
        return row_logits(logits, counts, has_choices=self.description.has_choices)

    def _image_logits(self, reader: ImageReader, files: Sequence[File], batch_size: int) -> npt.NDArray[np.float32]:
        """Return logits [n, k]; files are read batch by batch, since all images together may not fit into memory."""
        parts = []
        for begin in range(0, len(files), batch_size):
            batch = enumerate(files[begin : begin + batch_size], start=begin)
            parts.append(self.network.batch_logits([reader.pixels(file, number) for number, file in batch]))
        return np.concatenate(parts)

    def _answers(
        self, rows: Sequence[Row], choices: Sequence[Choices] | None, batch_size: int
    ) -> npt.NDArray[np.float32]:
        return answers_of(self.logits(rows, choices=choices, batch_size=batch_size), self.description)


def load(folder: str | Path, *, num_threads: int | None = None) -> Model:
    """Read a folder that `headstart export --format onnx` wrote.

    Args:
        folder: its path.
        num_threads: how many threads compute, 1 or more; None takes all cores.

    Raises:
        FolderError: if it is no such folder, or a file in it has changed.
        PackageError: if the model reads images, and Pillow is missing.
    """
    opened = open_folder(Path(folder))
    description = read_description(opened.description)
    reader = _reader(opened, description)
    return Model(description, reader, Network(opened.network, description, num_threads))


def _reader(folder: Folder, description: Description) -> Reader | ImageReader:
    if isinstance(description.reads, ImageInput):
        return ImageReader(description.reads)
    if folder.tokenizer is None:
        raise FolderError(f"{folder.path} holds no {TOKENIZER_FILE}, or its checksums do not name it")
    return Reader(folder.tokenizer, description.reads, has_choices=description.has_choices)
