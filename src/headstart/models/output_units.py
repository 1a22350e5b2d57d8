"""The units in which a head answers: its last map takes up a scale, so that the model itself needs to know of none.

Letters: k logits, i inputs of the last map.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from headstart.losses import RAW, Scale
from headstart.models.classifier import Classifier
from headstart.models.heads import last_linear
from headstart.models.own_heads import FourierKan


@dataclass(frozen=True, slots=True)
class LastMap:
    """A head's last map, which is linear in its weights.

    Attributes:
        weight: of any shape; it makes the logits but for the bias.
        bias: [k], added to the logits; None where there is none.
    """

    weight: torch.Tensor
    bias: torch.Tensor | None

    @torch.no_grad()
    def change(self, scale: Scale) -> None:
        """Let logits z become `scale.raw(z)`, in place; computed in fp64, so that this can be undone.

        Raises:
            ValueError: if there is no bias to take up an offset.
        """
        if self.bias is not None:
            self.bias.copy_(scale.raw(self.bias))
        elif scale.offset:
            raise ValueError("a map without a bias cannot take up an offset")
        self.weight.copy_(self.weight.double() * scale.size)


def last_map(classifier: Classifier) -> LastMap | None:
    """Return the map that makes a classifier's logits; None where the head ends in something else.

    That nothing of the architecture stands behind it is held up by a test of all architectures.
    """
    linear = last_linear(classifier.model, classifier.head_names)
    if linear is not None:
        return LastMap(linear.weight, linear.bias)
    own: nn.Module | None = getattr(classifier.model, "head", None)
    return LastMap(own.coefficients, own.bias) if isinstance(own, FourierKan) else None


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
    last.change(scale)


def to_standard_units(classifier: Classifier, scale: Scale) -> None:
    """Let a head that answers in raw units answer in standard ones, in place: the inverse of `to_raw_units`."""
    to_raw_units(classifier, scale.inverse)
