"""The scale of a person's own numbers: the head of the copy learns them in standard units, and takes it up at the end.

Letters: b batch, k logits.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from headstart.errors import UsageError
from headstart.experiments.label_scale import scale_of
from headstart.inference.forward import evaluation_mode
from headstart.losses import RAW, Scale
from headstart.models.classifier import Classifier
from headstart.models.output_units import LastMap, last_map, to_standard_units
from headstart.pretraining.first_batch import batch_of
from headstart.pretraining.live_rows import LiveRows
from headstart.training.features import Collate

NUM_LOOKED_AT = 32
"""Rows, evenly spread, that tell whether a head answers in the labels' units already."""
LARGEST_OFFSET, SMALLEST_SIZE, LARGEST_SIZE = 3.0, 0.1, 10.0
"""Labels that are learned as they are: the mean in standard deviations, the root mean square."""
PROBE = Scale(offset=1.0, size=2.0)


@dataclass(frozen=True, slots=True)
class LiveScale:
    """The scale that a head learns in, and what takes it up; `RAW` and None for labels that stay as they are."""

    scale: Scale = RAW
    last: LastMap | None = None

    def take_up(self, head: Mapping[str, torch.Tensor]) -> None:
        """Let a trained head answer in the labels' units, in place."""
        if self.last is not None:
            self.last.change(head, self.scale)


def standardised(classifier: Classifier, rows: LiveRows, collate: Collate) -> LiveScale:
    """Let rows give their numbers in standard units from now on, and a head that answered in theirs answer so too.

    Labels stay as they are where they are no numbers, where only the first one is known (images and sounds), and where
    `collate` makes something else of them.

    Raises:
        UsageError: if the labels are far from standard units and the head cannot take up the scale, or if fp32 does
            not tell them apart.
    """
    if not classifier.kind.has_units or len(rows.labels) < len(rows):
        return LiveScale()
    numbers = [float(label) for label in rows.labels]
    scale = scale_of(classifier.kind, numbers)
    sample = range(0, len(rows), max(1, len(rows) // NUM_LOOKED_AT))
    batch = batch_of(rows, collate, classifier.model, sample)
    labels = torch.tensor([numbers[row] for row in sample], dtype=torch.float64)
    if not torch.allclose(batch["labels"].flatten().double().cpu(), labels, rtol=1e-5, atol=1e-6 * scale.size):
        return LiveScale()
    last = last_map(classifier)
    if last is None or not _makes_the_logits(classifier, last, batch):
        _require_near_standard(scale, "does not end in a linear map, which could take up their mean and spread")
        return LiveScale()
    if last.bias is None:
        if abs(scale.offset) > LARGEST_OFFSET * scale.size:
            raise _far(scale, "has no bias, which could take up their mean")
        scale = scale.without_offset
    error = float((_logits(classifier, batch).flatten().double() - labels).square().mean())
    if error < scale.size**2:
        to_standard_units(classifier, scale)  # It was trained on such labels before.
    rows.learn_in(scale)
    return LiveScale(scale, last)


def _makes_the_logits(classifier: Classifier, last: LastMap, batch: Mapping[str, Any]) -> bool:
    """Return whether a change of the map is seen in the logits as it should be: a head may end in anything."""
    scale = PROBE if last.bias is not None else PROBE.without_offset
    head = classifier.head_tensors()
    kept = {name: tensor.clone() for name, tensor in head.items()}
    expected = scale.raw(_logits(classifier, batch))
    last.change(head, scale)
    found = _logits(classifier, batch).double()
    classifier.load_head(kept)
    return torch.allclose(found, expected, rtol=1e-4, atol=1e-4 * (1 + float(expected.abs().max())))


def _logits(classifier: Classifier, batch: Mapping[str, Any]) -> torch.Tensor:
    with evaluation_mode(classifier.model), torch.no_grad():
        logits: torch.Tensor = classifier.model(**batch).logits
    return logits.float().cpu()


def _require_near_standard(scale: Scale, why: str) -> None:
    is_near = abs(scale.offset) <= LARGEST_OFFSET * scale.size
    if not (is_near and SMALLEST_SIZE <= math.hypot(scale.offset, scale.size) <= LARGEST_SIZE):
        raise _far(scale, why)


def _far(scale: Scale, why: str) -> UsageError:
    return UsageError(
        f"the labels have a mean of {scale.offset:.6g} and a standard deviation of {scale.size:.6g}, and the head "
        f"{why}",
        allowed="  Such a head learns numbers near 0, with a spread near 1.",
        remedy=f"  Train on (label - {scale.offset:.6g}) / {scale.size:.6g}, and turn answers back.",
    )
