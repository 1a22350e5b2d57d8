"""How sure one model's score is: an interval over the rows that it was measured on."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy
from numpy.typing import ArrayLike

from headstart import metrics
from headstart.stats.example_scores import ScoreParts, parts_of, parts_of_models
from headstart.stats.intervals import Interval, check_confidence, interval_of_draws
from headstart.stats.limits import Values
from headstart.stats.rounding import are_equal
from headstart.stats.row_units import RowUnits

NUM_RESAMPLES = 1_000
_NUM_AT_ONCE = 100


def score_interval(
    metric: str,
    labels: Values,
    decisions: Values,
    *,
    units: ArrayLike | None = None,
    confidence: float = 0.95,
    num_resamples: int = NUM_RESAMPLES,
    seed: int = 0,
) -> Interval | None:
    """Return an interval for the score of one model on rows like these; None where they do not tell how it would move.

    That is with fewer than two units, and where (nearly) all resampled units have one score, such as a perfect F1.

    It covers the choice of rows, and not that another seed would have trained another model. Accuracy has Wilson's
    interval, which is right for few rows and for scores near 1; all others have the percentile bootstrap over rows.
    Where rows belong together, Wilson's interval is that of their effective number, and whole units are resampled.

    Args:
        metric: a name of `headstart.metrics.KNOWN` that is not one of groups.
        labels: right classes or numbers [n], or 0 and 1 for each class [n, c].
        decisions: what was answered, of the same shape.
        units: for each row the number of its unit [n], such as its group; None takes each row for itself.
        confidence: 0 to 1.
        num_resamples: of the units, by the bootstrap.
        seed: of the bootstrap.

    Raises:
        ValueError: if `confidence` is out of its range, or the metric is one of groups.

    Source: Wilson (1927), "Probable Inference, the Law of Succession, and Statistical Inference", JASA 22; Efron and
        Tibshirani (1993), "An Introduction to the Bootstrap", chapter 13; Dean and Pagano (2015), "Evaluating
        Confidence Interval Methods for Binomial Proportions in Clustered Surveys", JSSAM 3, for Wilson's interval of an
        effective number.
    """
    check_confidence(confidence)
    if metric in metrics.BY_GROUP:
        raise ValueError(f"{metric} is a metric of groups: rows cannot be drawn one by one")
    whole = RowUnits.of(units, len(labels))
    if len(whole) < 2:
        return None
    if metric == "accuracy":
        right = (labels == decisions).reshape(len(labels), -1).all(axis=1)
        return _wilson(float(right.mean()), whole.effective_number(right), confidence)
    interval = interval_of_draws(_draws(metric, labels, decisions, whole, num_resamples, seed), confidence)
    return None if are_equal((interval.low, interval.high)) else interval


def interval_of_models(
    metric: str,
    labels: Values,
    decisions: Values,
    *,
    units: ArrayLike | None = None,
    confidence: float = 0.95,
    num_resamples: int = NUM_RESAMPLES,
    seed: int = 0,
) -> Interval | None:
    """Return an interval for the mean score of s models that answered the same rows, by the bootstrap over rows.

    Each draw has the same units for all models, and so it covers the choice of rows alone. Models that say the same
    have the interval of one of them. None where `score_interval` has none, and for metrics that are no functions of
    means over rows.

    Args:
        metric: a name of `headstart.metrics.KNOWN`.
        labels: right classes or numbers [n], or 0 and 1 for each class [n, c].
        decisions: [s, n] or [s, n, c].
        units: as in `score_interval`.
        confidence: 0 to 1.
        num_resamples: of the units.
        seed: of the bootstrap.
    """
    parts = parts_of_models(metric, labels, decisions)
    whole = RowUnits.of(units, len(labels))
    if parts is None or len(whole) < 2:
        return None
    if (decisions == decisions[0]).all():
        return score_interval(
            metric, labels, decisions[0], units=units, confidence=confidence, num_resamples=num_resamples, seed=seed
        )
    draws = [_draws_of_parts(ScoreParts(each, parts.score), whole, num_resamples, seed) for each in parts.by_row]
    return interval_of_draws(numpy.mean(draws, axis=0), confidence)


def interval_of_rows(
    metric: str, labels: metrics.Values, decisions: metrics.Values, units: ArrayLike | None = None
) -> Interval | None:
    """Return the interval of a score, as `score_interval` does; None for metrics of groups, which have none."""
    if metric in metrics.BY_GROUP:
        return None
    return score_interval(metric, labels.astype(numpy.float64), decisions.astype(numpy.float64), units=units)


def intervals_of_rows(
    names: Sequence[str], labels: metrics.Values, decisions: metrics.Values, units: ArrayLike | None = None
) -> dict[str, Interval]:
    """Return the intervals of several metrics' scores by their names, as far as there are any."""
    found = {name: interval_of_rows(name, labels, decisions, units) for name in names}
    return {name: interval for name, interval in found.items() if interval is not None}


def _wilson(share: float, number: float, confidence: float) -> Interval:
    """Return Wilson's interval of a share of a number of answers, which need not be whole."""
    from scipy import special

    z = float(special.ndtri(0.5 + 0.5 * confidence))
    width = 2 * (number + z**2)
    center = (2 * number * share + z**2) / width
    delta = z / width * math.sqrt(4 * number * share * (1 - share) + z**2)
    return Interval(
        low=center - delta if share > 0 else 0.0, high=center + delta if share < 1 else 1.0, confidence=confidence
    )


def _draws(metric: str, labels: Values, decisions: Values, units: RowUnits, num_resamples: int, seed: int) -> Values:
    """Return the scores of resampled units [num_resamples]."""
    parts = parts_of(metric, labels, decisions)
    if parts is None:
        generator = numpy.random.default_rng(seed)
        rows = (units.drawn(generator) for _ in range(num_resamples))
        return numpy.array([metrics.compute((metric,), labels[row], decisions[row])[metric] for row in rows])
    return _draws_of_parts(parts, units, num_resamples, seed)


def _draws_of_parts(parts: ScoreParts, units: RowUnits, num_resamples: int, seed: int) -> Values:
    """Return the scores of resampled units [num_resamples]; the same units at the same seed."""
    generator = numpy.random.default_rng(seed)
    shares = numpy.full(len(units), 1 / len(units))
    sums = units.sums(parts.by_row)
    draws = []
    for done in range(0, num_resamples, _NUM_AT_ONCE):
        times = generator.multinomial(len(units), shares, min(_NUM_AT_ONCE, num_resamples - done))
        draws.append(parts.score(times @ sums / (times @ units.sizes)[:, None]))
    return numpy.concatenate(draws)
