"""What a stage does to features and weights, measured without changing a result.

Letters: n sequences of the sample, h hidden size, k logits.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch.utils.hooks import RemovableHandle

from headstart.data.batching import Collator
from headstart.data.tokenisation import TokenizedSplit
from headstart.inference.forward import autocast, evaluation_mode, length_ordered_batches
from headstart.inference.passes import Collected, PassSize
from headstart.models.classifier import HeadstartForSequenceClassification
from headstart.models.layers import Layers
from headstart.models.pooling import Pooling, default_pooling, pool

Tensors = Mapping[str, torch.Tensor]

CPU_ROWS = 8
"""Sequences at once on a CPU: little padding, and what its cache holds; twice as fast there as 32."""

BLOCK_SIZE = 1 << 20
"""Numbers of a tensor that are compared at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """A model's output for the sample: features [n, h] that a head reads, and logits per example, on the CPU."""

    features: torch.Tensor
    logits: torch.Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """The rows that are measured, and how they become batches."""

    tokens: TokenizedSplit
    collate: Collator
    precision: str
    device: str

    def snapshot(self, model: torch.nn.Module) -> Snapshot:
        """Run a model, with or without an adapter, over the sample in eval mode.

        It is moved to the device; nothing else about it changes, and nothing random is drawn.
        """
        sequences = self.tokens.alone
        caught: list[torch.Tensor] = []
        handle, pooled = _listen(model, caught)
        in_turn: list[int] = []
        features, logits = Collected(), Collected()
        size = PassSize.usual(self.device)
        model.to(self.device)
        try:
            with evaluation_mode(model), torch.inference_mode(), autocast(self.precision, self.device):
                for numbers, inputs in length_ordered_batches(model, sequences, self.collate, size, self.device):
                    logits.add(model(**inputs).logits)
                    features.add(pooled(caught.pop(), inputs))
                    in_turn += numbers
        finally:
            handle.remove()
        back = torch.tensor(in_turn).argsort()
        counts = None if self.tokens.num_sequences is None else torch.tensor(self.tokens.num_sequences)
        return Snapshot(
            features=features.all()[back],
            logits=self.collate.kind.example_logits(logits.all()[back], counts),
        )


Pooled = Callable[[torch.Tensor, Tensors], torch.Tensor]


def _listen(model: Any, caught: list[torch.Tensor]) -> tuple[RemovableHandle, Pooled]:
    """Put what a model's features are made of into `caught`; return the handle, and what makes them of it.

    Features are what a head of our own reads, places in the text left out; for other heads, the vector that the
    architecture is made for.
    """
    own = next((part for part in model.modules() if isinstance(part, HeadstartForSequenceClassification)), None)
    if own is not None:
        size = own.size_of_text
        handle = own.head.register_forward_pre_hook(lambda _module, inputs: caught.append(inputs[0]))
        return handle, lambda vectors, _inputs: vectors[:, :size]
    # Whisper's classifier holds its encoder without a backbone around it.
    backbone = model.encoder if model.base_model is model else model.base_model
    pooling = default_pooling(model.base_model.config)
    handle = backbone.register_forward_hook(lambda _module, _inputs, output: caught.append(output.last_hidden_state))
    return handle, lambda hidden, inputs: _pooled(hidden, inputs, pooling)


def _pooled(hidden: torch.Tensor, inputs: Tensors, pooling: Pooling) -> torch.Tensor:
    """Return one vector per sequence; places before the text, such as a soft prompt's, are left out.

    Of a convolutional network's channels [b, h, height, width] it is their mean. A mask of a sound is that of its
    samples, which are more than the frames that a model says something of.
    """
    if hidden.ndim > 3:
        return hidden.flatten(2).mean(dim=2)
    mask = inputs.get("attention_mask") if "input_ids" in inputs else None
    return pool(hidden if mask is None else hidden[:, -mask.shape[1] :], mask, pooling)


def feature_change(before: torch.Tensor, after: torch.Tensor) -> float:
    """Return the sum over sequences of the L2 distance between two sets of features [n, h].

    Source: Yang et al. (EMNLP 2022), Figure 1.

    Differs from the paper: eval mode; the authors' script left dropout on.
    """
    return float(torch.linalg.vector_norm(after.double() - before.double(), dim=1).sum())


def linear_cka(first: torch.Tensor, second: torch.Tensor) -> float | None:
    """Return the linear centred kernel alignment of two sets of features [n, h], 0 to 1.

    None where one of them says the same of every row.

    Source: Kornblith et al. (ICML 2019), section 3, equation 5 with linear kernels.
    """
    a = first.double() - first.double().mean(dim=0)
    b = second.double() - second.double().mean(dim=0)
    scale = torch.linalg.matrix_norm(a.T @ a) * torch.linalg.matrix_norm(b.T @ b)
    return float(torch.linalg.matrix_norm(b.T @ a) ** 2 / scale) if scale > 0 else None


def flat(tensors: Tensors) -> torch.Tensor:
    """Return all tensors as one fp64 vector on the CPU, names in order."""
    return torch.cat([tensors[name].detach().cpu().double().flatten() for name in sorted(tensors)])


def angle(first: torch.Tensor, second: torch.Tensor) -> float | None:
    """Return the angle of two vectors in degrees; None where one is zero."""
    norms = float(torch.linalg.vector_norm(first) * torch.linalg.vector_norm(second))
    return math.degrees(math.acos(max(-1.0, min(1.0, float(first @ second) / norms)))) if norms > 0 else None


def layer_distances(pretrained: Tensors, tensors: Tensors) -> dict[str, float]:
    """Return how far each layer's weights are from the pretrained ones, |w - w0| / |w0|.

    "embeddings" is what stands below the layers, "above" what stands over them; layers are numbered from 0.
    """
    layers = Layers.of(pretrained)
    groups = {"embeddings": layers.below}
    groups |= {f"layer {number}": layers.names(path) for number, path in enumerate(layers.paths)}
    groups["above"] = layers.above
    return {group: _relative_distance(pretrained, tensors, names) for group, names in groups.items() if names}


def _relative_distance(pretrained: Tensors, tensors: Tensors, names: frozenset[str]) -> float:
    """Sum over blocks, in a fixed order: an embedding matrix in fp64 would be the largest thing in memory."""
    moved, size = 0.0, 0.0
    for name in sorted(names):
        pairs = zip(*(each[name].detach().flatten().split(BLOCK_SIZE) for each in (pretrained, tensors)), strict=True)
        for before, after in pairs:
            start = before.cpu().double()
            moved += float((after.cpu().double() - start).square().sum())
            size += float(start.square().sum())
    return math.sqrt(moved / size) if size else 0.0
