"""Unfreezing by schedule: layers, or their adapters, join one after another."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, final

import torch

from headstart.atomic_files import write_json
from headstart.models.layers import Layers, layer_of
from headstart.safe_files import read_json
from headstart.training.regularisers.regulariser import RegularisedStage, Regulariser, StageView

ORDER_FILE = "unfreezing.json"


@final
@dataclass(frozen=True, slots=True)
class GradualUnfreezing(Regulariser):
    """The head and what stands above the layers train from the start; layers join from the top, the embeddings last.

    After `fraction` of the updates everything trains. What has not joined yet has no gradient, so neither its weights
    nor the optimiser's state for it move.

    Source: Howard and Ruder (ACL 2018), section 3.3.
    """

    fraction: float = 0.5

    delays_updates: ClassVar[bool] = True

    def fewest_steps(self, backbone: Sequence[str]) -> int:
        """Return one update for each group that waits, and one for the head before them."""
        return len(_from_the_top(backbone)) + 1

    def start(self, view: StageView) -> RegularisedStage:
        """Sort the backbone by layers."""
        waiting = [tuple(view.parameters(names).values()) for names in _from_the_top(view.backbone)]
        return _TopDown(waiting, interval(self.fraction, view.num_steps, len(waiting)))


@final
@dataclass(frozen=True, slots=True)
class FisherUnfreezing(Regulariser):
    """The adapters of layers join one after another, each time the one with the largest trace of Fisher information.

    The first joins at the first update; after `fraction` of the updates all have. The trace is estimated by the squared
    gradient of the batch at which one joins. The order is kept in the stage's folder.

    Source: Liu et al. (2023), arXiv 2301.05487, section 3.
    """

    fraction: float = 0.5

    delays_updates: ClassVar[bool] = True

    def fewest_steps(self, backbone: Sequence[str]) -> int:
        """Return one update for each layer's adapter."""
        return len(Layers.of(backbone).paths)

    def start(self, view: StageView) -> RegularisedStage:
        """Sort the adapter by layers; what stands in no layer trains from the start."""
        paths = dict.fromkeys(path for name in view.adapter if (path := layer_of(name)) is not None)
        groups = {
            path: tuple(view.parameters(name for name in view.adapter if layer_of(name) == path).values())
            for path in paths
        }
        return _ByFisher(groups, interval(self.fraction, view.num_steps, len(groups) - 1), view.folder / ORDER_FILE)


def _from_the_top(backbone: Sequence[str]) -> list[frozenset[str]]:
    """Return the names of each layer's tensors, the highest layer first, and at last of those below all layers."""
    layers = Layers.of(backbone)
    groups = [*(layers.names(path) for path in reversed(layers.paths)), layers.below]
    return [names for names in groups if names]


class _TopDown(RegularisedStage):
    def __init__(self, waiting: list[tuple[torch.nn.Parameter, ...]], every: int) -> None:
        self._waiting, self._every = waiting, every

    def on_gradients(self, step: int) -> None:
        for parameters in self._waiting[step // self._every :]:
            drop_gradients(parameters)


class _ByFisher(RegularisedStage):
    def __init__(self, groups: dict[str, tuple[torch.nn.Parameter, ...]], every: int, file: Path) -> None:
        self._groups, self._every, self._file = groups, every, file
        self._joined: dict[str, int] = read_json(file) if file.exists() else {}

    def on_gradients(self, step: int) -> None:
        self._joined = {path: since for path, since in self._joined.items() if since < step}
        wanted = min(1 + step // self._every, len(self._groups))
        while len(self._joined) < wanted:
            frozen = [path for path in self._groups if path not in self._joined]
            self._joined[max(frozen, key=lambda path: trace(self._groups[path]))] = step
            write_json(self._file, self._joined)
        for path, parameters in self._groups.items():
            if path not in self._joined:
                drop_gradients(parameters)


def interval(fraction: float, num_steps: int, num_groups: int) -> int:
    """Return the updates between two joinings, at least 1, so that all have joined after `fraction` of the updates."""
    return max(1, int(fraction * num_steps / max(1, num_groups)))


def trace(parameters: Iterable[torch.nn.Parameter]) -> float:
    """Return the sum of squared gradients."""
    return sum(float(each.grad.float().square().sum()) for each in parameters if each.grad is not None)


def drop_gradients(parameters: Iterable[torch.nn.Parameter]) -> None:
    """Take the gradients away: an optimiser passes over a parameter without one."""
    for parameter in parameters:
        parameter.grad = None
