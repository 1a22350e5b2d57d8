"""Passes over many rows without gradients: how many rows go through a model at once, and how what it says comes back.

A GPU computes while the next batch is made: rows are sent and not waited for, and what a model says stays there until
there is much of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import torch

CPU_ROWS, GPU_ROWS = 32, 256
"""Rows at once. On a CPU more of them make nothing faster; on a GPU tokens are the nearer bound, but of short rows."""
GPU_TOKENS = 16384
"""Tokens at once on a GPU: 128 rows of 128. In fp32 a layer of RoBERTa-large then takes 1 GiB by its shapes."""
MOST_PADDING, FEWEST_TOKENS = 0.04, 1024
"""Share of padding before which a batch ends on a GPU, where it has as many tokens: fewer are no work for one."""
BYTES_KEPT = 1 << 28
"""What a model said is brought to the CPU when there is so much of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Size:
    """Of a batch: its rows, their sequences, their tokens, and the longest sequence, which pads the others."""

    num_rows: int = 0
    num_sequences: int = 0
    num_tokens: int = 0
    longest: int = 0

    @property
    def num_padded(self) -> int:
        """Tokens with the padding."""
        return self.num_sequences * self.longest

    def with_sequences(self, lengths: Sequence[int]) -> _Size:
        """Return the batch with one more row's sequences."""
        return _Size(
            num_rows=self.num_rows + 1,
            num_sequences=self.num_sequences + len(lengths),
            num_tokens=self.num_tokens + sum(lengths),
            longest=max(self.longest, *lengths),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PassSize:
    """How much goes through a model at once.

    Attributes:
        rows: at most; None for any number.
        tokens: at most, padding included; a row that has more goes alone. Batches then end early, too, where rows get
            so much shorter that padding would be above 4 %, and are not rounded up to a multiple of 8 tokens. None for
            any number.
    """

    rows: int | None = None
    tokens: int | None = None

    @classmethod
    def usual(cls, device: str) -> PassSize:
        """Return what suits a device: 32 rows on a CPU; on a GPU 256 rows, and 16,384 tokens."""
        return cls(rows=CPU_ROWS) if device == "cpu" else cls(rows=GPU_ROWS, tokens=GPU_TOKENS)

    def batches(self, rows: Iterable[int], lengths: Callable[[int], Sequence[int]]) -> Iterator[list[int]]:
        """Yield rows in their order, as many at once as there may be; `lengths` gives those of a row's sequences."""
        batch: list[int] = []
        size = _Size()
        for row in rows:
            larger = size.with_sequences(lengths(row))
            if batch and self._is_exceeded(size, larger):
                yield batch
                batch, larger = [], _Size().with_sequences(lengths(row))
            batch.append(row)
            size = larger
        if batch:
            yield batch

    def _is_exceeded(self, size: _Size, larger: _Size) -> bool:
        """Whether a batch goes as it is rather than with one more row."""
        if self.rows is not None and larger.num_rows > self.rows:
            return True
        if self.tokens is None:
            return False
        is_padded = larger.num_tokens < (1 - MOST_PADDING) * larger.num_padded
        return larger.num_padded > self.tokens or (is_padded and size.num_padded >= FEWEST_TOKENS)


class Collected:
    """What a model says of each batch, kept where it was computed, and on the CPU in the end."""

    def __init__(self) -> None:
        self._here: list[torch.Tensor] = []
        self._there: list[torch.Tensor] = []
        self._bytes_there = 0

    def add(self, said: torch.Tensor) -> None:
        """Keep what was said of one more batch, in fp32 and memory of its own."""
        said = said.float().contiguous()  # A view would hold all that it is a part of.
        self._there.append(said)
        self._bytes_there += said.nbytes
        if self._bytes_there >= BYTES_KEPT:
            self._fetch()

    @property
    def is_empty(self) -> bool:
        """Whether nothing was kept."""
        return not self._here and not self._there

    def all(self) -> torch.Tensor:
        """Return what was said of all batches, one after another, on the CPU."""
        self._fetch()
        return torch.cat(self._here)

    def _fetch(self) -> None:
        if self._there:
            self._here.append(torch.cat(self._there).cpu())
            self._there, self._bytes_there = [], 0
