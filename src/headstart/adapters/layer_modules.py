"""Where a backbone's layers are, found in its module tree."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from torch import nn
from transformers.pytorch_utils import Conv1D

from headstart.models.classifier import Classifier, reads_first_token_alone
from headstart.models.layers import LAYER, layer_of

ATTENTION = re.compile(r"att", re.IGNORECASE)
LOCAL_MAP = re.compile(r"\.self\.(query|key|value)$")


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerSite:
    """Where a layer's blocks end: the last linear module of its attention, if it has one, and the last of all."""

    attention: str | None
    feed_forward: str


def layer_number(name: str) -> int | None:
    """Return the number of the layer that a module or tensor belongs to; None outside of layers."""
    found = LAYER.search(name)
    return int(found.group(1)) if found else None


def num_layers(names: list[str]) -> int:
    """Return the number of layers, by the highest number in the names."""
    return max((number + 1 for name in names if (number := layer_number(name)) is not None), default=0)


def layer_linears(classifier: Classifier, *, attention_only: bool) -> list[str]:
    """Return the full names of the linear modules in the backbone's layers; never the head's, never embeddings.

    With `attention_only`, those of the attention: query, key, value and output, in whatever form.
    """
    head_modules = {name.rpartition(".")[0] for name in classifier.head_names}
    return [
        name
        for name, module in classifier.model.named_modules()
        if isinstance(module, (nn.Linear, Conv1D))
        and name not in head_modules
        and (number := layer_number(name)) is not None
        and number >= 0
        and not is_unread(classifier, name)
        and (not attention_only or _inside_attention(name))
    ]


def is_unread(classifier: Classifier, name: str) -> bool:
    """Whether nothing that a module computes reaches the head.

    Longformer's first token attends through maps of its own: where the head reads that token alone, the last layer's
    local maps are not read.
    """
    config: Any = classifier.model.base_model.config
    if config.model_type != "longformer" or not LOCAL_MAP.search(name):
        return False
    is_last = layer_number(name) == int(config.num_hidden_layers) - 1
    return is_last and reads_first_token_alone(classifier.model)


def layer_sites(classifier: Classifier) -> list[LayerSite]:
    """Return each layer's sites; the order in which modules are registered is taken as the order in which they run."""
    layers: dict[str, list[str]] = {}
    for name in layer_linears(classifier, attention_only=False):
        layers.setdefault(layer_of(name) or "", []).append(name)
    return [
        LayerSite(
            attention=next((name for name in reversed(names) if _inside_attention(name)), None), feed_forward=names[-1]
        )
        for names in layers.values()
    ]


def output_width(module: nn.Module) -> int | None:
    """Return the width of what a linear module gives; None for other modules."""
    if isinstance(module, nn.Linear):
        return module.out_features
    return int(module.nf) if isinstance(module, Conv1D) else None


def _inside_attention(name: str) -> bool:
    """Whether a path names attention after its layer's number: `layer.0.attention.self.query`, `layers.0.attn.Wqkv`."""
    match = LAYER.search(name)
    return match is not None and ATTENTION.search(name[match.end() :]) is not None
