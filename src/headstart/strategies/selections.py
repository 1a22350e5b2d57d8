"""What a stage trains: values that say which of a backbone's tensors move, and whether an adapter does.

A new selection is a class here and a member of `AnySelection`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, final

from headstart.registry import Spec


class Selection:
    """What trains; the head does in any case, where there are updates."""

    __slots__ = ()

    has_updates: ClassVar[bool] = True
    trains_backbone: ClassVar[bool] = False
    features_are_fixed: ClassVar[bool] = False
    """Whether the backbone, in eval mode, has the same output for a row in every update."""

    @property
    def tuned(self) -> AdapterAndHead | None:
        """The selection itself where an adapter trains, else None."""
        return None

    @property
    def num_layers(self) -> int:
        """How many layers the model must have at least."""
        return 0

    def free(self, backbone: Sequence[str]) -> frozenset[str]:
        """Return which of a backbone's own tensors train; their names come in the module tree's order."""
        return frozenset()


@final
@dataclass(frozen=True, slots=True)
class Head(Selection):
    """The head alone."""

    name: Literal["head"] = "head"

    features_are_fixed: ClassVar[bool] = True


@final
@dataclass(frozen=True, slots=True)
class AdapterAndHead(Selection):
    """An adapter and the head.

    Attributes:
        spec: the adapter.
        saved: digest of the saved adapter that it starts from; None for a fresh one.
        width: "8bit" or "4bit" for a frozen backbone in that width; None for full precision.
    """

    spec: Spec
    saved: str | None = None
    width: str | None = None
    name: Literal["adapter_and_head"] = "adapter_and_head"

    @property
    def tuned(self) -> AdapterAndHead | None:
        """This."""
        return self


@final
@dataclass(frozen=True, slots=True)
class TopLayers(Selection):
    """The highest layers, what stands above them, and the head.

    Attributes:
        layers: how many, at least 1.
    """

    layers: int
    name: Literal["top_layers"] = "top_layers"

    trains_backbone: ClassVar[bool] = True

    @property
    def num_layers(self) -> int:
        """The layers that train."""
        return self.layers

    def free(self, backbone: Sequence[str]) -> frozenset[str]:
        """Return the tensors of the highest layers, and those above."""
        from headstart.models.layers import Layers

        layers = Layers.of(backbone)
        return layers.top(self.layers) | layers.above


@final
@dataclass(frozen=True, slots=True)
class All(Selection):
    """Backbone and head."""

    name: Literal["all"] = "all"

    trains_backbone: ClassVar[bool] = True

    def free(self, backbone: Sequence[str]) -> frozenset[str]:
        """Return all of them."""
        return frozenset(backbone)


@final
@dataclass(frozen=True, slots=True)
class Nothing(Selection):
    """Nothing: a stage without updates, which only places its start."""

    name: Literal["nothing"] = "nothing"

    has_updates: ClassVar[bool] = False


AnySelection = Head | AdapterAndHead | TopLayers | All | Nothing
