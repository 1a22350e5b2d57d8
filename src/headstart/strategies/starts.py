"""Where a stage's backbone comes from: values that put it onto a model and say what earlier stages must store for it.

A new start is a class here and a member of `AnyStart`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal, final

from headstart.seeding import derive_seed

if TYPE_CHECKING:
    from headstart.models.parameters import Digests
    from headstart.strategies.site import Site
    from headstart.strategies.strategy import Stage


class Start(ABC):
    """A backbone to start from."""

    __slots__ = ()

    merges_adapter: ClassVar[bool] = False
    """Whether the stage before must have an adapter that can be merged into weights."""

    @property
    def num_layers(self) -> int:
        """How many layers the model must have at least."""
        return 0

    def share_of(self, stage: Stage, *, is_previous: bool) -> float | None:
        """Return with which share of its adapter's effect (from above 0 to 1) an earlier stage must store its backbone.

        None where this start does not need it.
        """
        return None

    @abstractmethod
    def place(self, site: Site) -> Digests:
        """Put the backbone onto the model and return the digests that it must have."""


@final
@dataclass(frozen=True, slots=True)
class Pretrained(Start):
    """The checkpoint's own weights, bit for bit."""

    name: Literal["pretrained"] = "pretrained"

    def place(self, site: Site) -> Digests:
        """Leave the model as it was loaded."""
        return site.pretrained


@final
@dataclass(frozen=True, slots=True)
class Previous(Start):
    """The backbone as the previous stage left it."""

    name: Literal["previous"] = "previous"

    def share_of(self, stage: Stage, *, is_previous: bool) -> float | None:
        """Return 1 for the stage right before."""
        return 1.0 if is_previous else None

    def place(self, site: Site) -> Digests:
        """Put the previous stage's backbone onto the model."""
        return _place_previous(site)


@final
@dataclass(frozen=True, slots=True)
class Merged(Start):
    """The pretrained weights plus a share of what the previous stage's adapter adds to them.

    Attributes:
        fraction: the share, from above 0 to 1.
    """

    fraction: float
    name: Literal["merged"] = "merged"

    merges_adapter: ClassVar[bool] = True

    def share_of(self, stage: Stage, *, is_previous: bool) -> float | None:
        """Return the fraction for the stage right before."""
        return self.fraction if is_previous else None

    def place(self, site: Site) -> Digests:
        """Put the previous stage's merged backbone onto the model."""
        return _place_previous(site)


@final
@dataclass(frozen=True, slots=True)
class Reinitialised(Start):
    """The pretrained weights with the highest layers, and what stands above them, as the architecture draws them.

    Attributes:
        layers: how many, at least 1; they come from the random stream `layer_init`.
    """

    layers: int
    name: Literal["reinitialised"] = "reinitialised"

    @property
    def num_layers(self) -> int:
        """The layers to draw."""
        return self.layers

    def place(self, site: Site) -> Digests:
        """Draw the layers; all other tensors must be the pretrained ones."""
        from headstart.models.heads import draw
        from headstart.models.layers import Layers
        from headstart.models.parameters import digests

        tensors = site.classifier.backbone_tensors()
        layers = Layers.of(tensors)
        drawn = layers.top(self.layers) | layers.above
        draw(site.classifier.model, sorted(drawn), derive_seed(site.seed, "layer_init"))
        return {**site.pretrained, **digests({name: tensors[name] for name in drawn})}


@final
@dataclass(frozen=True, slots=True)
class GreedySoup(Start):
    """The greedy average of all earlier stages that trained the backbone, head and backbone together.

    Source: Wortsman et al. (ICML 2022), section 2, recipe 1.
    """

    name: Literal["soup"] = "soup"

    def share_of(self, stage: Stage, *, is_previous: bool) -> float | None:
        """Return 1 for every ingredient."""
        return 1.0 if stage.trainable.trains_backbone else None

    def place(self, site: Site) -> Digests:
        """Choose the ingredients on the rows set aside, leave their average on the model and note what is in it."""
        from headstart.models.parameters import digests
        from headstart.strategies.averages import greedy_soup

        tuned = [each for each in site.earlier if each.stage.trainable.trains_backbone]
        site.note(self.name, {"ingredients": greedy_soup(site.classifier, tuned, site.score)})
        return digests(site.classifier.backbone_tensors())


AnyStart = Pretrained | Previous | Merged | Reinitialised | GreedySoup


def _place_previous(site: Site) -> Digests:
    previous = site.earlier[-1]
    backbone = previous.backbone()
    if backbone is None:
        return site.pretrained
    site.classifier.load_backbone(backbone)
    return previous.backbone_digests
