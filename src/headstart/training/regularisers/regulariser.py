"""What a stage does beside plain gradient descent."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import torch

from headstart.kinds.kind import Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class StageView:
    """What a regulariser may see of its stage, before the first update.

    Attributes:
        model: what is trained, at the weights that the stage starts from.
        backbone: the trained backbone parameters' names, in the module tree's order.
        adapter: the adapter parameters' names, in the same order.
        num_steps: updates of the stage.
        folder: where a decision taken during training is kept, for a stage that is resumed.
        batches: gives the training rows once, in their stored order, as batches on the model's device.
        loss: the mean loss of a batch.
    """

    model: torch.nn.Module
    backbone: tuple[str, ...]
    adapter: tuple[str, ...]
    num_steps: int
    folder: Path
    batches: Callable[[], Iterator[dict[str, Any]]]
    loss: Callable[[torch.nn.Module, dict[str, Any]], torch.Tensor]

    def parameters(self, names: Iterable[str]) -> dict[str, torch.nn.Parameter]:
        """Return the named parameters."""
        wanted = set(names)
        return {name: parameter for name, parameter in self.model.named_parameters() if name in wanted}


@dataclass(frozen=True, slots=True, kw_only=True)
class ForwardPass:
    """A forward pass of a batch in training.

    Attributes:
        logits: per example, in fp32, [n, k].
        weights: of the examples, [n], as the loss takes them; None where all count the same.
        loss: the task's mean loss.
        kind: of the task.
    """

    logits: torch.Tensor
    loss: torch.Tensor
    kind: Kind
    weights: torch.Tensor | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchLoss:
    """What is minimised of a batch: the task's mean loss, which is logged, and what a regulariser adds to it."""

    task: torch.Tensor
    penalty: torch.Tensor | None = None

    @property
    def total(self) -> torch.Tensor:
        """The sum of both."""
        return self.task if self.penalty is None else self.task + self.penalty

    def detached(self) -> BatchLoss:
        """Return the same numbers without their gradients."""
        return BatchLoss(task=self.task.detach(), penalty=None if self.penalty is None else self.penalty.detach())


class Regulariser:
    """Hooks around an update; these do nothing.

    Subclasses are frozen dataclasses whose fields are their options, and `start` returns what holds a stage's state.
    """

    works_with_gradient_checkpointing: ClassVar[bool] = True
    delays_updates: ClassVar[bool] = False
    """Whether some tensors get their first update late in the stage."""
    num_passes: ClassVar[int] = 1
    """Forward and backward passes of a batch in an update."""

    def refusal(self, model: torch.nn.Module) -> str | None:
        """Return why it could have no effect on this model; None where it has one."""
        return None

    def fewest_steps(self, backbone: Sequence[str]) -> int:
        """Return the updates that it takes until everything has trained.

        Args:
            backbone: names of the whole backbone's tensors, in the module tree's order.
        """
        return 0

    def start(self, view: StageView) -> RegularisedStage:
        """Return the hooks of one stage, which has not begun."""
        return RegularisedStage()


class RegularisedStage:
    """The hooks of one stage."""

    def weights(self) -> Mapping[str, torch.Tensor]:
        """Return what stands in for parameters, by name, in one forward pass of training."""
        return {}

    def loss(self, first: ForwardPass, again: Callable[[], ForwardPass]) -> BatchLoss:
        """Return what is minimised of a batch.

        Args:
            first: its forward pass.
            again: does another one of the same batch, with masks of its own.
        """
        return BatchLoss(task=first.loss)

    def on_gradients(self, step: int) -> None:
        """Change the gradients of update `step` (from 0), before their norm is clipped."""

    def after_update(self, step: int) -> None:
        """Look at the weights, or change them, after update `step` (from 0)."""

    def state(self) -> Mapping[str, torch.Tensor]:
        """Return what a checkpoint must hold beside the parameters."""
        return {}

    def resume(self, state: Mapping[str, torch.Tensor]) -> None:
        """Go on from what `state` gave when the checkpoint was written."""

    def end(self) -> None:
        """Put back what `start` changed about the model beside its parameters."""
