"""A batch whose rows are of very different lengths, passed through a model in parts of like length.

Letters: s sequences, t tokens of the longest one, k logits.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch

ROWS_OF_A_PART = 16
"""Fewer make small matrices; more pad short rows further."""


def in_like_lengths(
    forward: Callable[[Mapping[str, torch.Tensor]], torch.Tensor], inputs: Mapping[str, torch.Tensor]
) -> torch.Tensor:
    """Return the logits [s, k] of all sequences, in their order; gradients flow as if they had been one batch.

    Args:
        forward: gives the logits of a part.
        inputs: of the model, [s, t] each, among them `attention_mask`.
    """
    mask = inputs["attention_mask"]
    order = mask.sum(dim=1).argsort(stable=True)
    parts = [forward(_part(inputs, rows)) for rows in order.split(ROWS_OF_A_PART)]
    return torch.cat(parts)[order.argsort()]


def _part(inputs: Mapping[str, torch.Tensor], rows: torch.Tensor) -> dict[str, torch.Tensor]:
    """Return these sequences without the columns that only pad them, on whichever side."""
    columns = inputs["attention_mask"][rows].any(dim=0).nonzero()
    first, last = int(columns.min()), int(columns.max())
    return {name: tensor[rows, first : last + 1] for name, tensor in inputs.items()}
