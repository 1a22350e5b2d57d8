"""What a stage's start and head may use to put themselves onto a model."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from headstart.models.classifier import Classifier
    from headstart.models.parameters import Digests, Tensors
    from headstart.strategies.strategy import Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishedStage:
    """A finished stage of the same run, as a later stage sees it.

    Attributes:
        stage: how it was planned.
        num_steps: updates that it took; fewer than planned where it ended early.
        head_digests: digests of the head that it ended with; `head` loads it.
        backbone_digests: digests of the backbone that it ended with; `backbone` loads it and gives None where it is the
            pretrained one.
        batch_parts: in how many parts its batches had to be computed.
    """

    stage: Stage
    num_steps: int
    head_digests: Digests
    backbone_digests: Digests
    head: Callable[[], Tensors]
    backbone: Callable[[], Tensors | None]
    batch_parts: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedTensors:
    """A fitted head as tensors, and how it was found: method, strength, scale, loss."""

    tensors: Tensors
    found: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A freshly loaded model, and what may be put onto it.

    Attributes:
        classifier: with the pretrained backbone and this seed's fresh head.
        pretrained: digests of that backbone.
        earlier: the finished stages of the run, in order.
        seed: the run's.
        score: gives the main metric of the model as it stands, on the rows that the run chooses on.
        calibrate: refits the head's scale and biases on the training rows and returns what it found.
        fit: gives a head that a method fits to the training rows, from the backbone as it stands.
        note: keeps values in the stage's folder, under a name.
    """

    classifier: Classifier
    pretrained: Digests
    earlier: Sequence[FinishedStage]
    seed: int
    score: Callable[[], float]
    calibrate: Callable[[], Mapping[str, Any]]
    fit: Callable[[str], FittedTensors]
    note: Callable[[str, Mapping[str, Any]], None]
