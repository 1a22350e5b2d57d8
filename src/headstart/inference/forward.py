"""Logits of many rows: batched by length, given back in the rows' order."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch
from transformers import PreTrainedTokenizerBase

from headstart.data.batching import PaddingCollator, TokenizedDataset
from headstart.data.tokenisation import TokenizedSplit

Collate = Callable[[list[dict[str, Any]]], dict[str, torch.Tensor]]
Progress = Callable[[int, int], None]
"""Called with rows done and rows in all."""


def autocast(precision: str, device: str) -> AbstractContextManager[Any]:
    """Return the context in which a forward pass has `precision` ("fp32" or "bf16")."""
    return torch.autocast(device, dtype=torch.bfloat16) if precision == "bf16" else nullcontext()


def length_ordered_batches(
    tokenized: TokenizedSplit, collate: Collate, batch_size: int
) -> Iterator[tuple[list[int], dict[str, torch.Tensor]]]:
    """Yield row numbers and their batch, longest rows first: a lack of memory shows at once."""
    dataset = TokenizedDataset(tokenized)
    order = sorted(range(len(tokenized)), key=lambda row: -tokenized.lengths[row])
    for begin in range(0, len(order), batch_size):
        rows = order[begin : begin + batch_size]
        yield rows, collate([dataset[row] for row in rows])


def batched_logits(
    model: torch.nn.Module,
    tokenized: TokenizedSplit,
    tokenizer: PreTrainedTokenizerBase,
    *,
    batch_size: int,
    precision: str,
    device: str,
    progress: Progress | None = None,
) -> torch.Tensor:
    """Return logits [n, k] in fp32 on the CPU, in the rows' order; every module's mode is restored.

    Args:
        model: called in eval mode, moved to `device` and left there.
        tokenized: n rows; k is the model's number of logits, 0 when there are no rows.
        tokenizer: pads them.
        batch_size: rows per forward pass.
        precision: "fp32" or "bf16" (autocast).
        device: "cpu" or "cuda".
        progress: called after each batch.
    """
    collate = PaddingCollator(tokenizer)
    rows_in_turn: list[int] = []
    parts: list[torch.Tensor] = []
    model.to(device)
    with evaluation_mode(model), torch.inference_mode(), autocast(precision, device):
        for rows, batch in length_ordered_batches(tokenized, collate, batch_size):
            inputs = {name: tensor.to(device) for name, tensor in batch.items() if name != "labels"}
            parts.append(model(**inputs).logits.float().cpu())
            rows_in_turn += rows
            if progress is not None:
                progress(len(rows_in_turn), len(tokenized))
    if not parts:
        return torch.empty(0, 0)
    # Outside inference mode, so that the result is an ordinary tensor.
    in_turn = torch.cat(parts)
    logits = torch.empty_like(in_turn)
    logits[rows_in_turn] = in_turn
    return logits


@contextmanager
def evaluation_mode(model: torch.nn.Module) -> Iterator[None]:
    """Put a model into eval mode inside the block; afterwards each module has the mode that it had."""
    training = [module for module in model.modules() if module.training]
    model.eval()
    try:
        yield
    finally:
        for module in training:
            module.training = True
