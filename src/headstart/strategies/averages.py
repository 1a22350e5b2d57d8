"""Averages of weights: the mean of several, and the greedy soup of fine-tuned models."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from headstart.models.classifier import Classifier
from headstart.models.parameters import Tensors
from headstart.strategies.site import FinishedStage

Scorer = Callable[[], float]
"""Returns the main metric of the model as it stands, on the rows that the soup is chosen on."""


def mean_of(tensors: Sequence[Tensors]) -> Tensors:
    """Return the mean of several sets of tensors, name by name, computed in fp64."""
    return {
        name: torch.stack([each[name].double() for each in tensors]).mean(dim=0).to(first.dtype)
        for name, first in tensors[0].items()
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """A head and its backbone."""

    head: Tensors
    backbone: Tensors

    @classmethod
    def of(cls, stage: FinishedStage) -> Weights:
        """Read what a stage ended with.

        Raises:
            ValueError: if it did not train the backbone.
        """
        backbone = stage.backbone()
        if backbone is None:
            raise ValueError(f"stage {stage.stage.name!r} has no backbone of its own")
        return cls(head=stage.head(), backbone=backbone)

    @classmethod
    def mean(cls, several: Sequence[Weights]) -> Weights:
        """Return the mean of several, name by name."""
        return cls(head=mean_of([each.head for each in several]), backbone=mean_of([each.backbone for each in several]))

    def put_on(self, classifier: Classifier) -> None:
        """Make these the model's weights."""
        classifier.load_head(self.head)
        classifier.load_backbone(self.backbone)


def greedy_soup(classifier: Classifier, ingredients: Sequence[FinishedStage], score: Scorer) -> list[str]:
    """Average fine-tuned models greedily, leave the soup on the model, and return the names of what is in it.

    The best ingredient comes first; each further one, in the order of its own score, stays in when the average is not
    worse with it than without. A higher score is better.

    Source: Wortsman et al. (ICML 2022), section 2, recipe 1.
    """

    def scored(weights: Weights) -> float:
        weights.put_on(classifier)
        return score()

    alone = [(scored(Weights.of(stage)), stage) for stage in ingredients]
    ranked = sorted(alone, key=lambda pair: -pair[0])
    best, chosen = ranked[0][0], [ranked[0][1]]
    for _, stage in ranked[1:]:
        with_it = scored(Weights.mean([Weights.of(each) for each in (*chosen, stage)]))
        if with_it >= best:
            best, chosen = with_it, [*chosen, stage]
    Weights.mean([Weights.of(each) for each in chosen]).put_on(classifier)
    return [each.stage.name for each in chosen]
