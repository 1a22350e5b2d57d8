"""What a stage trains: values that say which of a backbone's tensors move, and whether an adapter does.

A new selection is a class here and a member of `AnySelection`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Literal, Self, final

from headstart.registry import Spec


class Selection:
    """What trains; the head does in any case, where there are updates."""

    __slots__ = ()

    has_updates: ClassVar[bool] = True
    trains_backbone: ClassVar[bool] = False
    features_are_fixed: ClassVar[bool] = False
    """Whether the backbone, in eval mode, says the same of a row in every update."""

    @property
    def adapter(self) -> Spec | None:
        """The adapter that trains."""
        return None

    @property
    def adapter_from(self) -> str | None:
        """Digest of the saved adapter that it starts from; None for a fresh one."""
        return None

    @property
    def quantised(self) -> str | None:
        """The width of a frozen backbone in 8 or 4 bits; None for full precision."""
        return None

    @property
    def num_layers(self) -> int:
        """How many layers a model needs for it, 0 where any number will do."""
        return 0

    def starting_from(self, saved: str) -> Self:
        """Return the selection with its adapter starting from the saved one that has this digest."""
        return self

    def on_quantised(self, width: str) -> Self:
        """Return the selection with its adapter on a frozen backbone of "8bit" or "4bit"."""
        return self

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
    def adapter(self) -> Spec | None:
        """The adapter that trains."""
        return self.spec

    @property
    def adapter_from(self) -> str | None:
        """Digest of the saved adapter."""
        return self.saved

    @property
    def quantised(self) -> str | None:
        """The frozen backbone's width."""
        return self.width

    def starting_from(self, saved: str) -> Self:
        """Return the selection with the saved adapter."""
        return replace(self, saved=saved)

    def on_quantised(self, width: str) -> Self:
        """Return the selection on a quantised backbone."""
        return replace(self, width=width)


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
    """Nothing: a stage without updates, whose start is all that it does."""

    name: Literal["nothing"] = "nothing"

    has_updates: ClassVar[bool] = False


AnySelection = Head | AdapterAndHead | TopLayers | All | Nothing
