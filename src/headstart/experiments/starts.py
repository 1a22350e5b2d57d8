"""What a stage starts from: put onto a freshly loaded model exactly the tensors that the plan names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from headstart.experiments.stored_stage import EarlierStage, Tensors
from headstart.models.classifier import Classifier
from headstart.models.heads import draw
from headstart.models.layers import Layers
from headstart.models.parameters import digests
from headstart.seeding import derive_seed
from headstart.strategies.strategy import HeadOrigin, Stage, Start
from headstart.training.invariants import Digests, require_unchanged


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """Digests that a stage's model must have before the first update; `head` is None for a fresh one."""

    backbone: Digests
    head: Digests | None


def place_start(
    classifier: Classifier, stage: Stage, earlier: Sequence[EarlierStage], pretrained: Digests, seed: int
) -> Placed:
    """Put a stage's start onto a model and return what it must be.

    Args:
        classifier: freshly loaded, with the pretrained backbone and this seed's fresh head.
        stage: says where backbone and head come from.
        earlier: the finished stages of the run, in order.
        pretrained: digests of the pretrained backbone.
        seed: the run's; redrawn layers come from its stream `layer_init`.

    Raises:
        InvariantError: if redrawing layers touched anything else.
    """
    head = _place_head(classifier, stage.head_from, earlier)
    backbone = pretrained
    if earlier and stage.start in (Start.PREVIOUS, Start.MERGED):
        tensors = earlier[-1].backbone()
        if tensors is not None:
            classifier.load_backbone(tensors)
            backbone = earlier[-1].stored.backbone
    if stage.num_redrawn_layers:
        backbone = _redraw_layers(classifier, stage.num_redrawn_layers, backbone, seed)
    return Placed(backbone=backbone, head=head)


def _place_head(classifier: Classifier, origin: HeadOrigin, earlier: Sequence[EarlierStage]) -> Digests | None:
    if origin is HeadOrigin.MEAN:
        mean = mean_of([stage.head() for stage in earlier])
        classifier.load_head(mean)
        return digests(mean)
    if origin in (HeadOrigin.PREVIOUS, HeadOrigin.FIRST):
        source = earlier[-1 if origin is HeadOrigin.PREVIOUS else 0]
        classifier.load_head(source.head())
        return source.stored.head
    return None


def _redraw_layers(classifier: Classifier, count: int, backbone: Digests, seed: int) -> Digests:
    """Draw the highest layers, and what stands above them, as the architecture initialises them."""
    layers = Layers.of(classifier.backbone_tensors())
    redrawn = layers.top(count) | layers.above
    draw(classifier.model, sorted(redrawn), derive_seed(seed, "layer_init"))
    found = digests(classifier.backbone_tensors())
    require_unchanged("a tensor outside of the redrawn layers", backbone, found, redrawn)
    return found


def mean_of(tensors: Sequence[Tensors]) -> Tensors:
    """Return the mean of several sets of tensors, name by name, computed in fp64."""
    return {
        name: torch.stack([each[name].double() for each in tensors]).mean(dim=0).to(first.dtype)
        for name, first in tensors[0].items()
    }
