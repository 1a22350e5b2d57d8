"""Which rows stand together in a batch, in what order, and how they are padded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset, Sampler
from transformers import PreTrainedTokenizerBase

from headstart.data.tokenisation import TokenizedSplit
from headstart.seeding import numpy_generator

PADDING_MULTIPLE = 8
"""Batches are padded to a multiple of this many tokens, which hardware multiplies faster."""

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
    """A tokenised split as rows: model inputs, and `labels` where there are some."""

    def __init__(self, tokenized: TokenizedSplit) -> None:
        self._tokenized = tokenized

    def __len__(self) -> int:
        return len(self._tokenized)

    def __getitem__(self, row: int) -> dict[str, Any]:
        values: dict[str, Any] = {name: column[row] for name, column in self._tokenized.features.items()}
        if self._tokenized.labels is not None:
            values["labels"] = self._tokenized.labels[row]
        return values


@dataclass(frozen=True, slots=True)
class PaddingCollator:
    """Make a batch of rows: pad each input to the longest row, on the tokenizer's side.

    Letters: b rows, t tokens of the longest row, rounded up to a multiple of `pad_to_multiple_of`.
    """

    tokenizer: PreTrainedTokenizerBase
    pad_to_multiple_of: int = PADDING_MULTIPLE

    def __call__(self, rows: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
        """Return model inputs and attention mask [b, t], and labels [b] where there are some."""
        inputs = [{name: value for name, value in row.items() if name != "labels"} for row in rows]
        padded = self.tokenizer.pad(
            inputs, padding=True, pad_to_multiple_of=self.pad_to_multiple_of, return_tensors="pt"
        )
        batch = dict(padded.items())
        if "labels" in rows[0]:
            batch["labels"] = torch.tensor([row["labels"] for row in rows])
        return batch
