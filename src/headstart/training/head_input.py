"""What comes into the first linear map of a native head.

Letters: n sequences, d size of what a head reads.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from typing import Any

import torch
from torch import nn

from headstart.data.batching import PaddingCollator
from headstart.data.tokenisation import TokenizedSplit
from headstart.errors import UsageError
from headstart.inference.forward import autocast, evaluation_mode, length_ordered_batches
from headstart.models.classifier import Classifier
from headstart.training.features import Features, numbered, replayed


def head_input(
    classifier: Classifier,
    tokenized: TokenizedSplit,
    collate: PaddingCollator,
    features: Features | None,
    *,
    batch_size: int,
    precision: str,
    device: str,
) -> torch.Tensor:
    """Return the input [n, d] of the first linear map of a classifier's head, fp32, on the CPU.

    Args:
        classifier: with any head; it is moved to `device` and left there.
        tokenized: the rows, at least one.
        collate: pads their sequences.
        features: what the head reads of the rows; None runs the whole model.
        batch_size: sequences per forward pass.
        precision: "fp32" or "bf16" (autocast).
        device: "cpu" or "cuda".

    Raises:
        UsageError: if the head has no linear map, or one that reads each token.
    """
    model = classifier.model
    sequences = replace(tokenized, labels=None, num_sequences=None)
    if features is not None:
        sequences, collate = numbered(sequences), replace(collate, pad_to_multiple_of=1)
    torch.nn.Module.to(model, device)
    in_turn: list[int] = []
    parts: list[torch.Tensor] = []
    replay = nullcontext() if features is None else replayed(classifier, features, device=device)
    with replay, _heard(classifier) as heard, evaluation_mode(model), torch.no_grad(), autocast(precision, device):
        for numbers, batch in length_ordered_batches(model, sequences, collate, batch_size):
            heard.clear()
            model(**{name: tensor.to(device) for name, tensor in batch.items()})
            if not heard or heard[0].dim() != 2:
                raise UsageError(
                    f"the head of {type(model).__name__!r} does not read one vector per text",
                    remedy="  Use the `head` linear.",
                )
            parts.append(heard[0].float().cpu())
            in_turn += numbers
    return torch.cat(parts)[torch.tensor(in_turn).argsort()]


@contextmanager
def _heard(classifier: Classifier) -> Iterator[list[torch.Tensor]]:
    """Give a list to which the input of each linear map of the head is added, in the order in which they run."""
    heard: list[torch.Tensor] = []
    own = {name.rpartition(".")[0] for name in classifier.head_names}

    def hear(_module: nn.Module, inputs: tuple[Any, ...]) -> None:
        heard.append(inputs[0])

    handles = [
        module.register_forward_pre_hook(hear)
        for name, module in classifier.model.named_modules()
        if name in own and isinstance(module, nn.Linear)
    ]
    try:
        yield heard
    finally:
        for handle in handles:
            handle.remove()
