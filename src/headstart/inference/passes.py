"""Passes over many rows without gradients: how many rows go through a model at once, and how what it says comes back.

A GPU computes while the next batch is made: rows are sent and not waited for, and what a model says stays there until
there is much of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import torch

CPU_ROWS = 32
"""Rows at once on a CPU, where more of them make nothing faster."""
GPU_TOKENS = 16384
"""Tokens at once on a GPU: 128 rows of 128. In fp32 a layer of RoBERTa-large then takes 1 GiB by its shapes."""
BYTES_KEPT = 1 << 28
"""What a model said is brought to the CPU when there is so much of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PassSize:
    """How much goes through a model at once.

    Attributes:
        rows: at most; None for any number.
        tokens: at most, with what pads each sequence to the longest one; a row that has more goes alone. None for any
            number.
    """

    rows: int | None = None
    tokens: int | None = None

    @classmethod
    def usual(cls, device: str) -> PassSize:
        """Return what suits a device: 32 rows on a CPU, 16,384 tokens on a GPU."""
        return cls(rows=CPU_ROWS) if device == "cpu" else cls(tokens=GPU_TOKENS)

    def batches(self, rows: Iterable[int], lengths: Callable[[int], Sequence[int]]) -> Iterator[list[int]]:
        """Yield rows in their order, as many at once as there may be; `lengths` gives those of a row's sequences."""
        batch: list[int] = []
        num_sequences = longest = 0
        for row in rows:
            own = lengths(row)
            num_sequences, longest = num_sequences + len(own), max(longest, *own)
            if batch and self._is_exceeded(len(batch) + 1, num_sequences * longest):
                yield batch
                batch, num_sequences, longest = [], len(own), max(own)
            batch.append(row)
        if batch:
            yield batch

    def _is_exceeded(self, num_rows: int, num_tokens: int) -> bool:
        has_too_many_rows = self.rows is not None and num_rows > self.rows
        return has_too_many_rows or (self.tokens is not None and num_tokens > self.tokens)


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
