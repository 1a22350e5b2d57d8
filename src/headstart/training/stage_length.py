"""When a stage is over before its most updates: at an accuracy on its training batches, or where its loss stays."""

from __future__ import annotations

import statistics
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar, final

from headstart.registry import FROM_ABOVE_ZERO_TO_ONE, FROM_ZERO_TO_UNDER_ONE, Registry, Spec, at_least, build_from

if TYPE_CHECKING:
    import torch

STATE = "seen"


@dataclass(frozen=True, slots=True)
class Seen:
    """What an update's batches showed: their mean loss, and the share of right answers, NaN where there is none."""

    loss: float
    accuracy: float


class Until(ABC):
    """A rule that ends a stage. Subclasses are frozen dataclasses whose fields are their options.

    Only updates after the warm-up count, in which the learning rate is constant.
    """

    needs_accuracy: ClassVar[bool] = False

    @property
    @abstractmethod
    def fewest_steps(self) -> int:
        """Updates after the warm-up that it takes at least."""

    @abstractmethod
    def is_reached(self, seen: Sequence[Seen]) -> bool:
        """Return whether the stage is over, after as many updates as there are in `seen`, at least the fewest."""


@final
@dataclass(frozen=True, slots=True)
class Accuracy(Until):
    """Over the last `window` updates at least `target` of the answers on training batches were right.

    The batches are answered as they are trained on: before their update, with dropout where the stage has any.

    Source: Ren et al. (ICLR 2023), "How to Prepare Your Task Head for Finetuning": a head that is trained to a chosen
    training accuracy, before it is perfect, leaves fine-tuning something to change. Differs: they measure it on all
    training rows after each epoch.
    """

    target: Annotated[float, FROM_ABOVE_ZERO_TO_ONE] = 0.9
    window: Annotated[int, at_least(3)] = 10

    needs_accuracy: ClassVar[bool] = True

    @property
    def fewest_steps(self) -> int:
        """One window."""
        return self.window

    def is_reached(self, seen: Sequence[Seen]) -> bool:
        """Compare the mean of the latest window with the target."""
        return statistics.fmean(each.accuracy for each in seen[-self.window :]) >= self.target


@final
@dataclass(frozen=True, slots=True)
class Plateau(Until):
    """The mean training loss over the last `window` updates is not lower by `tolerance` than over the window before.

    `tolerance` is a share of the earlier window's loss.
    """

    window: Annotated[int, at_least(3)] = 20
    tolerance: Annotated[float, FROM_ZERO_TO_UNDER_ONE] = 0.01

    @property
    def fewest_steps(self) -> int:
        """Two windows."""
        return 2 * self.window

    def is_reached(self, seen: Sequence[Seen]) -> bool:
        """Compare the latest two windows."""
        before = statistics.fmean(each.loss for each in seen[-2 * self.window : -self.window])
        return statistics.fmean(each.loss for each in seen[-self.window :]) > (1 - self.tolerance) * before


UNTIL: Registry[type[Until]] = Registry("end of Stage 1")
UNTIL.add("accuracy", Accuracy)
UNTIL.add("plateau", Plateau)


def build_until(spec: Spec) -> Until:
    """Return the rule that `spec` names.

    Raises:
        UsageError: if the name or an option is unknown or out of range.
    """
    return build_from("end of Stage 1", UNTIL.get(spec.name), spec)


class StageLength:
    """Watches one stage and says when it is over; without a rule it never is before its last update."""

    def __init__(self, until: Until | None, num_warmup_steps: int) -> None:
        self._until, self._num_warmup_steps = until, num_warmup_steps
        self._seen: list[Seen] = []

    @property
    def is_watched(self) -> bool:
        """Whether there is a rule."""
        return self._until is not None

    def add(self, step: int, seen: Seen) -> None:
        """Keep what update `step` (from 0) showed."""
        if step >= self._num_warmup_steps:
            self._seen.append(seen)

    def is_over(self) -> bool:
        """Return whether the rule holds after the latest update."""
        until = self._until
        return until is not None and len(self._seen) >= until.fewest_steps and until.is_reached(self._seen)

    def state(self) -> Mapping[str, torch.Tensor]:
        """Return what a checkpoint must hold; nothing before the first update that counts."""
        import torch

        values = [(each.loss, each.accuracy) for each in self._seen]
        return {STATE: torch.tensor(values, dtype=torch.float64)} if values else {}

    def resume(self, state: Mapping[str, torch.Tensor]) -> None:
        """Go on from what `state` gave."""
        self._seen = [Seen(loss=loss, accuracy=accuracy) for loss, accuracy in state[STATE].tolist()]
