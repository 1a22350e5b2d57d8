"""A batch whose rows are of very different lengths, passed through a model in parts of like length.

Letters: s sequences, t tokens of the longest one, k logits.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch.utils.checkpoint import checkpoint

ROWS_OF_A_PART = 16
"""Fewer make small matrices; more pad short rows further."""


def in_like_lengths(
    forward: Callable[[Mapping[str, torch.Tensor]], torch.Tensor], inputs: Mapping[str, torch.Tensor]
) -> torch.Tensor:
    """Return the logits [s, k] of all sequences, in their order; gradients flow as if they had been one batch.

    What a part needs for its gradients is computed again when they are: only one part is in memory at a time.

    Args:
        forward: gives the logits of a part.
        inputs: of the model, [s, t] each, among them `attention_mask`.
    """
    mask = inputs["attention_mask"]
    order = mask.sum(dim=1).argsort(stable=True)
    *kept_back, last = [_part(inputs, rows) for rows in order.split(ROWS_OF_A_PART)]
    parts = [checkpoint(forward, part, use_reentrant=False) for part in kept_back]
    return torch.cat([*parts, forward(last)])[order.argsort()]


def _part(inputs: Mapping[str, torch.Tensor], rows: torch.Tensor) -> dict[str, torch.Tensor]:
    """Return these sequences without the columns that only pad them, on whichever side."""
    columns = inputs["attention_mask"][rows].any(dim=0).nonzero()
    first, last = int(columns.min()), int(columns.max())
    return {name: tensor[rows, first : last + 1] for name, tensor in inputs.items()}
