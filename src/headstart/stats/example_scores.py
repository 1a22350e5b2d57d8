"""Scores that are functions of means over examples, so that resampled examples cost one product of matrices.

They have the same values as those of `headstart.metrics`, degenerate cases included.

Letters: s seeds, e examples, c classes, k parts of a score.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy

from headstart.stats.limits import Values

ScoreOfMeans = Callable[[Values], Values]
"""From means over examples [..., k] to scores [...]."""
_ROUNDING = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True)
class ExampleScore:
    """How a score is made of its examples.

    Attributes:
        parts: what each example adds, from labels [e] and answers [s, e] to [s, e, k].
        score: from the means of these parts to the score.
    """

    parts: Callable[[Values, Values], Values]
    score: ScoreOfMeans


def the_mean(means: Values) -> Values:
    """Return the only part as the score: that of accuracy."""
    score: Values = means[..., 0]
    return score


def _right(labels: Values, answers: Values) -> Values:
    right: Values = (answers == labels)[..., None].astype(numpy.float64)
    return right


def _hits_of_class_1(labels: Values, answers: Values) -> Values:
    """Return hits, answers and labels of class 1."""
    is_label, is_answer = numpy.broadcast_to(labels == 1, answers.shape), answers == 1
    return numpy.stack([is_label & is_answer, is_answer, is_label], axis=-1).astype(numpy.float64)


def _f1(means: Values) -> Values:
    return _ratio(2.0 * means[..., 0], means[..., 1] + means[..., 2])


def _hits_by_class(labels: Values, answers: Values) -> Values:
    """Return hits, answers and labels of every class that is there or answered, [s, e, 3 c]."""
    classes = numpy.union1d(labels, answers)
    is_label = numpy.broadcast_to(labels[None, :, None] == classes, (*answers.shape, len(classes)))
    is_answer = answers[..., None] == classes
    return numpy.concatenate([is_label & is_answer, is_answer, is_label], axis=-1).astype(numpy.float64)


def _macro_f1(means: Values) -> Values:
    hits, answered, there = numpy.split(means, 3, axis=-1)
    by_class = _ratio(2.0 * hits, answered + there)
    return _ratio(by_class.sum(axis=-1), (answered + there > 0.0).sum(axis=-1).astype(numpy.float64))


def _hits_of_all_classes(labels: Values, answers: Values) -> Values:
    """Return hits, answers and labels of an example's classes together, from 0 and 1 for each class."""
    return numpy.stack([part.sum(axis=-1) for part in _hits(labels, answers)], axis=-1).astype(numpy.float64)


def _hits_of_each_class(labels: Values, answers: Values) -> Values:
    """Return hits, answers and labels of each class, [s, e, 3 c], from 0 and 1 for each class."""
    return numpy.concatenate(_hits(labels, answers), axis=-1).astype(numpy.float64)


def _hits(labels: Values, answers: Values) -> tuple[Values, Values, Values]:
    return labels * answers, answers, numpy.broadcast_to(labels, answers.shape)


def _mean_f1(means: Values) -> Values:
    hits, answered, there = numpy.split(means, 3, axis=-1)
    mean: Values = _ratio(2.0 * hits, answered + there).mean(axis=-1)
    return mean


def _matthews(means: Values) -> Values:
    hits, answered, there = numpy.split(means, 3, axis=-1)
    covariance = hits.sum(axis=-1) - (answered * there).sum(axis=-1)
    spreads = (1.0 - (answered**2).sum(axis=-1)) * (1.0 - (there**2).sum(axis=-1))
    return _ratio(covariance, numpy.sqrt(numpy.where(spreads > _ROUNDING, spreads, 0.0)))


def _moments(labels: Values, answers: Values) -> Values:
    """Return first and second moments of labels and answers, around the labels' mean, so that little is cancelled."""
    x = numpy.broadcast_to(labels - labels.mean(), answers.shape)
    y = answers - labels.mean()
    return numpy.stack([x, y, x * x, y * y, x * y], axis=-1)


def _pearson(means: Values) -> Values:
    x, y, xx, yy, xy = numpy.moveaxis(means, -1, 0)
    x_spread, y_spread = xx - x * x, yy - y * y
    is_spread = (x_spread > _ROUNDING * xx) & (y_spread > _ROUNDING * yy)
    return _ratio(xy - x * y, numpy.sqrt(numpy.where(is_spread, x_spread * y_spread, 0.0)))


def _ratio(above: Values, below: Values) -> Values:
    """Divide; 0 where the divisor is not above 0."""
    ratio: Values = numpy.divide(above, below, out=numpy.zeros_like(above), where=below > 0.0)
    return ratio


_ACCURACY = ExampleScore(parts=_right, score=the_mean)
_F1 = ExampleScore(parts=_hits_of_class_1, score=_f1)
EXAMPLE_SCORES: Mapping[str, ExampleScore] = {
    "accuracy": _ACCURACY,
    "micro_f1": _ACCURACY,  # the same where an example has one class
    "f1": _F1,
    "f1a": _F1,
    "macro_f1": ExampleScore(parts=_hits_by_class, score=_macro_f1),
    "matthews": ExampleScore(parts=_hits_by_class, score=_matthews),
    "pearson": ExampleScore(parts=_moments, score=_pearson),
}
"""By the metric's name. Rank correlations and metrics of groups are not functions of means over examples."""
MULTI_LABEL_SCORES: Mapping[str, ExampleScore] = {
    "micro_f1": ExampleScore(parts=_hits_of_all_classes, score=_f1),
    "macro_f1": ExampleScore(parts=_hits_of_each_class, score=_mean_f1),
}
"""The same where an example has any number of classes: labels are 0 and 1 for each [e, c], answers [s, e, c]."""


@dataclass(frozen=True, slots=True)
class ScoreParts:
    """What each row adds to a score, [n, k] or with a model each [s, n, k], and the score of their means."""

    by_row: Values
    score: ScoreOfMeans


def parts_of(metric: str, labels: Values, decisions: Values) -> ScoreParts | None:
    """Return the parts of one model's score; None where the metric is no function of means over examples."""
    found = parts_of_models(metric, labels, decisions[None])
    return None if found is None else ScoreParts(found.by_row[0], found.score)


def parts_of_models(metric: str, labels: Values, decisions: Values) -> ScoreParts | None:
    """Return the parts [s, n, k] of the scores of s models that answered the same rows; None as for `parts_of`.

    Args:
        metric: its name.
        labels: [n], or 0 and 1 for each class [n, c].
        decisions: [s, n] or [s, n, c].
    """
    found = (EXAMPLE_SCORES if labels.ndim == 1 else MULTI_LABEL_SCORES).get(metric)
    return None if found is None else ScoreParts(found.parts(labels, decisions), found.score)
