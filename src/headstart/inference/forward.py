"""Logits of many examples: batched by length, given back in their order.

Letters: n examples, k logits, m choices of the example that has the most.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from itertools import groupby
from typing import Any

import torch

from headstart.data.batching import NOT_INPUTS, Collator, PaddingCollator, TokenizedDataset
from headstart.data.tokenisation import FILE, TokenizedSplit
from headstart.hardware import sent
from headstart.inference.passes import CPU_ROWS, Collected, PassSize
from headstart.models.classifier import padding_counts

Collate = Callable[[list[dict[str, Any]]], dict[str, torch.Tensor]]
Progress = Callable[[int, int], None]
"""Called with rows done and rows in all."""


def autocast(precision: str, device: str) -> AbstractContextManager[Any]:
    """Return the context in which a forward pass has `precision` ("fp32" or "bf16")."""
    return torch.autocast(device, dtype=torch.bfloat16) if precision == "bf16" else nullcontext()


def length_ordered_batches(
    model: torch.nn.Module, tokenized: TokenizedSplit, collate: Collate, size: PassSize, device: str
) -> Iterator[tuple[list[int], dict[str, torch.Tensor]]]:
    """Yield row numbers and what a model reads of them, on its device; longest rows first: a lack of memory shows soon.

    Where padding counts for the model, the rows of a batch are equally long, so that nothing is padded.
    """
    if FILE in tokenized.features and size.tokens is not None:
        size = PassSize(rows=CPU_ROWS)  # Nothing counts the tokens of images and sounds.
    dataset, sequences = TokenizedDataset(tokenized), next(iter(tokenized.features.values()))
    order = sorted(range(len(tokenized)), key=lambda row: -tokenized.lengths[row])
    groups = [order]
    if padding_counts(model):
        groups = [list(rows) for _, rows in groupby(order, key=tokenized.lengths.__getitem__)]
    if padding_counts(model) or size.tokens is not None:
        collate = replace(collate, pad_to_multiple_of=1) if isinstance(collate, PaddingCollator) else collate
    for group in groups:
        for rows in size.batches(group, lambda row: [len(sequences[each]) for each in tokenized.sequences(row)]):
            batch = collate([dataset[row] for row in rows])
            yield rows, {name: sent(tensor, device) for name, tensor in batch.items() if name not in NOT_INPUTS}


def batched_logits(
    model: torch.nn.Module,
    tokenized: TokenizedSplit,
    collate: Collator,
    *,
    size: PassSize,
    precision: str,
    device: str,
    progress: Progress | None = None,
) -> torch.Tensor:
    """Return logits per example in fp32 on the CPU, in the rows' order; every module's mode is restored.

    That is [n, k], and for multiple choice [n, m] with minus infinity where an example has fewer choices than m. No
    batch holds more sequences than `size` says, however many windows a text has.

    Args:
        model: called in eval mode, moved to `device` and left there.
        tokenized: n examples; k is the model's number of logits, 0 for an empty split.
        collate: pads their sequences and says what kind of answer is wanted.
        size: of a forward pass, in sequences.
        precision: "fp32" or "bf16" (autocast).
        device: "cpu" or "cuda".
        progress: called after each batch; on a GPU once its pass is begun.
    """
    if not len(tokenized):
        return torch.empty(0, 0)
    sequences = tokenized.alone
    in_turn: list[int] = []
    said = Collected()
    model.to(device)
    with evaluation_mode(model), torch.inference_mode(), autocast(precision, device):
        for numbers, inputs in length_ordered_batches(model, sequences, collate, size, device):
            said.add(model(**inputs).logits)
            in_turn += numbers
            if progress is not None:
                progress(len(tokenized) * len(in_turn) // len(sequences), len(tokenized))
    # Outside inference mode, so that the result is an ordinary tensor.
    unordered = said.all()
    logits = torch.empty_like(unordered)
    logits[in_turn] = unordered
    counts = None if tokenized.num_sequences is None else torch.tensor(tokenized.num_sequences)
    return collate.kind.example_logits(logits, counts)


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
