"""Adapters: parameter-efficient module sets that train together with a head.

An adapter is attached to a freshly loaded classifier and never taken off again: the next stage loads its own.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import ClassVar

import torch
from torch import nn

from headstart.adapters.rates import DEFAULT_ALONE, DEFAULT_FIRST, ModelSize, Rates, Role
from headstart.adapters.stored_adapter import StoredAdapter, read_adapter, write_adapter
from headstart.errors import CheckpointError, UsageError
from headstart.models.classifier import Classifier
from headstart.models.parameters import Tensors, own_tensors
from headstart.registry import Spec


class UpdateHooks:
    """What an adapter does around a stage's updates; these do nothing.

    What they keep between updates is in no checkpoint: a killed stage with hooks starts again at its beginning.
    """

    def begin(self, num_steps: int) -> None:
        """Take notice of the stage's length, before its first update."""

    def on_gradients(self, step: int) -> None:
        """Change the gradients of update `step` (from 0), before their norm is clipped."""

    def after_update(self, step: int) -> None:
        """Change the adapter's own parameters after update `step`, while its gradients are still there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttachedAdapter:
    """An adapter on a model.

    Attributes:
        spec: the adapter's name with all of its options.
        model: what to call and train from now on.
        adapter_names: the adapter's parameters, as `model.named_parameters()` names them.
        head_names: the head's tensors, as `model` names them.
        plain_name: from a name in `model` to the name before attaching; None for tensors that the adapter brought.
        kept_names: tensors that it brought along and does not train; they are stored with it.
        merged: from this and a share of the adapter's effect to the backbone that has it in its weights; None where no
            weights can hold it.
        hooks: what it does around a stage's updates, if anything.
        is_storable: whether its tensors mean the same on any copy of the pretrained backbone.
    """

    spec: Spec
    model: nn.Module
    adapter_names: frozenset[str]
    head_names: frozenset[str]
    plain_name: Callable[[str], str | None]
    kept_names: frozenset[str] = frozenset()
    merged: Callable[[AttachedAdapter, float], Tensors] | None = None
    hooks: UpdateHooks | None = None
    is_storable: bool = True

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
        """Return the backbone, under the plain model's names, with a share (0 to 1) of the adapter's effect in it.

        Raises:
            ValueError: if this adapter cannot be merged.
        """
        if self.merged is None:
            raise ValueError("this adapter cannot be merged into weights")
        return self.merged(self, fraction)

    def save(self, folder: Path) -> None:
        """Write the adapter alone into a folder; neither head nor backbone is in it."""
        write_adapter(StoredAdapter(spec=self.spec, tensors=self._from_backbone_on()), folder)

    def load(self, folder: Path) -> StoredAdapter:
        """Put what `save` wrote onto this adapter, and return it; the model around it may have another head.

        Raises:
            UsageError: if the folder holds no adapter, or one of another kind or with other options.
            CheckpointError: if a file is damaged, or the tensors are those of another backbone.
        """
        stored, own = read_adapter(folder), self._from_backbone_on()
        if stored.spec != self.spec:
            raise UsageError(f"{folder} holds the adapter '{stored.spec}', but '{self.spec}' is wanted")
        shapes, own_shapes = ({name: t.shape for name, t in tensors.items()} for tensors in (stored.tensors, own))
        if shapes != own_shapes:
            wrong = sorted({name for name, _ in shapes.items() ^ own_shapes.items()})
            raise CheckpointError(f"the adapter in {folder} is for another backbone: {', '.join(wrong[:5])}")
        with torch.no_grad():
            for name, tensor in stored.tensors.items():
                own[name].copy_(tensor)
        return stored

    def _from_backbone_on(self) -> Tensors:
        """Return the adapter's own tensors by names that do not say what the model around the backbone calls it."""
        prefix = f"{getattr(self.model, 'base_model_prefix', '')}."
        own = own_tensors(self.model)
        kept = {name: own[name] for name in sorted(self.kept_names)}
        return {name.removeprefix(prefix): tensor for name, tensor in (self.adapter_tensors() | kept).items()}

    def _plain(self) -> dict[str, tuple[str, torch.Tensor]]:
        named = ((self.plain_name(name), name, tensor) for name, tensor in own_tensors(self.model).items())
        return {plain: (name, tensor) for plain, name, tensor in named if plain is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Adapter(ABC):
    """A kind of adapter with its options, which are the fields of its subclass. Subclasses are final."""

    name: ClassVar[str]
    merges: ClassVar[bool]
    source: ClassVar[str]
    reads_outputs_only: ClassVar[bool] = False
    """Whether it only reads what a linear module gives and never computes with its weights, so that these can be
    quantised."""
    first_rates: ClassVar[Rates] = DEFAULT_FIRST
    """Peak learning rates as Stage 1. The default is LoRA's, which may not suit another adapter."""
    alone_rates: ClassVar[Rates] = DEFAULT_ALONE
    """Peak learning rates as the whole training, with the same default."""

    behind_zero: ClassVar[re.Pattern[str] | None] = None
    """Names of parameters that are multiplied by others, and get a gradient only when these have left zero."""
    without_gradient: ClassVar[re.Pattern[str] | None] = None
    """Names of parameters that need not ever get a gradient."""

    @property
    def spec(self) -> Spec:
        """Return the adapter's name with all of its options."""
        return Spec(self.name, tuple((option.name, getattr(self, option.name)) for option in fields(self)))

    @property
    def num_positions(self) -> int:
        """Return the positions that the adapter takes from the longest input."""
        return 0

    @property
    def rewrites_backbone(self) -> bool:
        """Whether attaching changes the backbone's own weights, so that the adapter does not fit another copy."""
        return False

    @property
    def may_end_early(self) -> bool:
        """Whether it can do without knowing beforehand how many updates it gets."""
        return True

    def rate(self, size: ModelSize, role: Role) -> float:
        """Return the peak learning rate for a model of this size."""
        return (self.first_rates if role == "adapter" else self.alone_rates).at(size)

    @abstractmethod
    def refusal(self, classifier: Classifier) -> str | None:
        """Return why this model cannot carry the adapter; None when it can."""

    @abstractmethod
    def attach(self, classifier: Classifier, *, seed: int) -> AttachedAdapter:
        """Put the adapter on a freshly loaded classifier, in place; `seed` is the root of the stream `adapter_init`."""

    def attached(self, classifier: Classifier, is_own: Callable[[str], bool]) -> AttachedAdapter:
        """Return the adapter once its modules are in the model; `is_own` knows their tensors by name."""
        return AttachedAdapter(
            spec=self.spec,
            model=classifier.model,
            adapter_names=frozenset(name for name, _ in classifier.model.named_parameters() if is_own(name)),
            head_names=frozenset(classifier.head_names),
            plain_name=lambda name: None if is_own(name) else name,
        )
