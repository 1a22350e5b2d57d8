"""Mixout on the backbone's linear maps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, final

import torch
from torch import nn
from transformers.pytorch_utils import Conv1D

from headstart.training.regularisers.regulariser import RegularisedStage, Regulariser, StageView


@final
@dataclass(frozen=True, slots=True)
class Mixout(Regulariser):
    """Every weight of the backbone's linear maps is its starting value with `probability`, anew for each forward pass.

    The rest is scaled so that the expectation is the trained weight: with m from Bernoulli(probability), trained
    weight w and starting weight u, the pass sees (m u + (1 - m) w - probability u) / (1 - probability). Dropout in the
    backbone is off meanwhile. Masks come from the stage's stream of dropout.

    Source: Lee, Cho and Kang (ICLR 2020), equation 5.
    """

    probability: float = 0.7

    works_with_gradient_checkpointing: ClassVar[bool] = False

    def start(self, view: StageView) -> RegularisedStage:
        """Keep the starting weights and switch dropout off."""
        return _MixedStage(self.probability, view)


class _MixedStage(RegularisedStage):
    def __init__(self, probability: float, view: StageView) -> None:
        self._probability = probability
        linear = {
            f"{name}.weight" for name, each in view.model.named_modules() if isinstance(each, (nn.Linear, Conv1D))
        }
        self._trained = view.parameters(linear & set(view.backbone))
        self._start = {name: parameter.detach().clone() for name, parameter in self._trained.items()}
        backbone = {name.rpartition(".")[0].partition(".")[0] for name in view.backbone}
        self._dropouts = [
            (module, module.p)
            for name, module in view.model.named_modules()
            if isinstance(module, nn.Dropout) and name.partition(".")[0] in backbone
        ]
        for module, _ in self._dropouts:
            module.p = 0.0

    def weights(self) -> Mapping[str, torch.Tensor]:
        return {name: mix(parameter, self._start[name], self._probability) for name, parameter in self._trained.items()}

    def end(self) -> None:
        for module, probability in self._dropouts:
            module.p = probability


def mix(trained: torch.Tensor, start: torch.Tensor, probability: float) -> torch.Tensor:
    """Return the trained weights with each element replaced by its start with `probability`, unbiased."""
    is_start = torch.rand_like(trained) < probability
    return (torch.where(is_start, start, trained) - probability * start) / (1 - probability)
