"""Which rows stand together in a batch, in what order, and how they are padded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset, Sampler
from transformers import PreTrainedTokenizerBase

from headstart.data.tokenisation import FILE, TokenizedSplit
from headstart.kinds.catalogue import DEFAULT_KIND
from headstart.kinds.kind import Kind
from headstart.models.processors import MediaProcessor
from headstart.seeding import numpy_generator

PADDING_MULTIPLE = 8
"""Batches are padded to a multiple of this many tokens, which a GPU multiplies faster."""

NOT_INPUTS = ("labels", "num_sequences", "weights")
"""What stands in a batch beside a model's inputs."""

BESIDE_TOKENS = (*NOT_INPUTS, "spans")
"""What stands in a row beside its sequences of tokens."""

BATCHES_PER_CHUNK = 8
"""Rows are sorted by length inside chunks of this many batches: short enough that batches stay random."""


class LengthBucketSampler(Sampler[int]):
    """Row numbers in an order that is random from epoch to epoch and puts rows of like length into a batch.

    Per epoch: a permutation, cut into chunks of 8 batches; each chunk is sorted by length, then its batches are
    shuffled. All randomness comes from the stream `data_order/<role>/<epoch>`, so the order is a function of seed,
    role, epoch, lengths and batch size.
    """

    def __init__(self, lengths: Sequence[int], batch_size: int, *, root_seed: int, role: str) -> None:
        self._lengths = np.asarray(lengths)
        self._batch_size, self._root_seed, self._role = batch_size, root_seed, role
        self._epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch, from 0, that the next iteration gives."""
        self._epoch = epoch

    def __len__(self) -> int:
        return len(self._lengths)

    def __iter__(self) -> Iterator[int]:
        generator = numpy_generator(self._root_seed, f"data_order/{self._role}/{self._epoch}")
        order = generator.permutation(len(self._lengths))
        chunk_size = self._batch_size * BATCHES_PER_CHUNK
        for begin in range(0, len(order), chunk_size):
            yield from self._bucketed(order[begin : begin + chunk_size], generator)

    def _bucketed(self, chunk: np.ndarray, generator: np.random.Generator) -> Iterator[int]:
        by_length = chunk[np.argsort(self._lengths[chunk], kind="stable")]
        size = self._batch_size
        full = [by_length[begin : begin + size] for begin in range(0, len(by_length) - size + 1, size)]
        rest = by_length[len(full) * size :]
        for batch in generator.permutation(len(full)):
            yield from full[batch].tolist()
        yield from rest.tolist()


class TokenizedDataset(Dataset[dict[str, Any]]):
    """A tokenised split as rows.

    A row holds the model's inputs by name, each a list of tokens; where examples have several sequences, a list of such
    lists, and `num_sequences`. Beside them `labels`, `spans` and `weights`, where there are some.
    """

    def __init__(self, tokenized: TokenizedSplit) -> None:
        self._tokenized = tokenized

    def __len__(self) -> int:
        return len(self._tokenized)

    def __getitem__(self, row: int) -> dict[str, Any]:
        tokenized = self._tokenized
        values: dict[str, Any]
        if tokenized.num_sequences is None:
            values = {name: column[row] for name, column in tokenized.features.items()}
        else:
            sequences = tokenized.sequences(row)
            values = {name: [column[each] for each in sequences] for name, column in tokenized.features.items()}
            values["num_sequences"] = tokenized.num_sequences[row]
        if tokenized.labels is not None:
            values["labels"] = tokenized.labels[row]
        if tokenized.spans is not None:
            values["spans"] = tokenized.spans[row]
        if tokenized.weights is not None:
            values["weights"] = tokenized.weights[row]
        return values


@dataclass(frozen=True, slots=True)
class PaddingCollator:
    """Make a batch of rows: pad each input to the longest sequence, on the tokenizer's side.

    Letters: b rows, s sequences of all rows together, t tokens of the longest sequence, rounded up to a multiple of
    `pad_to_multiple_of`, c classes.

    Attributes:
        kind: of the answers, which says how labels are written.
        num_labels: c, which only multi-label answers need.
    """

    tokenizer: PreTrainedTokenizerBase
    kind: Kind = DEFAULT_KIND
    num_labels: int = 0
    pad_to_multiple_of: int = PADDING_MULTIPLE

    @property
    def of_numbers(self) -> PaddingCollator:
        """What makes batches of rows that are numbers in place of tokens."""
        return replace(self, pad_to_multiple_of=1)

    def __call__(self, rows: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
        """Return model inputs and attention mask [s, t], and what the rows have beside them.

        That is `labels` as `Kind.label_tensor` makes them, `num_sequences` [b], `weights` [b] in fp32, and `spans`
        [b, 4], counted in the padded sequences. What a model does not take stands in `NOT_INPUTS`.
        """
        padded = self.tokenizer.pad(
            [sequence for row in rows for sequence in _sequences(row)],
            padding=True,
            pad_to_multiple_of=self.pad_to_multiple_of,
            return_tensors="pt",
        )
        batch: dict[str, torch.Tensor] = dict(padded.items())
        if "num_sequences" in rows[0]:
            batch["num_sequences"] = torch.tensor([row["num_sequences"] for row in rows])
        if "spans" in rows[0]:
            batch["spans"] = torch.tensor([row["spans"] for row in rows])
            if self.tokenizer.padding_side == "left":
                lengths = torch.tensor([len(row["input_ids"]) for row in rows])
                batch["spans"] += (batch["input_ids"].shape[1] - lengths).unsqueeze(1)
        if "weights" in rows[0]:
            batch["weights"] = torch.tensor([row["weights"] for row in rows], dtype=torch.float32)
        if "labels" in rows[0]:
            batch["labels"] = self.kind.label_tensor([row["labels"] for row in rows], self.num_labels)
        return batch


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaCollator:
    """Make a batch of rows that are images or sounds: their files are read and decoded now.

    Attributes:
        processor: makes the model's inputs.
        length: samples that are read of a sound.
        kind: of the answers, which says how labels are written.
        num_labels: classes, which only multi-label answers need.
    """

    processor: MediaProcessor
    length: int
    kind: Kind = DEFAULT_KIND
    num_labels: int = 0

    @property
    def of_numbers(self) -> MediaCollator:
        """What makes batches of rows that are numbers in place of files."""
        return self

    def __call__(self, rows: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
        """Return model inputs, and where rows have some `labels` as `Kind.label_tensor` makes them and `weights` [b].

        Raises:
            DataError: if a file is no image or sound any more.
        """
        if FILE in rows[0]:
            batch = self.processor.inputs([path for row in rows for path in row[FILE]], self.length)
        else:
            batch = {"input_ids": torch.tensor([row["input_ids"] for row in rows])}
        if "weights" in rows[0]:
            batch["weights"] = torch.tensor([row["weights"] for row in rows], dtype=torch.float32)
        if "labels" in rows[0]:
            batch["labels"] = self.kind.label_tensor([row["labels"] for row in rows], self.num_labels)
        return batch


Collator = PaddingCollator | MediaCollator
"""Makes batches of rows, and knows what kind of answers they have."""


def prediction_multiple(device: str) -> int:
    """Return to a multiple of how many tokens batches are padded for prediction.

    On a CPU to the longest row alone: a multiple of 8 costs short texts a sixth of the time. Training keeps to one
    multiple on every device, since a width changes the last bits of its results.
    """
    return 1 if device == "cpu" else PADDING_MULTIPLE


def _sequences(row: dict[str, Any]) -> list[dict[str, list[int]]]:
    """Return the model inputs of each of a row's sequences."""
    inputs = {name: value for name, value in row.items() if name not in BESIDE_TOKENS}
    if "num_sequences" not in row:
        return [inputs]
    return [{name: value[number] for name, value in inputs.items()} for number in range(row["num_sequences"])]
