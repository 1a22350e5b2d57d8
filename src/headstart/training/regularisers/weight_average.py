"""An average of a stage's weights over its tail, in place of the last ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import final

import torch

from headstart.training.regularisers.regulariser import RegularisedStage, Regulariser, StageView


@final
@dataclass(frozen=True, slots=True)
class WeightAverage(Regulariser):
    """The stage ends with an exponential moving average of the weights after each update of its tail.

    The n-th update of the tail (from 0) counts with 1 - min(decay, n / (n + 1)): the average is the plain mean until
    the tail is as long as the average remembers, so that it never leans towards the weights that it begins with.

    Attributes:
        decay: from 0 (the last weights) to 1 (the plain mean of the whole tail).
        tail: share of the stage's updates, at least one of them.

    Source: Polyak and Juditsky (1992); Izmailov et al. (UAI 2018), section 3.1, for the plain mean.
    """

    decay: float = 0.99
    tail: float = 0.5

    def start(self, view: StageView) -> RegularisedStage:
        """Take hold of what trains."""
        parameters = {name: each for name, each in view.model.named_parameters() if each.requires_grad}
        return _Averaged(
            self.decay, parameters, first=first_of_tail(view.num_steps, self.tail), last=view.num_steps - 1
        )


class _Averaged(RegularisedStage):
    def __init__(self, decay: float, parameters: Mapping[str, torch.nn.Parameter], *, first: int, last: int) -> None:
        self._decay, self._parameters = decay, parameters
        self._first, self._last = first, last
        self._average: dict[str, torch.Tensor] = {}

    def after_update(self, step: int) -> None:
        if step < self._first:
            return
        if step == self._first:
            self._average = {name: each.detach().clone() for name, each in self._parameters.items()}
        else:
            num_averaged = step - self._first
            share = 1 - min(self._decay, num_averaged / (num_averaged + 1))
            for name, average in self._average.items():
                average.lerp_(self._parameters[name].detach(), share)
        if step == self._last:
            with torch.no_grad():
                for name, parameter in self._parameters.items():
                    parameter.copy_(self._average[name])

    def state(self) -> Mapping[str, torch.Tensor]:
        return self._average

    def resume(self, state: Mapping[str, torch.Tensor]) -> None:
        self._average = {name: tensor.to(self._parameters[name].device) for name, tensor in state.items()}


def first_of_tail(num_steps: int, tail: float) -> int:
    """Return the first update (from 0) of the last `tail` of all updates, at least one."""
    return num_steps - max(1, round(tail * num_steps))
