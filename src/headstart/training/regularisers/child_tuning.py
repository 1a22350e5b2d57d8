"""Child-Tuning: gradients of the backbone's layers are masked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import torch

from headstart.models.layers import layer_of
from headstart.training.regularisers.regulariser import RegularisedStage, Regulariser, StageView


@final
@dataclass(frozen=True, slots=True)
class ChildTuningF(Regulariser):
    """Each element of the layers' gradients is kept with probability `fraction` and divided by it, else 0.

    Masks come from the stage's stream of dropout.

    Source: Xu et al. (EMNLP 2021), section 2.2.
    """

    fraction: float = 0.3

    def start(self, view: StageView) -> RegularisedStage:
        """Take hold of the layers' parameters."""
        return _TaskFree(self.fraction, list(layer_parameters(view).values()))


@final
@dataclass(frozen=True, slots=True)
class ChildTuningD(Regulariser):
    """Only the `fraction` of the layers' parameters with the largest Fisher information gets a gradient.

    The diagonal of the empirical Fisher information is estimated before the first update, at the starting weights, in
    fp32 and without dropout: the mean over the training rows' batches of the squared gradient of a batch's mean loss,
    as in the official code.

    Source: Xu et al. (EMNLP 2021), section 2.3.
    """

    fraction: float = 0.3

    def start(self, view: StageView) -> RegularisedStage:
        """Estimate the Fisher information and choose the child."""
        parameters = layer_parameters(view)
        fisher = fisher_information(view, parameters)
        threshold = largest_share(fisher, self.fraction)
        return _TaskDriven([(parameter, fisher[name] >= threshold) for name, parameter in parameters.items()])


class _TaskFree(RegularisedStage):
    def __init__(self, fraction: float, parameters: list[torch.nn.Parameter]) -> None:
        self._fraction, self._parameters = fraction, parameters

    def on_gradients(self, step: int) -> None:
        for parameter in self._parameters:
            if parameter.grad is not None:
                is_child = torch.rand_like(parameter.grad) < self._fraction
                parameter.grad.mul_(is_child).div_(self._fraction)


class _TaskDriven(RegularisedStage):
    def __init__(self, masked: list[tuple[torch.nn.Parameter, torch.Tensor]]) -> None:
        self._masked = masked

    def on_gradients(self, step: int) -> None:
        for parameter, is_child in self._masked:
            if parameter.grad is not None:
                parameter.grad.mul_(is_child)


def layer_parameters(view: StageView) -> dict[str, torch.nn.Parameter]:
    """Return the trained backbone parameters that stand in layers."""
    return view.parameters(name for name in view.backbone if layer_of(name) is not None)


def fisher_information(view: StageView, parameters: dict[str, torch.nn.Parameter]) -> dict[str, torch.Tensor]:
    """Return the diagonal of the empirical Fisher information, estimated by batches; leaves no gradient behind."""
    fisher = {name: torch.zeros_like(parameter, dtype=torch.float32) for name, parameter in parameters.items()}
    was_training = view.model.training
    view.model.eval()
    num_batches = 0
    for batch in view.batches():
        num_batches += 1
        view.model.zero_grad()
        view.loss(view.model, batch).backward()
        for name, parameter in parameters.items():
            if parameter.grad is not None:
                fisher[name] += parameter.grad.float().square()
    view.model.zero_grad()
    view.model.train(was_training)
    return {name: total / num_batches for name, total in fisher.items()}


def largest_share(values: dict[str, torch.Tensor], fraction: float) -> float:
    """Return the threshold that the largest `fraction` of all elements reaches; at least one does."""
    everything = torch.cat([tensor.flatten() for tensor in values.values()])
    num_kept = max(1, round(fraction * everything.numel()))
    return float(everything.kthvalue(everything.numel() - num_kept + 1).values)
