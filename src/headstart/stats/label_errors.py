"""Labels that look wrong, from answers of models that were not trained on the rows that they answer.

Letters: n rows, c classes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy
from numpy.typing import NDArray
from scipy import special

from headstart.stats.limits import Values

Labels = NDArray[numpy.integer]
MOST_DEVIATIONS = 3.5
"""Robust standard deviations between a number and its answer above which the number looks wrong."""
_ROUNDING = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelErrors:
    """What answers say about the labels of n rows.

    Attributes:
        quality: [n], how well each label fits its row, 0 to 1: the lower, the more suspicious.
        is_suspect: [n], whether the label looks wrong.
        suggested: of the labels' shape: what the suspects' labels should be; of other rows the label itself.
    """

    quality: Values
    is_suspect: NDArray[numpy.bool_]
    suggested: Values | Labels

    @property
    def ranking(self) -> Labels:
        """All suspects, the most suspicious first; rows of equal quality stay in their order."""
        order = numpy.argsort(self.quality, kind="stable")
        return order[self.is_suspect[order]]


def wrong_classes(probabilities: Values, labels: Labels) -> LabelErrors:
    """Return which classes look wrong, by confident learning.

    How many are wrong is counted first. A row counts as class j where its probability of j reaches the mean that rows
    labelled j have: a threshold of each class's own, so that a class of which the model is never sure is not called
    wrong as a whole. Of several such classes the row counts as the most probable one. Its label is counted as wrong
    where that is another class, unless the label is the most probable class of all. Then as many rows are suspects,
    those with the least probable labels; the most probable class is suggested. The quality is the label's probability.

    Args:
        probabilities: of the classes [n, c], out of fold.
        labels: classes [n] as the table has them.

    Raises:
        ValueError: if shapes or values do not fit.

    Source: Northcutt, Jiang and Chuang (2021), "Confident Learning: Estimating Uncertainty in Dataset Labels", JAIR
        70, equations 1 and 2. The paper prunes the rows that were counted, or ranks by the normalised margin: with many
        classes both are worse, since a class that is like another loses rows to it, and a row of several such classes
        has no large margin, while a wrong label is improbable all the same.
    """
    values, given = _checked(probabilities, labels)
    num_rows = numpy.bincount(given, minlength=values.shape[1])
    own = values[numpy.arange(len(given)), given]
    # A class that no row has as its label has no threshold, and no row counts as it.
    thresholds = numpy.where(num_rows > 0, numpy.bincount(given, own, len(num_rows)) / numpy.maximum(num_rows, 1), 2.0)
    reached = numpy.where(values >= thresholds - _ROUNDING, values, -1.0)
    most_probable, is_counted = values.argmax(axis=1), reached.max(axis=1) >= 0.0
    is_answered_otherwise = most_probable != given
    num_wrong = int((is_counted & (reached.argmax(axis=1) != given) & is_answered_otherwise).sum())
    candidates = numpy.flatnonzero(is_answered_otherwise)
    is_suspect = numpy.zeros(len(given), dtype=bool)
    is_suspect[candidates[numpy.argsort(own[candidates], kind="stable")[:num_wrong]]] = True
    return LabelErrors(quality=own, is_suspect=is_suspect, suggested=numpy.where(is_suspect, most_probable, given))


def wrong_sets(probabilities: Values, labels: Labels) -> LabelErrors:
    """Return which sets of classes look wrong: in each class whether a row has it is judged by `wrong_classes`.

    A row is a suspect where it is one in some class; its quality is that of its least fitting class.

    Args:
        probabilities: of having each class [n, c], out of fold.
        labels: 0 or 1 for each class [n, c].

    Raises:
        ValueError: if shapes or values do not fit.
    """
    values, given = numpy.asarray(probabilities, dtype=numpy.float64), numpy.asarray(labels)
    if values.ndim != 2 or values.shape != given.shape:
        raise ValueError(f"a probability is needed for each label, got {values.shape} and {given.shape}")
    found = [
        wrong_classes(numpy.column_stack([1.0 - has, has]), of_class)
        for has, of_class in zip(values.T, given.T, strict=True)
    ]
    return LabelErrors(
        quality=numpy.min([each.quality for each in found], axis=0),
        is_suspect=numpy.any([each.is_suspect for each in found], axis=0),
        suggested=numpy.column_stack([each.suggested for each in found]).astype(given.dtype),
    )


def wrong_numbers(answers: Values, labels: Values) -> LabelErrors:
    """Return which numbers lie further from their answers than the other rows make likely.

    A row is a suspect where its distance from the median error is above 3.5 robust standard deviations (1.4826 times
    the median distance). The quality is the share of a normal distribution that lies further out.

    Args:
        answers: [n], out of fold.
        labels: [n].

    Raises:
        ValueError: if shapes do not fit, or a value is not finite.

    Source: Iglewicz and Hoaglin (1993), "How to Detect and Handle Outliers", section 3.
    """
    values, given = numpy.asarray(answers, dtype=numpy.float64), numpy.asarray(labels, dtype=numpy.float64)
    if values.ndim != 1 or not values.size or values.shape != given.shape:
        raise ValueError(f"a number is needed for each answer, got {values.shape} and {given.shape}")
    if not (numpy.isfinite(values).all() and numpy.isfinite(given).all()):
        raise ValueError("numbers and answers must be finite")
    errors = given - values
    distances = numpy.abs(errors - numpy.median(errors))
    deviation = 1.4826 * numpy.median(distances)
    # Where more than half of the rows are right to the last digit there is no scale: no other is called wrong.
    scaled = distances / deviation if deviation > 0.0 else numpy.zeros_like(distances)
    is_suspect = scaled > MOST_DEVIATIONS
    return LabelErrors(
        quality=special.erfc(scaled / math.sqrt(2.0)),
        is_suspect=is_suspect,
        suggested=numpy.where(is_suspect, values, given),
    )


def _checked(probabilities: Values, labels: Labels) -> tuple[Values, Labels]:
    values, given = numpy.asarray(probabilities, dtype=numpy.float64), numpy.asarray(labels)
    if values.ndim != 2 or values.shape[1] < 2 or not len(values) or given.shape != values.shape[:1]:
        raise ValueError(f"rows of two classes or more and a label each are needed, got {values.shape}, {given.shape}")
    if not ((values >= -_ROUNDING) & (values <= 1.0 + 1e-6)).all():
        raise ValueError("probabilities lie between 0 and 1")
    if not numpy.issubdtype(given.dtype, numpy.integer) or given.min() < 0 or given.max() >= values.shape[1]:
        raise ValueError(f"labels are whole numbers from 0 to {values.shape[1] - 1}")
    return values, given
