"""Losses as values: how answers are weighed by how probable and how frequent they are.

`Kind.loss` computes them, over all classes together or for each by itself. Letters: n examples, c classes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, ClassVar, final

from headstart.hardware import sent
from headstart.registry import ABOVE_ZERO, Registry, Spec, build_from

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, slots=True, kw_only=True)
class CrossEntropy:
    """The negative log-probability of the right answer, in nats; also the base of all other losses.

    Attributes:
        needs_classes: it is not defined where answers are not classes.
        needs_frequencies: it takes the classes' shares of the training rows, of which each has one class.
        has_factor: each example's loss is multiplied by `factor`; label smoothing then has no defined effect.
    """

    name: ClassVar[str] = "cross_entropy"
    needs_classes: ClassVar[bool] = False
    needs_frequencies: ClassVar[bool] = False
    has_factor: ClassVar[bool] = False

    def adjusted(self, logits: torch.Tensor, frequencies: Sequence[float]) -> torch.Tensor:
        """Return the logits [n, c] that are compared with the labels."""
        return logits

    def factor(self, probability: torch.Tensor) -> torch.Tensor:
        """Return what a loss is multiplied by, from the probability of the right answer."""
        return probability.new_ones(())


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Focal(CrossEntropy):
    """Counts what is already right for less, times (1 - p)^gamma; `gamma` is above 0.

    Source: Lin et al. (ICCV 2017), equation 4.
    """

    gamma: Annotated[float, ABOVE_ZERO] = 2.0

    name: ClassVar[str] = "focal"
    needs_classes: ClassVar[bool] = True
    has_factor: ClassVar[bool] = True

    def factor(self, probability: torch.Tensor) -> torch.Tensor:
        """Return (1 - p)^gamma."""
        return (1 - probability) ** self.gamma


@dataclass(frozen=True, slots=True, kw_only=True)
class BalancedSoftmax(CrossEntropy):
    """Adds its log-frequency to each class's logit, so that rare classes are not lost.

    Source: Ren et al. (NeurIPS 2020), equation 4.
    """

    name: ClassVar[str] = "balanced_softmax"
    needs_classes: ClassVar[bool] = True
    needs_frequencies: ClassVar[bool] = True

    def adjusted(self, logits: torch.Tensor, frequencies: Sequence[float]) -> torch.Tensor:
        """Return the sum."""
        return logits + _beside(logits, frequencies).log()


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class LogitAdjusted(BalancedSoftmax):
    """Adds `tau` times the log-frequencies, above 0; at 1 it is the balanced softmax.

    Source: Menon et al. (ICLR 2021), equation 10.
    """

    tau: Annotated[float, ABOVE_ZERO] = 1.0

    name: ClassVar[str] = "logit_adjusted"

    def adjusted(self, logits: torch.Tensor, frequencies: Sequence[float]) -> torch.Tensor:
        """Return the sum."""
        return logits + self.tau * _beside(logits, frequencies).log()


LOSSES: Registry[type[CrossEntropy]] = Registry("loss")
"""All losses by name."""
for _loss in (CrossEntropy, Focal, BalancedSoftmax, LogitAdjusted):
    LOSSES.add(_loss.name, _loss)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """The units that numbers are learned in: `standard = (number - offset) / size`.

    Attributes:
        offset: the number that is 0 in standard units, such as the mean of the training rows.
        size: how much of the numbers' own unit a standard unit is, such as their standard deviation; above 0.
    """

    offset: float = 0.0
    size: float = 1.0

    @property
    def without_offset(self) -> Scale:
        """The scale that keeps 0 where it is: numbers of this offset and size have a root mean square of 1 in it."""
        return Scale(size=math.hypot(self.offset, self.size))

    @property
    def inverse(self) -> Scale:
        """The scale whose `raw` is the `standard` of this one."""
        return Scale(offset=-self.offset / self.size, size=1 / self.size)

    def standard(self, numbers: torch.Tensor) -> torch.Tensor:
        """Return numbers in standard units, in fp64: a small spread may stand on a large offset."""
        return (numbers.double() - self.offset) / self.size

    def standard_number(self, number: float) -> float:
        """Return one number in standard units."""
        return (number - self.offset) / self.size

    def raw(self, standard: torch.Tensor) -> torch.Tensor:
        """Return numbers in their own units, in fp64."""
        return standard.double() * self.size + self.offset


RAW = Scale()
"""Labels as they are: of classes, of choices, and of numbers that are learned in their own units."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LossConfig:
    """What is minimised, with the numbers that it takes from the training rows.

    Attributes:
        spec: name and options of one of `LOSSES`.
        label_smoothing: share of a target that is spread over all classes, 0 to 1.
        class_weights: one per class, of its examples, or where they have several labels of its right ones; empty where
            all are equal.
        frequencies: share of the training rows by class, where the loss needs it.
        scale: the units that numbers are learned in; `RAW` where labels are none.
    """

    spec: Spec = field(default_factory=lambda: Spec("cross_entropy"))
    label_smoothing: float = 0.0
    class_weights: tuple[float, ...] = ()
    frequencies: tuple[float, ...] = ()
    scale: Scale = RAW

    @property
    def loss(self) -> CrossEntropy:
        """The loss that `spec` names, with its options set.

        Raises:
            UsageError: if the name or an option is unknown, or a value is out of range.
        """
        return build_from("loss", LOSSES.get(self.spec.name), self.spec)

    def weights(self, logits: torch.Tensor) -> torch.Tensor | None:
        """Return the class weights [c] beside `logits`; None where all are equal."""
        return _beside(logits, self.class_weights) if self.class_weights else None


def _beside(logits: torch.Tensor, numbers: Sequence[float]) -> torch.Tensor:
    """Return numbers as a tensor of the logits' type, on their device."""
    import torch

    return sent(torch.tensor(numbers, dtype=logits.dtype), logits.device)


PLAIN = LossConfig()
"""Cross-entropy over classes or choices, the mean of c binary ones for multi-label, mean squared error for numbers."""
