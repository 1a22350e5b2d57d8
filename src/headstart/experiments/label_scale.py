"""The scale that numbers are learned in: from the training rows, and as the head can take it up."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from headstart.errors import UsageError
from headstart.kinds.kind import Kind, Label
from headstart.losses import RAW, Scale

if TYPE_CHECKING:
    from headstart.models.classifier import Classifier

FP32_STEP = 2.0**-23
"""Two neighbouring numbers in fp32 differ by up to this share of themselves."""
COARSEST_STEP = 0.05
"""The largest step between two neighbouring answers, in standard deviations of the labels."""
SMALLEST, LARGEST = 1e-30, 1e30
"""Standard deviations and labels that squares and products in fp32 still bear."""
LARGEST_OFFSET = 3.0
"""Of labels that a head without a bias learns, in their standard deviations: its features have to say it."""


def scale_of(kind: Kind, labels: Sequence[Label], weights: Sequence[float] | None = None) -> Scale:
    """Return the scale of training rows' labels, weighed where rows have weights; `RAW` where these have no units.

    Raises:
        UsageError: if numbers in fp32, in which models answer, do not tell the labels apart.
    """
    if not kind.has_units or not labels:
        return RAW
    import numpy as np

    numbers = kind.label_array(labels, 1)
    largest = float(abs(numbers).max())
    scale = kind.scale(numbers, None if weights is None else np.asarray(weights)) if largest <= LARGEST else RAW
    if largest > LARGEST or scale.size < SMALLEST:
        raise UsageError(
            f"the largest of the labels is {largest:g}"
            if largest > LARGEST
            else f"the labels differ by {scale.size:g}",
            allowed=f"  Numbers that a model can answer with lie between {SMALLEST:g} and {LARGEST:g}.",
            remedy="  Write the labels in a larger or smaller unit.",
        )
    if largest * FP32_STEP > COARSEST_STEP * scale.size:
        raise UsageError(
            f"the labels lie {scale.size:g} around {scale.offset:.10g}: so close together beside their size that the "
            "32-bit numbers which a model answers with do not tell them apart",
            remedy=f"  Subtract {scale.offset:.10g} from the labels, and add it to the answers.",
        )
    return scale


def scale_for(scale: Scale, classifier: Classifier, *, is_private: bool) -> Scale:
    """Return the scale of the labels as a classifier's head can take it up.

    A head without a bias keeps 0 where it is. Private rows give no scale: their mean and spread would leave them
    beside the budget.

    Raises:
        UsageError: if the head cannot take it up.
    """
    from headstart.models.output_units import last_map

    if scale == RAW or is_private:
        return RAW
    last = last_map(classifier)
    if last is None:
        raise UsageError(
            "the head does not end in a linear map, which could take up the mean and the spread of the labels",
            remedy="  Use the `head` linear.",
        )
    if last.bias is not None:
        return scale
    if abs(scale.offset) > LARGEST_OFFSET * scale.size:
        raise UsageError(
            f"the labels have a mean of {scale.offset:.6g} and a standard deviation of {scale.size:.6g}, and the head "
            "has no bias that could take up such a mean",
            allowed=f"  Without a bias the mean is at most {math.floor(LARGEST_OFFSET)} standard deviations from 0.",
            remedy=f"  Use the `head` linear; or subtract {scale.offset:.6g} from the labels.",
        )
    return scale.without_offset
