"""Adapters: parameter-efficient module sets that train together with a head.

An adapter is attached to a freshly loaded classifier and never taken off again: the next stage loads its own.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import torch
from torch import nn

from headstart.models.classifier import Classifier
from headstart.models.parameters import own_tensors

Tensors = dict[str, torch.Tensor]


@dataclass(frozen=True, slots=True, kw_only=True)
class AttachedAdapter:
    """An adapter on a model.

    Attributes:
        model: what to call and train from now on.
        adapter_names: the adapter's parameters, as `model.named_parameters()` names them.
        head_names: the head's tensors, named likewise.
        plain_name: from a name in `model` to the name before attaching; None for what the adapter brought along.
    """

    model: nn.Module
    adapter_names: frozenset[str]
    head_names: frozenset[str]
    plain_name: Callable[[str], str | None]
    merged: Callable[[float], Tensors] | None = None
    save: Callable[[Path], None] | None = None
    load: Callable[[Path], None] | None = None

    @property
    def merges(self) -> bool:
        """Whether the adapter's effect can be written into the backbone's weights."""
        return self.merged is not None

    def adapter_tensors(self) -> Tensors:
        """Return the adapter's tensors under the model's names."""
        return {name: p.detach() for name, p in self.model.named_parameters() if name in self.adapter_names}

    def head_tensors(self) -> Tensors:
        """Return the head's tensors under the plain model's names."""
        return {plain: tensor for plain, (name, tensor) in self._plain().items() if name in self.head_names}

    def backbone_tensors(self) -> Tensors:
        """Return the backbone's own tensors under the plain model's names, as they stand, without what was added."""
        return {plain: tensor for plain, (name, tensor) in self._plain().items() if name not in self.head_names}

    def merged_backbone(self, fraction: float = 1.0) -> Tensors:
        """Return the backbone with the adapter's effect in its weights, under the plain model's names.

        Args:
            fraction: share of the effect, from 0 (the pretrained weights) to 1.

        Raises:
            ValueError: if this adapter cannot be merged.
        """
        if self.merged is None:
            raise ValueError("this adapter cannot be merged into weights")
        return self.merged(fraction)

    def save_peft(self, folder: Path) -> None:
        """Save the adapter alone as a peft folder.

        Raises:
            ValueError: if this adapter is none of peft's.
        """
        if self.save is None:
            raise ValueError("this adapter is saved merged, not as a peft folder")
        self.save(folder)

    def load_peft(self, folder: Path) -> None:
        """Load what `save_peft` saved.

        Raises:
            ValueError: if this adapter is none of peft's.
        """
        if self.load is None:
            raise ValueError("this adapter is saved merged, not as a peft folder")
        self.load(folder)

    def _plain(self) -> dict[str, tuple[str, torch.Tensor]]:
        named = ((self.plain_name(name), name, tensor) for name, tensor in own_tensors(self.model).items())
        return {plain: (name, tensor) for plain, name, tensor in named if plain is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Adapter(ABC):
    """A kind of adapter with its options, which are the fields of its subclass. Subclasses are final."""

    name: ClassVar[str]
    merges: ClassVar[bool]
    source: ClassVar[str]
    works_with_gradient_checkpointing: ClassVar[bool] = True

    @property
    def num_positions(self) -> int:
        """Return the positions that the adapter takes from the longest input."""
        return 0

    @abstractmethod
    def refusal(self, classifier: Classifier) -> str | None:
        """Return why this model cannot carry the adapter; None when it can."""

    @abstractmethod
    def attach(self, classifier: Classifier, *, seed: int) -> AttachedAdapter:
        """Put the adapter on a freshly loaded classifier, which is changed in place.

        Args:
            classifier: its model gets the adapter.
            seed: root of the stream `adapter_init`.
        """
