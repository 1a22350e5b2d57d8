"""BitFit: the backbone's own biases train."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, final

import torch

from headstart.adapters.adapter import Adapter, AttachedAdapter
from headstart.adapters.layer_modules import is_unread, layer_number, num_layers
from headstart.adapters.rates import Rates
from headstart.models.classifier import Classifier
from headstart.models.parameters import Tensors

BIAS = "bias"
"""How a bias's name ends: DeBERTa's first version has q_bias and v_bias, XLNet r_w_bias; T5's and MPNet's
relative_attention_bias.weight is a table of positions, not a bias."""

EMBEDDING_NORM = re.compile(r"(^|\.)(embeddings\.(LayerNorm|norm|layer_norm)|layernorm_embedding)\.bias$")
LAST_OUTPUT_NORM = re.compile(r"(?<!attention\.)(output\.LayerNorm|output_layer_norm)\.bias$")


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class BitFit(Adapter):
    """Train the biases of every layer's attention, feed-forward maps and normalisations.

    Source: Ben Zaken et al. (ACL 2022); the exact set is that of Yang et al.'s code: the
    embeddings' LayerNorm bias is in, the last layer's output LayerNorm bias is out (where a layer ends with one, as
    RoBERTa's do). Biases of a pooler stay out.
    """

    name: ClassVar[str] = "bitfit"
    merges: ClassVar[bool] = True
    source: ClassVar[str] = "Ben Zaken et al. (2022)"
    reads_outputs_only: ClassVar[bool] = True
    first_rates: ClassVar[Rates] = Rates(1e-2, 1e-3, 5e-4)
    alone_rates: ClassVar[Rates] = Rates(3e-3, 1e-3, 1e-3)

    def refusal(self, classifier: Classifier) -> str | None:
        """Return why this model cannot carry the adapter; None when it can."""
        return None if bitfit_names(classifier) else "its backbone has no biases to train"

    def attach(self, classifier: Classifier, *, seed: int) -> AttachedAdapter:
        """Return the backbone's own biases as the adapter; the seed is not used."""
        names = bitfit_names(classifier)
        pretrained = {
            name: tensor.detach().clone() for name, tensor in classifier.backbone_tensors().items() if name in names
        }
        return AttachedAdapter(
            spec=self.spec,
            model=classifier.model,
            adapter_names=names,
            head_names=frozenset(classifier.head_names),
            plain_name=lambda name: name,
            merged=lambda attached, fraction: _merged(attached.backbone_tensors(), pretrained, fraction),
        )


def bitfit_names(classifier: Classifier) -> frozenset[str]:
    """Return the names of the biases that BitFit trains."""
    head = set(classifier.head_names)
    biases = [
        name
        for name, _ in classifier.model.named_parameters()
        if name.endswith(BIAS) and name not in head and not is_unread(classifier, name.removesuffix(f".{BIAS}"))
    ]
    last = num_layers([name for name, _ in classifier.model.named_parameters()]) - 1
    return frozenset(
        name
        for name in biases
        if EMBEDDING_NORM.search(name)
        or (layer_number(name) is not None and not (layer_number(name) == last and LAST_OUTPUT_NORM.search(name)))
    )


def _merged(current: Tensors, pretrained: Mapping[str, torch.Tensor], fraction: float) -> Tensors:
    """Return the backbone with a share of what the biases learned."""
    if fraction == 1.0:
        return current
    return current | {
        name: before.to(current[name].device) + fraction * (current[name] - before.to(current[name].device))
        for name, before in pretrained.items()
    }
