"""Where a stage's head comes from: values that put it onto a model, after the backbone is there.

A new origin is a class here and a member of `AnyHead`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal, final

if TYPE_CHECKING:
    from headstart.models.parameters import Digests
    from headstart.strategies.site import Site


class HeadOrigin(ABC):
    """A head to start from."""

    __slots__ = ()

    num_passes: ClassVar[int] = 0
    """How often all training rows go through the backbone to make it."""

    @abstractmethod
    def place(self, site: Site) -> Digests | None:
        """Put the head onto the model; return the digests that it must have, None where they are not known."""


@final
@dataclass(frozen=True, slots=True)
class FreshHead(HeadOrigin):
    """The head that this seed draws."""

    name: Literal["fresh"] = "fresh"

    def place(self, site: Site) -> Digests | None:
        """Leave the head as it was loaded."""
        return None


@final
@dataclass(frozen=True, slots=True)
class PreviousHead(HeadOrigin):
    """The head that the previous stage ended with.

    Attributes:
        calibrated: whether one scale and the head's biases are refitted on the stage's own backbone.
    """

    calibrated: bool = False
    name: Literal["previous"] = "previous"

    def place(self, site: Site) -> Digests | None:
        """Put the previous head onto the model, and calibrate it where that is wanted."""
        from headstart.models.parameters import digests

        previous = site.earlier[-1]
        site.classifier.load_head(previous.head())
        if not self.calibrated:
            return previous.head_digests
        site.note("head_calibration", site.calibrate())
        return digests(site.classifier.head_tensors())


@final
@dataclass(frozen=True, slots=True)
class ScaledHead(HeadOrigin):
    """The head that the previous stage ended with, times a number.

    Its norm decides how far fine-tuning moves the features (Tomihari and Sato, NeurIPS 2024, section 4).

    Attributes:
        factor: above 0.
    """

    factor: float
    name: Literal["scaled"] = "scaled"

    def place(self, site: Site) -> Digests | None:
        """Put the scaled head onto the model."""
        from headstart.models.parameters import digests

        scaled = {name: self.factor * tensor for name, tensor in site.earlier[-1].head().items()}
        site.classifier.load_head(scaled)
        return digests(scaled)


@final
@dataclass(frozen=True, slots=True)
class FirstHead(HeadOrigin):
    """The head that the plan's first stage ended with."""

    name: Literal["first"] = "first"

    def place(self, site: Site) -> Digests | None:
        """Put the first stage's head onto the model."""
        site.classifier.load_head(site.earlier[0].head())
        return site.earlier[0].head_digests


@final
@dataclass(frozen=True, slots=True)
class MeanHead(HeadOrigin):
    """The mean of the heads that all earlier stages ended with."""

    name: Literal["mean"] = "mean"

    def place(self, site: Site) -> Digests | None:
        """Put the mean onto the model."""
        from headstart.models.parameters import digests
        from headstart.strategies.averages import mean_of

        mean = mean_of([stage.head() for stage in site.earlier])
        site.classifier.load_head(mean)
        return digests(mean)


@final
@dataclass(frozen=True, slots=True)
class HeadOfStart(HeadOrigin):
    """The head that the stage's start brought with its backbone."""

    name: Literal["of_start"] = "of_start"

    def place(self, site: Site) -> Digests | None:
        """Leave the head that the start put there."""
        return None


@final
@dataclass(frozen=True, slots=True)
class FittedHead(HeadOrigin):
    """A head fitted on the vectors that the stage's backbone gives of the training rows.

    Attributes:
        method: "logistic", "ridge", "lda" or "auto", as `headstart.fitted.names` has them.
    """

    method: str
    name: Literal["fitted"] = "fitted"

    num_passes: ClassVar[int] = 1

    def place(self, site: Site) -> Digests | None:
        """Fit the head, put it onto the model, and note what was chosen."""
        from headstart.models.parameters import digests

        found = site.fit(self.method)
        site.classifier.load_head(found.tensors)
        site.note("fitted_head", found.found)
        return digests(found.tensors)


AnyHead = FreshHead | PreviousHead | FirstHead | MeanHead | HeadOfStart | FittedHead | ScaledHead
