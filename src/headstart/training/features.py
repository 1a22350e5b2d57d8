"""Cached features: a frozen backbone in eval mode says the same every time, so ask it once.

A head of our own reads one vector per sequence, whatever its pooling: that vector is all that is kept. A native head
mostly reads the first token or the pooled output. Whether one does is found out, not assumed: one batch goes through
the whole model and through the kept vectors, and the logits must be bit-equal.

Letters: n sequences (as many as examples, except for choices and windows), b examples, s sequences of a batch,
t tokens, h hidden size, d size of what a head reads.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch
from transformers.modeling_outputs import BaseModelOutputWithPooling

from headstart.data.batching import NOT_INPUTS
from headstart.data.tokenisation import TokenizedSplit
from headstart.inference.forward import autocast, evaluation_mode, length_ordered_batches
from headstart.inference.passes import Collected, PassSize
from headstart.models.classifier import Classifier, HeadstartForSequenceClassification
from headstart.models.vectors import FINAL_LAYER, Reading, Said, Tokens, ask, ask_for

Collate = Callable[[list[dict[str, Any]]], dict[str, torch.Tensor]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Features:
    """What heads read of each sequence on a frozen backbone: fp32, on the CPU.

    Attributes:
        vectors: [n, d], what a head of our own reads; for native heads [n, h], the final layer's output at the first
            token.
        pooled: [n, h], the pooler's output for native heads; None where the backbone has no pooler.
        seconds: that computing them took; every run that uses them counts these as its own.
    """

    vectors: torch.Tensor
    pooled: torch.Tensor | None = None
    seconds: float = 0.0

    @property
    def num_bytes(self) -> int:
        """Their size in memory."""
        return self.vectors.nbytes + (0 if self.pooled is None else self.pooled.nbytes)


def numbered(tokens: TokenizedSplit) -> TokenizedSplit:
    """Return the same rows for a replayed backbone, with each sequence's number in place of its tokens."""
    return replace(tokens, features={"input_ids": [[each] for each in range(tokens.num_sequences_in_all)]}, spans=None)


def reading_of(classifier: Classifier) -> Reading | None:
    """Return what a head of our own reads; None for native heads."""
    model = classifier.model
    return model.reading if isinstance(model, HeadstartForSequenceClassification) else None


def reads_one_vector(classifier: Classifier, batch: dict[str, torch.Tensor]) -> bool:
    """Whether the head reads what `extract` keeps: a head of our own does, of others logits on `batch` are compared."""
    if reading_of(classifier) is not None:
        return True
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
            vectors, pooled = _kept(ask(model.base_model, Tokens(**inputs)), None)
            with replayed(classifier, Features(vectors=vectors, pooled=pooled), device=device):
                replay = model(input_ids=rows).logits
        except (AttributeError, IndexError, RuntimeError, TypeError, ValueError):
            return False
    return torch.equal(direct, replay)


def extract(
    classifier: Classifier,
    readings: Sequence[Reading | None],
    tokenized: TokenizedSplit,
    collate: Collate,
    *,
    size: PassSize,
    precision: str,
    device: str,
) -> list[Features]:
    """Run the backbone once over all rows in eval mode, for all readings; it is moved to `device` and left there.

    Args:
        classifier: its backbone says what is read; its head plays no part.
        readings: what heads of our own read; None stands for native heads.
        tokenized: the rows, at least one.
        collate: makes batches of them.
        size: of a batch.
        precision: "fp32" or "bf16" (autocast).
        device: "cpu" or "cuda".
    """
    begin = time.perf_counter()
    model = classifier.model
    torch.nn.Module.to(model, device)
    in_turn: list[int] = []
    kept = [(Collected(), Collected()) for _ in readings]
    with evaluation_mode(model), torch.no_grad(), autocast(precision, device):
        for rows, inputs in length_ordered_batches(model, tokenized, collate, size, device):
            for (vectors, pooled), (vector, pool) in zip(kept, _read(model.base_model, readings, inputs), strict=True):
                vectors.add(vector)
                if pool is not None:
                    pooled.add(pool)
            in_turn += [sequence for row in rows for sequence in tokenized.sequences(row)]
    if not in_turn:
        raise ValueError("no examples to extract features from")
    back = torch.tensor(in_turn).argsort()
    found = [(vectors.all()[back], None if pooled.is_empty else pooled.all()[back]) for vectors, pooled in kept]
    seconds = time.perf_counter() - begin
    return [Features(vectors=vectors, pooled=pooled, seconds=seconds) for vectors, pooled in found]


@contextmanager
def replayed(classifier: Classifier, features: Features, *, device: str | torch.device) -> Iterator[None]:
    """Make a head read `features` by row number inside the block; after it the model is as before.

    The vectors are on `device`, where the row numbers come from; the model itself may get there later.
    """
    model: Any = classifier.model
    vectors = features.vectors.to(device)
    pooled = None if features.pooled is None else features.pooled.to(device)

    def numbers(args: tuple[torch.Tensor, ...], kwargs: dict[str, Any]) -> torch.Tensor:
        found: torch.Tensor = (args[0] if args else kwargs["input_ids"]).squeeze(1)
        return found

    def replay_vectors(*args: torch.Tensor, **kwargs: Any) -> torch.Tensor:
        return vectors[numbers(args, kwargs)]

    def replay_outputs(*args: torch.Tensor, **kwargs: Any) -> BaseModelOutputWithPooling:
        rows = numbers(args, kwargs)
        return BaseModelOutputWithPooling(
            last_hidden_state=vectors[rows].unsqueeze(1), pooler_output=None if pooled is None else pooled[rows]
        )

    is_own = reading_of(classifier) is not None
    replaced, name = (model, "vectors") if is_own else (model.base_model, "forward")
    setattr(replaced, name, replay_vectors if is_own else replay_outputs)
    try:
        yield
    finally:
        delattr(replaced, name)


@contextmanager
def frozen_in_eval(classifier: Classifier) -> Iterator[None]:
    """Keep the backbone in eval mode inside the block, though training switches the whole model to train mode."""
    backbone = classifier.model.base_model
    handle = backbone.register_forward_pre_hook(lambda module, _inputs: module.eval() and None)
    try:
        yield
    finally:
        handle.remove()


_Parts = tuple[torch.Tensor, torch.Tensor | None]


def _read(
    backbone: torch.nn.Module, readings: Sequence[Reading | None], inputs: dict[str, torch.Tensor]
) -> list[_Parts]:
    """Return what is kept of a batch for each reading."""
    spans = inputs.pop("spans", None)
    tokens = Tokens(**inputs)
    said = ask_for(backbone, [reading or FINAL_LAYER for reading in readings], tokens, spans)
    return [_kept(said[(reading or FINAL_LAYER).cut], reading) for reading in readings]


def _kept(said: Said, reading: Reading | None) -> _Parts:
    if reading is not None:
        return reading.of(said), None
    return said.layers[-1][:, 0], said.pooled
