"""The units in which a head answers: its last map takes up a scale, so that the model itself needs to know of none.

Letters: k logits.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import nn

from headstart.losses import RAW, Scale
from headstart.models.classifier import Classifier
from headstart.models.heads import last_linear
from headstart.models.own_heads import FourierKan


@dataclass(frozen=True, slots=True)
class LastMap:
    """A head's last map, which is linear in its weights, by the names of its tensors in the head.

    Attributes:
        weight: makes the logits but for the bias; of any shape.
        bias: [k], added to the logits; None where there is none.
    """

    weight: str
    bias: str | None

    @torch.no_grad()
    def change(self, head: Mapping[str, torch.Tensor], scale: Scale) -> None:
        """Let a head whose logits are z have the logits `scale.raw(z)`, in place; computed in fp64.

        Raises:
            ValueError: if there is no bias to take up an offset.
        """
        if self.bias is not None:
            head[self.bias].copy_(scale.raw(head[self.bias]))
        elif scale.offset:
            raise ValueError("a map without a bias cannot take up an offset")
        head[self.weight].copy_(head[self.weight].double() * scale.size)


def last_map(classifier: Classifier) -> LastMap | None:
    """Return the map that makes a classifier's logits; None where the head ends in something else.

    That no architecture does anything to the logits behind it is held up by a test of all of them.
    """
    modules = {id(module): path for path, module in classifier.model.named_modules()}
    linear = last_linear(classifier.model, classifier.head_names)
    if linear is not None:
        path = modules[id(linear)]
        bias: torch.Tensor | None = linear.bias
        return LastMap(f"{path}.weight", None if bias is None else f"{path}.bias")
    own: nn.Module | None = getattr(classifier.model, "head", None)
    if isinstance(own, FourierKan):
        return LastMap(f"{modules[id(own)]}.coefficients", f"{modules[id(own)]}.bias")
    return None


@contextmanager
def exact_numbers(classifier: Classifier) -> Iterator[None]:
    """Make numbers in fp32 inside the block, in whatever precision all before the last map is computed.

    bf16 has three digits: of a spread on a large offset it would leave nothing.
    """
    last = last_map(classifier) if classifier.kind.has_units else None
    if last is None:
        yield
        return
    made_by = classifier.model.get_submodule(last.weight.rpartition(".")[0])
    handle = made_by.register_forward_hook(_again_in_fp32)
    try:
        yield
    finally:
        handle.remove()


def _again_in_fp32(module: nn.Module, inputs: tuple[torch.Tensor, ...], output: torch.Tensor) -> torch.Tensor:
    if output.dtype == torch.float32:
        return output
    with torch.autocast(output.device.type, enabled=False):
        numbers: torch.Tensor = module.forward(inputs[0].float())
    return numbers


def to_raw_units(classifier: Classifier, scale: Scale) -> None:
    """Let a head that answers in standard units answer in raw ones, in place.

    Raises:
        ValueError: if it cannot take up the scale.
    """
    if scale == RAW:
        return
    last = last_map(classifier)
    if last is None:
        raise ValueError("the head does not end in a map that can take up a scale")
    last.change(classifier.head_tensors(), scale)


def to_standard_units(classifier: Classifier, scale: Scale) -> None:
    """Let a head that answers in raw units answer in standard ones, in place: the inverse of `to_raw_units`."""
    to_raw_units(classifier, scale.inverse)
