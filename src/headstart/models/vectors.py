"""The vectors that heads of ours read of a row, made of what a backbone says of its tokens, patches or frames.

Letters: b batch, t tokens, h hidden size, d size of a head's input.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import torch
from torch import nn

from headstart.models.pairs import JOINED_PARTS, PairCut, join_pair
from headstart.models.pooling import Pooling, compare_spans, pool

GLOBAL_FIRST_TOKEN = ("longformer",)
"""Architectures whose first token attends to the whole text only where a mask asks for it."""

SPAN_VECTORS = 4
"""Vectors that the comparison of two places has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """A batch of sequences as a backbone takes it; of images and sounds, which it cuts into sequences itself.

    Attributes:
        input_ids: [b, t].
        attention_mask: [b, t], 1 for tokens, 0 for padding on either side; None where nothing is padded.
        token_type_ids: [b, t], for backbones that read them.
        pixel_values: of images, such as [b, 3, height, width].
        input_values: of sounds, by their samples or as a spectrogram.
        input_features: of sounds, as a spectrogram.
    """

    input_ids: torch.Tensor | None = None
    attention_mask: torch.Tensor | None = None
    token_type_ids: torch.Tensor | None = None
    pixel_values: torch.Tensor | None = None
    input_values: torch.Tensor | None = None
    input_features: torch.Tensor | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a backbone says of a batch.

    Attributes:
        layers: outputs [b, t, h] of its last layers, the final one last, without the places of soft prompts.
        pooled: [b, h], of a pooler; None where the backbone has none.
        attention_mask: [b, t], of the sequences.
        spans: [b, 4], two places in each sequence; None where rows have none.
    """

    layers: tuple[torch.Tensor, ...]
    pooled: torch.Tensor | None
    attention_mask: torch.Tensor | None
    spans: torch.Tensor | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a head reads of a text: each of some layers pooled in each way, all joined.

    Attributes:
        poolings: ways to make one vector of a layer's; joined in this order inside each layer.
        num_layers: so many layers are read, the highest one last.
        skip_last: so many layers lie above them.
        reads_spans: behind that stands the comparison of two places in the highest of these layers.
        cut: how a pair becomes two sequences, whose vectors are joined; None reads it as one sequence.
        has_unit_length: whether the vector of each sequence is divided by its length.
    """

    poolings: tuple[Pooling, ...]
    num_layers: int = 1
    skip_last: int = 0
    reads_spans: bool = False
    cut: PairCut | None = None
    has_unit_length: bool = False

    @property
    def depth(self) -> int:
        """How many of the backbone's last layers are needed."""
        return self.num_layers + self.skip_last

    def size(self, hidden_size: int) -> int:
        """Return d."""
        num_vectors = len(self.poolings) * self.num_layers * (1 if self.cut is None else JOINED_PARTS)
        return hidden_size * (num_vectors + SPAN_VECTORS * self.reads_spans)

    def of(self, said: Said) -> torch.Tensor:
        """Return the vectors [b, d].

        Raises:
            ValueError: if there are spans and the head does not read them, or spans are missing and it does.
        """
        if (said.spans is not None) != self.reads_spans:
            raise ValueError(f"this head reads {'spans: pass them' if said.spans is None else 'no spans'}")
        begin = len(said.layers) - self.depth
        layers = said.layers[begin : begin + self.num_layers]
        parts = [pool(layer, said.attention_mask, pooling) for layer in layers for pooling in self.poolings]
        if said.spans is not None:
            parts.append(compare_spans(layers[-1], said.spans))
        vectors = torch.cat(parts, dim=-1) if len(parts) > 1 else parts[0]
        if self.has_unit_length:
            vectors = torch.nn.functional.normalize(vectors, dim=-1)
        return vectors if self.cut is None else join_pair(vectors)


FINAL_LAYER = Reading(poolings=())
"""Nothing of the final layer: it stands for heads that read this layer in their own way."""


def read(
    backbone: nn.Module, readings: Sequence[Reading], tokens: Tokens, spans: torch.Tensor | None = None
) -> list[torch.Tensor]:
    """Return the vectors [b, d] of every reading."""
    said = ask_for(backbone, readings, tokens, spans)
    return [reading.of(said[reading.cut]) for reading in readings]


def ask_for(
    backbone: nn.Module, readings: Sequence[Reading], tokens: Tokens, spans: torch.Tensor | None = None
) -> dict[PairCut | None, Said]:
    """Return what a backbone says that readings are made of: of the batch as it is, and of pairs cut in two."""
    said = {}
    for cut in dict.fromkeys(reading.cut for reading in readings):
        depth = max(reading.depth for reading in readings if reading.cut == cut)
        said[cut] = ask(backbone, apart(tokens, cut), depth, spans)
    return said


def apart(tokens: Tokens, cut: PairCut | None) -> Tokens:
    """Return a batch of pairs as one of twice as many single texts; as it is where `cut` is None.

    Raises:
        UsageError: if a sequence has no second text.
    """
    if cut is None or tokens.input_ids is None:
        return tokens
    input_ids, mask = cut.of(tokens.input_ids, tokens.attention_mask)
    types = None if tokens.token_type_ids is None else torch.zeros_like(input_ids)
    return Tokens(input_ids=input_ids, attention_mask=mask, token_type_ids=types)


def ask(backbone: nn.Module, tokens: Tokens, num_layers: int = 1, spans: torch.Tensor | None = None) -> Said:
    """Return what a backbone says of a batch in its last layers."""
    inputs = {field.name: getattr(tokens, field.name) for field in fields(tokens)}
    arguments: dict[str, object] = {name: value for name, value in inputs.items() if value is not None}
    if tokens.input_ids is not None and _attends_globally(backbone):
        is_first = torch.arange(tokens.input_ids.shape[1], device=tokens.input_ids.device) == 0
        arguments["global_attention_mask"] = is_first.long().expand_as(tokens.input_ids)
    if num_layers > 1:
        arguments["output_hidden_states"] = True
    outputs = backbone(**arguments)
    below = outputs.hidden_states[-num_layers:-1] if num_layers > 1 else ()
    # A mask of a sound is that of its samples, of which a backbone makes fewer frames.
    mask = None if tokens.input_ids is None else tokens.attention_mask
    # Soft prompts stand before the text.
    own = slice(None) if mask is None else slice(-mask.shape[1], None)
    return Said(
        layers=tuple(layer[:, own] for layer in (*below, outputs.last_hidden_state)),
        pooled=getattr(outputs, "pooler_output", None),
        attention_mask=mask,
        spans=spans,
    )


def _attends_globally(backbone: nn.Module) -> bool:
    return getattr(backbone.config, "model_type", None) in GLOBAL_FIRST_TOKEN
