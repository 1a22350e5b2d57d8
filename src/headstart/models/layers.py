"""A backbone's layers in their order, read off its parameters' names.

A layer is one of the repeated blocks (`bert.encoder.layer.3`); what stands before the first is below all of them
(embeddings), what stands after the last is above (a final norm, a pooler).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

LAYER = re.compile(r"(?:^|\.)(?:layer|layers|h|block|blocks|albert_layers)\.(\d+)\.")
BELOW_ALL = re.compile(r"emb|mask_emb|feature_extractor|feature_projection", re.IGNORECASE)
"""Tensors that feed every layer, wherever the module tree lists them."""


def layer_of(name: str) -> str | None:
    """Return the path of the layer that a tensor belongs to; None outside of layers."""
    found = LAYER.search(name)
    return name[: found.end() - 1] if found else None


@dataclass(frozen=True, slots=True)
class Layers:
    """A backbone's tensors by layer.

    Attributes:
        paths: of the layers, the lowest first.
        below: names of the tensors under the first layer.
        above: names of those over the last one.
    """

    paths: tuple[str, ...]
    below: frozenset[str]
    above: frozenset[str]
    _names: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, backbone_names: Iterable[str]) -> Layers:
        """Sort a backbone's names, given in the module tree's order."""
        names = [(name, layer_of(name)) for name in backbone_names]
        loose = [name for name, path in names if path is None]
        first = next((index for index, (_, path) in enumerate(names) if path is not None), len(names))
        early = {name for name, _ in names[:first]}
        below = frozenset(name for name in loose if name in early or BELOW_ALL.search(name))
        return cls(
            paths=tuple(dict.fromkeys(path for _, path in names if path is not None)),
            below=below,
            above=frozenset(loose) - below,
            _names=tuple((name, path) for name, path in names if path is not None),
        )

    def __len__(self) -> int:
        return len(self.paths)

    def names(self, path: str) -> frozenset[str]:
        """Return the tensors of one layer."""
        return frozenset(name for name, of in self._names if of == path)

    def top(self, count: int) -> frozenset[str]:
        """Return the tensors of the `count` highest layers, without what stands above them."""
        wanted = set(self.paths[len(self.paths) - count :])
        return frozenset(name for name, path in self._names if path in wanted)

    def depth(self, name: str) -> int:
        """Return how far a tensor is from the head: 0 above all layers, 1 in the highest, `len + 1` below all."""
        if name in self.above:
            return 0
        path = layer_of(name)
        return len(self.paths) + 1 if path is None else len(self.paths) - self.paths.index(path)
