"""Interpolation of the backbone with the weights that the stage started from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import torch

from headstart.training.regularisers.regulariser import RegularisedStage, Regulariser, StageView


@final
@dataclass(frozen=True, slots=True)
class Interpolation(Regulariser):
    """After the last update the backbone goes back to between its start (0) and its end (1); the head stays.

    Source: Wortsman et al. (CVPR 2022), "Robust fine-tuning of zero-shot models", section 3. Differs: they interpolate
    the head too, which in their case starts from the classes' names.
    """

    fraction: float = 0.5

    def start(self, view: StageView) -> RegularisedStage:
        """Keep the starting weights."""
        return _Interpolated(self.fraction, view)


class _Interpolated(RegularisedStage):
    def __init__(self, fraction: float, view: StageView) -> None:
        self._fraction, self._last = fraction, view.num_steps - 1
        self._backbone = view.parameters(view.backbone)
        self._start = {name: parameter.detach().clone() for name, parameter in self._backbone.items()}

    def after_update(self, step: int) -> None:
        if step < self._last:
            return
        with torch.no_grad():
            for name, parameter in self._backbone.items():
                parameter.copy_(torch.lerp(self._start[name], parameter, self._fraction))
