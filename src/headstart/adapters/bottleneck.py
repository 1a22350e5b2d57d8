"""Bottleneck adapters: small two-layer networks on the outputs of a layer's attention and feed-forward block."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Annotated, ClassVar, final

import torch
from torch import nn
from transformers.activations import ACT2FN

from headstart.adapters.adapter import Adapter, AttachedAdapter
from headstart.adapters.layer_modules import layer_sites, output_width
from headstart.adapters.rates import Rates
from headstart.errors import UsageError
from headstart.models.classifier import Classifier
from headstart.registry import at_least, one_of
from headstart.seeding import derive_seed, torch_stream

DEFAULT_REDUCTION_FACTOR = 16
CHILD = "bottleneck"
"""Name of the adapter as a child of the linear module whose output it reads."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Bottleneck(Adapter):
    """Bottleneck adapters, each h -> m -> h with a non-linearity between, added to its own input.

    Attributes:
        variant: "houlsby" (after the attention's output and after the feed-forward block's) or "pfeiffer" (after the
            feed-forward block's only); both before the residual is added.
        reduction_factor: m is the layer's width divided by it, rounded down and at least 1.
        bottleneck_size: m itself, which replaces `reduction_factor`; 0 leaves it to that.
        activation: "gelu", "relu", "silu" or "tanh".

    Source: Houlsby et al. (ICML 2019); where the adapters of "pfeiffer" stand, and the reduction factor: Pfeiffer et
    al. (EACL 2021).

    Differs from the paper: the up-projection starts at zero, so that the model starts as it was pretrained, bit for
    bit; the layer norms stay frozen.
    """

    variant: Annotated[str, one_of(("houlsby", "pfeiffer"))] = "houlsby"
    reduction_factor: Annotated[int, at_least(1)] = DEFAULT_REDUCTION_FACTOR
    bottleneck_size: Annotated[int, at_least(0)] = 0
    activation: Annotated[str, one_of(("gelu", "relu", "silu", "tanh"))] = "gelu"

    name: ClassVar[str] = "bottleneck"
    merges: ClassVar[bool] = False
    source: ClassVar[str] = "Houlsby et al. (2019)"
    reads_outputs_only: ClassVar[bool] = True
    behind_zero: ClassVar[re.Pattern[str] | None] = re.compile(rf"\.{CHILD}\.down\.")
    first_rates: ClassVar[Rates] = Rates(3e-3, 3e-4, 3e-4)
    alone_rates: ClassVar[Rates] = Rates(1e-3, 3e-4, 3e-4)

    def __post_init__(self) -> None:
        if self.bottleneck_size and self.reduction_factor != DEFAULT_REDUCTION_FACTOR:
            raise UsageError(
                "bottleneck was given both reduction_factor and bottleneck_size",
                allowed="  One of them decides the width.",
            )

    def refusal(self, classifier: Classifier) -> str | None:
        """Return why this model cannot carry the adapter; None when it can."""
        sites = layer_sites(classifier)
        if not sites:
            return "found no linear modules in its layers"
        if self.variant == "houlsby" and any(site.attention is None for site in sites):
            return "its attention has no linear modules, its feed-forward blocks do: bottleneck:variant=pfeiffer"
        return None

    def attach(self, classifier: Classifier, *, seed: int) -> AttachedAdapter:
        """Put the adapters behind their linear modules, by hooks; at the start they add zero."""
        model = classifier.model
        with torch_stream(derive_seed(seed, "adapter_init")):
            for name in self._linears(classifier):
                linear = model.get_submodule(name)
                linear.add_module(CHILD, self._network(linear).train(linear.training))
                linear.register_forward_hook(_add_bottleneck)
        return self.attached(classifier, lambda name: f".{CHILD}." in name)

    def _linears(self, classifier: Classifier) -> list[str]:
        sites = layer_sites(classifier)
        attention = [site.attention for site in sites if site.attention and self.variant == "houlsby"]
        return list(dict.fromkeys([*attention, *(site.feed_forward for site in sites)]))

    def _network(self, linear: nn.Module) -> _Network:
        width = output_width(linear) or 0
        size = self.bottleneck_size or max(1, width // self.reduction_factor)
        return _Network(width, size, self.activation).to(next(linear.parameters()).device)


class _Network(nn.Module):
    """What an adapter adds to its input. Letters: h width of the layer, m of the bottleneck."""

    def __init__(self, width: int, size: int, activation: str) -> None:
        super().__init__()
        self.down = nn.Linear(width, size)
        self.activation = ACT2FN[activation]
        self.up = nn.Linear(size, width)
        nn.init.kaiming_uniform_(self.down.weight, a=math.sqrt(5))
        for tensor in (self.down.bias, self.up.weight, self.up.bias):
            nn.init.zeros_(tensor)

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        """Return what to add to `hidden` [.., h], in its dtype."""
        added: torch.Tensor = self.up(self.activation(self.down(hidden.to(self.down.weight.dtype))))
        return added.to(hidden.dtype)


def _add_bottleneck(module: nn.Module, inputs: tuple[torch.Tensor, ...], output: torch.Tensor) -> torch.Tensor:
    """Add the module's own adapter to its output; looked up when called, so that copies of the model use their own."""
    added: torch.Tensor = getattr(module, CHILD)(output)
    return output + added
