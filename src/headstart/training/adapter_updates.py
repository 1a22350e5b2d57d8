"""What an adapter does around a stage's updates, put into the training loop."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from headstart.adapters.adapter import UpdateHooks
from headstart.training.regularisers.regulariser import RegularisedStage


class HookedStage(RegularisedStage):
    """A stage's regulariser, with the adapter's own share of the gradients after it."""

    def __init__(self, regularised: RegularisedStage, hooks: UpdateHooks) -> None:
        self._regularised, self._hooks = regularised, hooks

    def weights(self) -> Mapping[str, torch.Tensor]:
        """Return what stands in for parameters, by name, in one forward pass of training."""
        return self._regularised.weights()

    def on_gradients(self, step: int) -> None:
        """Change the gradients of update `step` (from 0), before their norm is clipped."""
        self._regularised.on_gradients(step)
        self._hooks.on_gradients(step)


class AfterUpdate(TrainerCallback):
    """Call the adapter after each update, while gradients are still there."""

    def __init__(self, hooks: UpdateHooks) -> None:
        self._hooks = hooks

    def on_optimizer_step(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Tell it the number of the update, from 0."""
        self._hooks.after_update(state.global_step)
