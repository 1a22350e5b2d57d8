"""Where a backbone's layers are, found in its module tree."""

from __future__ import annotations

import re

from torch import nn
from transformers.pytorch_utils import Conv1D

from headstart.models.classifier import Classifier

LAYER = re.compile(r"(?:^|\.)(?:layer|layers|h|block|blocks|albert_layers)\.(\d+)\.")
ATTENTION = re.compile(r"att", re.IGNORECASE)


def layer_number(name: str) -> int | None:
    """Return the number of the layer that a module or tensor belongs to; None outside of layers."""
    found = LAYER.search(name)
    return int(found.group(1)) if found else None


def num_layers(names: list[str]) -> int:
    """Return how many numbered layers the names speak of."""
    return max((number + 1 for name in names if (number := layer_number(name)) is not None), default=0)


def layer_linears(classifier: Classifier, *, attention_only: bool) -> list[str]:
    """Return the full names of the linear modules in the backbone's layers; never the head's, never embeddings.

    Args:
        classifier: the plain model.
        attention_only: those of the attention: query, key, value and output, in whatever form.
    """
    head_modules = {name.rpartition(".")[0] for name in classifier.head_names}
    return [
        name
        for name, module in classifier.model.named_modules()
        if isinstance(module, (nn.Linear, Conv1D))
        and name not in head_modules
        and (number := layer_number(name)) is not None
        and number >= 0
        and (not attention_only or _inside_attention(name))
    ]


def _inside_attention(name: str) -> bool:
    """Whether a path names attention after its layer's number: `layer.0.attention.self.query`, `layers.0.attn.Wqkv`."""
    match = LAYER.search(name)
    return match is not None and ATTENTION.search(name[match.end() :]) is not None
