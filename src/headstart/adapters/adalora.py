"""What AdaLoRA does around a stage's updates: it keeps its maps orthogonal and moves rank to where it matters."""

from __future__ import annotations

from typing import Any, final

import torch

from headstart.adapters.adapter import UpdateHooks
from headstart.errors import UsageError


@final
class AdaLoraUpdates(UpdateHooks):
    """The penalty's gradient and the allocation of ranks, both by peft's formulas.

    peft adds the penalty to a loss that its own model computes, and leaves the allocation to the training loop. Here
    the penalty is in the gradients and not in the logged loss. The importance of ranks is a running mean that no
    checkpoint holds, so a stage with AdaLoRA is resumed at its beginning.

    Source: Zhang et al. (ICLR 2023), equations 4 and 8 to 11.
    """

    def __init__(self, tuner: Any) -> None:
        """Take peft's `AdaLoraModel`, attached."""
        self._tuner = tuner
        self._config = tuner.peft_config["default"]

    def begin(self, num_steps: int) -> None:
        """Set the allocation's schedule to the stage's length.

        Raises:
            UsageError: if the stage has no update between the initial and the final phase.
        """
        # At least one update weighs the ranks, and another one drops some.
        if num_steps - self._config.tfinal < max(2, self._config.tinit + 1):
            raise UsageError(
                f"adalora's tinit {self._config.tinit} and tfinal {self._config.tfinal} leave none of the stage's "
                f"{num_steps} updates to allocate ranks in",
                remedy="  Give smaller ones, or a longer stage.",
            )
        self._tuner.rankallocator.set_total_step(num_steps)

    def on_gradients(self, step: int) -> None:
        """Add the gradient of the mean distance of all maps from orthogonal ones."""
        maps = {
            name: parameter
            for name, parameter in self._tuner.model.named_parameters()
            if name.endswith((".lora_A.default", ".lora_B.default")) and parameter.grad is not None
        }
        if not maps:
            return
        with torch.enable_grad():
            distances = [_distance(each if ".lora_A." in name else each.T) for name, each in maps.items()]
            penalty = self._config.orth_reg_weight * torch.stack(distances).mean()
            gradients = torch.autograd.grad(penalty, list(maps.values()))
        for parameter, gradient in zip(maps.values(), gradients, strict=True):
            parameter.grad.add_(gradient)

    def after_update(self, step: int) -> None:
        """Set the ranks that matter least to zero, as many as the schedule says."""
        own = [parameter for name, parameter in self._tuner.model.named_parameters() if ".lora_" in name]
        if all(parameter.grad is not None for parameter in own):
            self._tuner.update_and_allocate(step + 1)


def _distance(matrix: torch.Tensor) -> torch.Tensor:
    """Return the Frobenius distance of the Gram matrix of the rows of a matrix [r, n] from the identity."""
    gram = matrix @ matrix.T
    distance: torch.Tensor = torch.linalg.norm(gram - torch.eye(len(gram), device=gram.device))
    return distance
