"""Cached features: a frozen backbone in eval mode says the same every time, so ask it once.

Where a head reads one vector per example (the first token, or the pooled output), that vector is all that is kept.
Whether a head does is found out, not assumed: one batch goes through the whole model and through the kept vectors,
and the logits must be bit-equal.

Letters: n sequences (as many as examples, except for choices and windows), b examples, s sequences of a batch,
t tokens, h hidden size.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch
from transformers.modeling_outputs import BaseModelOutputWithPooling

from headstart.data.batching import NOT_INPUTS
from headstart.data.tokenisation import TokenizedSplit
from headstart.inference.forward import autocast, evaluation_mode, length_ordered_batches
from headstart.models.classifier import Classifier

Collate = Callable[[list[dict[str, Any]]], dict[str, torch.Tensor]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Features:
    """A frozen backbone's output for each sequence: fp32, on the CPU.

    Attributes:
        first_token: [n, h], the final layer's output at the first token.
        pooled: [n, h], the pooler's output; None where the backbone has no pooler.
        seconds: that computing them took; every run that uses them counts these as its own.
    """

    first_token: torch.Tensor
    pooled: torch.Tensor | None
    seconds: float = 0.0

    @property
    def num_bytes(self) -> int:
        """Their size in memory."""
        return self.first_token.nbytes + (0 if self.pooled is None else self.pooled.nbytes)


def numbered(tokens: TokenizedSplit) -> TokenizedSplit:
    """Return the same rows for a replayed backbone, with each sequence's number in place of its tokens."""
    return replace(tokens, features={"input_ids": [[each] for each in range(tokens.num_sequences_in_all)]}, spans=None)


def reads_one_vector(classifier: Classifier, batch: dict[str, torch.Tensor]) -> bool:
    """Whether the head reads only the first token or the pooled output, found by comparing logits on `batch`."""
    model = classifier.model
    prefix = f"{model.base_model_prefix}."
    if any(name.startswith(prefix) for name in classifier.head_names):
        return False
    device = next(model.parameters()).device
    inputs = {name: tensor.to(device) for name, tensor in batch.items() if name not in NOT_INPUTS}
    with evaluation_mode(model), torch.no_grad():
        direct = model(**inputs).logits
        rows = torch.arange(len(direct), device=device).unsqueeze(1)
        try:
            features = _read(model.base_model(**inputs))
            with replayed(classifier, features, device=device):
                replay = model(input_ids=rows).logits
        except (AttributeError, IndexError, RuntimeError, TypeError, ValueError):
            return False
    return torch.equal(direct, replay)


def extract(
    classifier: Classifier, tokenized: TokenizedSplit, collate: Collate, *, batch_size: int, precision: str, device: str
) -> Features:
    """Run the backbone once over all rows in eval mode; it is moved to `device` and left there."""
    begin = time.perf_counter()
    model = classifier.model
    torch.nn.Module.to(model, device)
    first: torch.Tensor | None = None
    pooled: torch.Tensor | None = None
    with evaluation_mode(model), torch.no_grad(), autocast(precision, device):
        for rows, batch in length_ordered_batches(model, tokenized, collate, batch_size):
            inputs = {name: tensor.to(device) for name, tensor in batch.items() if name not in NOT_INPUTS}
            part = _read(model.base_model(**inputs))
            if first is None:
                first = torch.empty(tokenized.num_sequences_in_all, part.first_token.shape[-1])
                pooled = None if part.pooled is None else torch.empty(len(first), part.pooled.shape[-1])
            sequences = [sequence for row in rows for sequence in tokenized.sequences(row)]
            first[sequences] = part.first_token
            if pooled is not None and part.pooled is not None:
                pooled[sequences] = part.pooled
    if first is None:
        raise ValueError("no examples to extract features from")
    return Features(first_token=first, pooled=pooled, seconds=time.perf_counter() - begin)


@contextmanager
def replayed(classifier: Classifier, features: Features, *, device: str | torch.device) -> Iterator[None]:
    """Make the backbone answer from `features` by row number inside the block; after it the model is as before.

    The answers are on `device`, where the row numbers come from; the model itself may get there later.
    """
    backbone = classifier.model.base_model
    first = features.first_token.to(device)
    pooled = None if features.pooled is None else features.pooled.to(device)

    def replay(*args: torch.Tensor, **kwargs: Any) -> BaseModelOutputWithPooling:
        rows = (args[0] if args else kwargs["input_ids"]).squeeze(1)
        return BaseModelOutputWithPooling(
            last_hidden_state=first[rows].unsqueeze(1), pooler_output=None if pooled is None else pooled[rows]
        )

    backbone.forward = replay
    try:
        yield
    finally:
        del backbone.forward


@contextmanager
def frozen_in_eval(classifier: Classifier) -> Iterator[None]:
    """Keep the backbone in eval mode inside the block, though training switches the whole model to train mode."""
    backbone = classifier.model.base_model
    handle = backbone.register_forward_pre_hook(lambda module, _inputs: module.eval() and None)
    try:
        yield
    finally:
        handle.remove()


def _read(output: Any) -> Features:
    pooled = getattr(output, "pooler_output", None)
    return Features(
        first_token=output.last_hidden_state[:, 0].float().cpu(),
        pooled=None if pooled is None else pooled.float().cpu(),
    )
