"""Where peft's adapters go, read off the module tree: full names, never the head's, never embeddings."""

from __future__ import annotations

import re
from dataclasses import dataclass

from torch import nn

from headstart.adapters.layer_modules import layer_linears, layer_number, layer_sites
from headstart.adapters.peft_kinds import Places
from headstart.models.classifier import Classifier

KEYS_AND_VALUES = re.compile(r"(^|\.)(key|value|(k|v|key|value)_(proj|lin)|k|v|c_attn|Wqkv|in_proj)$")
"""Maps to keys and values; where one map makes all three, its queries are scaled too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Targets:
    """Modules by their full names; those in `feed_forward` are scaled at their input."""

    modules: tuple[str, ...]
    feed_forward: tuple[str, ...] = ()


def targets_of(classifier: Classifier, places: Places, *, attention_only: bool) -> Targets:
    """Return where an adapter goes; no modules where the layers have none of the kind."""
    if places == "norms":
        return Targets(modules=tuple(_norms(classifier)))
    if places == "linears":
        return Targets(modules=tuple(layer_linears(classifier, attention_only=attention_only)))
    attention = [name for name in layer_linears(classifier, attention_only=True) if KEYS_AND_VALUES.search(name)]
    sites = [site for site in layer_sites(classifier) if site.feed_forward != site.attention]
    outputs = [site.feed_forward for site in sites]
    return Targets(modules=(*attention, *outputs), feed_forward=tuple(outputs))


def _norms(classifier: Classifier) -> list[str]:
    head_modules = {name.rpartition(".")[0] for name in classifier.head_names}
    return [
        name
        for name, module in classifier.model.named_modules()
        if "norm" in type(module).__name__.lower()
        and isinstance(getattr(module, "weight", None), nn.Parameter)
        and name not in head_modules
        and layer_number(name) is not None
    ]
