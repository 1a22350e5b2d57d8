"""How sure one model's score is: an interval over the rows that it was measured on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy

from headstart import metrics
from headstart.stats.example_scores import ScoreParts, parts_of, parts_of_models
from headstart.stats.intervals import Interval, check_confidence, interval_of_draws
from headstart.stats.limits import Values

NUM_RESAMPLES = 1_000
_NUM_AT_ONCE = 100


def score_interval(
    metric: str,
    labels: Values,
    decisions: Values,
    *,
    confidence: float = 0.95,
    num_resamples: int = NUM_RESAMPLES,
    seed: int = 0,
) -> Interval | None:
    """Return an interval for the score of one model on rows like these; None with fewer than two rows.

    It covers the choice of rows, and not that another seed would have trained another model. Accuracy has Wilson's
    interval, which is right for few rows and for scores near 1; all others have the percentile bootstrap over rows.

    Args:
        metric: a name of `headstart.metrics.KNOWN` that is not one of groups.
        labels: right classes or numbers [n], or 0 and 1 for each class [n, c].
        decisions: what was answered, of the same shape.
        confidence: 0 to 1.
        num_resamples: of the rows, by the bootstrap.
        seed: of the bootstrap.

    Raises:
        ValueError: if `confidence` is out of its range, or the metric is one of groups.

    Source: Wilson (1927), "Probable Inference, the Law of Succession, and Statistical Inference", JASA 22; Efron and
        Tibshirani (1993), "An Introduction to the Bootstrap", chapter 13.
    """
    from scipy import stats

    check_confidence(confidence)
    if metric in metrics.BY_GROUP:
        raise ValueError(f"{metric} is a metric of groups: rows cannot be drawn one by one")
    if len(labels) < 2:
        return None
    if metric == "accuracy":
        right = (labels == decisions).reshape(len(labels), -1).all(axis=1)
        found = stats.binomtest(int(right.sum()), len(right)).proportion_ci(confidence, method="wilson")
        return Interval(low=float(found.low), high=float(found.high), confidence=confidence)
    return interval_of_draws(_draws(metric, labels, decisions, num_resamples, seed), confidence)


def interval_of_models(
    metric: str,
    labels: Values,
    decisions: Values,
    *,
    confidence: float = 0.95,
    num_resamples: int = NUM_RESAMPLES,
    seed: int = 0,
) -> Interval | None:
    """Return an interval for the mean score of s models that answered the same rows, by the bootstrap over rows.

    Each draw has the same rows for all models, and so it covers the choice of rows alone. None with fewer than two
    rows, and for metrics that are no functions of means over rows.

    Args:
        metric: a name of `headstart.metrics.KNOWN`.
        labels: right classes or numbers [n], or 0 and 1 for each class [n, c].
        decisions: [s, n] or [s, n, c].
        confidence: 0 to 1.
        num_resamples: of the rows.
        seed: of the bootstrap.
    """
    parts = parts_of_models(metric, labels, decisions)
    if parts is None or len(labels) < 2:
        return None
    draws = [_draws_of_parts(ScoreParts(each, parts.score), num_resamples, seed) for each in parts.by_row]
    return interval_of_draws(numpy.mean(draws, axis=0), confidence)


def interval_of_rows(metric: str, labels: metrics.Values, decisions: metrics.Values) -> Interval | None:
    """Return the interval of a score, as `score_interval` does; None for metrics of groups, which have none."""
    if metric in metrics.BY_GROUP:
        return None
    return score_interval(metric, labels.astype(numpy.float64), decisions.astype(numpy.float64))


def intervals_of_rows(names: Sequence[str], labels: metrics.Values, decisions: metrics.Values) -> dict[str, Interval]:
    """Return the intervals of several metrics' scores by their names, as far as there are any."""
    found = {name: interval_of_rows(name, labels, decisions) for name in names}
    return {name: interval for name, interval in found.items() if interval is not None}


def _draws(metric: str, labels: Values, decisions: Values, num_resamples: int, seed: int) -> Values:
    """Return the scores of resampled rows [num_resamples]."""
    num_rows = len(labels)
    parts = parts_of(metric, labels, decisions)
    if parts is None:
        generator = numpy.random.default_rng(seed)
        rows = (generator.integers(num_rows, size=num_rows) for _ in range(num_resamples))
        return numpy.array([metrics.compute((metric,), labels[row], decisions[row])[metric] for row in rows])
    return _draws_of_parts(parts, num_resamples, seed)


def _draws_of_parts(parts: ScoreParts, num_resamples: int, seed: int) -> Values:
    """Return the scores of resampled rows [num_resamples]; the same rows at the same seed."""
    generator = numpy.random.default_rng(seed)
    num_rows = len(parts.by_row)
    shares = numpy.full(num_rows, 1 / num_rows)
    sizes = [min(_NUM_AT_ONCE, num_resamples - done) for done in range(0, num_resamples, _NUM_AT_ONCE)]
    draws = [parts.score(generator.multinomial(num_rows, shares, size) @ parts.by_row / num_rows) for size in sizes]
    return numpy.concatenate(draws)
