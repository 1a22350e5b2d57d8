"""Which parameters a stage trains, in groups, and how fast each of them moves."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import torch

from headstart.adapters.adapter import AttachedAdapter
from headstart.errors import InvariantError
from headstart.models.classifier import Classifier
from headstart.models.layers import Layers
from headstart.models.parameters import set_trainable
from headstart.strategies.strategy import Optimizer, Stage
from headstart.training.invariants import require_trainable

GROUPS = ("head", "adapter", "backbone")


@dataclass(frozen=True, slots=True, kw_only=True)
class Trainables:
    """The declared parameters of the model to train, by group, under that model's names."""

    model: torch.nn.Module
    head: frozenset[str]
    adapter: frozenset[str]
    backbone: frozenset[str]

    @property
    def names(self) -> frozenset[str]:
        """All of them."""
        return self.head | self.adapter | self.backbone

    def in_order(self, names: frozenset[str]) -> tuple[str, ...]:
        """Return names in the module tree's order."""
        return tuple(name for name, _ in self.model.named_parameters() if name in names)

    def group_of(self, name: str) -> str:
        """Return the group of a parameter; what is not trained counts as the backbone's."""
        if name in self.head:
            return "head"
        return "adapter" if name in self.adapter else "backbone"

    def tensors(self) -> dict[str, torch.Tensor]:
        """Return the tensors by name; they are the model's own, not copies."""
        return {name: self.model.get_parameter(name).detach() for name in self.in_order(self.names)}

    def counted(self, sizes: Mapping[str, int]) -> dict[str, int]:
        """Return the sum of `sizes` (by parameter) in each group."""
        counter = Counter(dict.fromkeys(GROUPS, 0))
        for name, size in sizes.items():
            counter[self.group_of(name)] += size
        return dict(counter)

    def dtypes(self) -> dict[str, str]:
        """Return the kinds of numbers of each group's tensors."""
        kinds: dict[str, set[str]] = {group: set() for group in GROUPS}
        for name, parameter in self.model.named_parameters():
            kinds[self.group_of(name)].add(str(parameter.dtype).removeprefix("torch."))
        return {group: "+".join(sorted(found)) for group, found in kinds.items()}

    def gradient_groups(self) -> dict[str, str]:
        """Return parameter -> group whose gradient is waited for: the head, each layer's adapter, each block."""
        groups = {}
        for name in self.names:
            group = self.group_of(name)
            if group != "head":
                block = re.match(r"(.*?\.\d+)\.", name)
                group = f"{group} {block.group(1) if block else name.split('.', 1)[0]}"
            groups[name] = group
        return groups

    def rate_factors(self, optimizer: Optimizer) -> dict[str, float]:
        """Return what backbone tensors' learning rates are multiplied by; empty where there is one rate for all."""
        if optimizer.layer_decay == 1.0:
            return {}
        layers = Layers.of(self.in_order(self.backbone))
        return {name: optimizer.layer_decay ** layers.depth(name) for name in self.backbone}


def declare(stage: Stage, classifier: Classifier, attached: AttachedAdapter | None) -> Trainables:
    """Freeze all but what a stage declares, and check it.

    Raises:
        InvariantError: if the trainable set is not the declared one, or one of its tensors is not fp32.
    """
    model = attached.model if attached else classifier.model
    parameters = [name for name, _ in model.named_parameters()]
    head = frozenset(attached.head_names if attached else classifier.head_names) & set(parameters)
    adapter = frozenset(attached.adapter_names) if attached else frozenset()
    own = [name for name in parameters if name not in head | adapter]
    unread = classifier.unread
    backbone = stage.trainable.free([name for name in own if name not in unread])
    trained_head = head if stage.trains_head else frozenset[str]()
    trainables = Trainables(model=model, head=trained_head, adapter=adapter, backbone=backbone)
    set_trainable(model, trainables.names)
    require_trainable(trainables.names, {name for name, p in model.named_parameters() if p.requires_grad})
    low = sorted(name for name, tensor in trainables.tensors().items() if tensor.dtype != torch.float32)
    if low:
        raise InvariantError(f"stage {stage.name}: trainable parameters must be fp32, these are not: {low[:8]}")
    return trainables
