"""Whether probabilities mean what they say, and the one number that repairs most of it.

Letters: n examples, c classes, m bins.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy
from numpy.typing import ArrayLike, NDArray
from scipy import special

from headstart.dealing.folds import count_units, deal_folds, unit_numbers
from headstart.stats.limits import Values

NUM_BINS = 15
MOST_LOGITS = 1_000_000
"""Rows times classes that a temperature is fitted on."""
MIN_WRONG_ANSWERS = 2
"""To different units. With fewer no temperature can be cross-fitted: whoever judges the one wrong answer has seen right
ones only."""
_SMALLEST_TEMPERATURE, _LARGEST_TEMPERATURE = 1e-2, 1e2

Labels = NDArray[numpy.integer]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReliabilityBin:
    """The examples whose highest probability falls between `low` (excluded) and `high`.

    Attributes:
        mean_confidence: mean highest probability; None in an empty bin.
        accuracy: share of right answers; None in an empty bin.
    """

    low: float
    high: float
    num_examples: int
    mean_confidence: float | None
    accuracy: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """How well probabilities fit the right answers.

    Attributes:
        expected_error: ECE: mean distance of confidence and accuracy over the bins, 0 to 1. Biased upwards with few
            examples.
        brier: mean squared distance to the right answer, summed over classes: 0 to 2.
        log_loss: mean negative log probability of the right class, in nats.
        bins: the reliability curve.
    """

    expected_error: float
    brier: float
    log_loss: float
    bins: tuple[ReliabilityBin, ...]


def calibration(probabilities: Values, labels: Labels, *, num_bins: int = NUM_BINS) -> Calibration:
    """Return how well the probabilities are calibrated.

    Args:
        probabilities: of the classes [n, c], each row adding up to 1.
        labels: right classes [n].
        num_bins: of equal width.

    Raises:
        ValueError: if shapes or values do not fit.

    Source: Guo et al. (2017), "On Calibration of Modern Neural Networks", section 2; Brier (1950).
    """
    values, right = _checked(probabilities, labels)
    if num_bins < 1 or (values < 0.0).any() or not numpy.allclose(values.sum(axis=1), 1.0, atol=1e-3):
        raise ValueError("calibration needs probabilities that add up to 1 in each row, and at least one bin")
    bins = _bins(values.max(axis=1), values.argmax(axis=1) == right, num_bins)
    return Calibration(
        expected_error=sum(_gap(each) * each.num_examples for each in bins) / len(right),
        brier=float(((values - numpy.eye(values.shape[1])[right]) ** 2).sum(axis=1).mean()),
        log_loss=float(-numpy.log(numpy.maximum(values[numpy.arange(len(right)), right], 1e-300)).mean()),
        bins=bins,
    )


def softmax(logits: Values, temperature: float = 1.0) -> Values:
    """Return the class probabilities [n, c] of logits [n, c] divided by a temperature."""
    probabilities: Values = special.softmax(numpy.asarray(logits, dtype=numpy.float64) / temperature, axis=1)
    return probabilities


def fit_temperature(logits: Values, labels: Labels, units: ArrayLike | None = None) -> float:
    """Return the temperature of logits [n, c] that makes the right classes [n] most probable, from 0.01 to 100.

    It is at least the one that would be best if half a unit's answers in all were wrong, whichever; `units` [n] has the
    number of each row's unit, such as its text, and None takes each row for itself. Without this bound, rows
    that are all right, or wrong by a hair, ask for a temperature near zero, at which one wrong answer on other rows
    costs more than was won. Fit it on rows that nothing is reported on, or use `cross_fitted_probabilities`. Of more
    than `MOST_LOGITS` numbers evenly spaced rows are taken: one value needs no more, and thousands of classes are slow.

    Raises:
        ValueError: if shapes or values do not fit.

    Source: Guo et al. (2017), section 4.2; the bound follows Platt (1999), "Probabilistic Outputs for Support Vector
    Machines", whose targets are never quite 0 and 1.
    """
    values, right = _checked(logits, labels)
    step = math.ceil(values.size / MOST_LOGITS)
    values, right = values[::step], right[::step]
    wrong = 0.5 / (len(right) if units is None else count_units(numpy.asarray(units)[::step]))
    top = values.max(axis=1)
    others = numpy.sort(values, axis=1)[:, :-1]

    def loss(temperature: float) -> float:
        return _log_loss(values, right, temperature)

    def loss_if_half_an_answer_is_wrong(temperature: float) -> float:
        lead = top / temperature - special.logsumexp(others / temperature, axis=1)
        return float(((1.0 - wrong) * numpy.logaddexp(0.0, -lead) + wrong * numpy.logaddexp(0.0, lead)).mean())

    return max(_best_temperature(loss), _best_temperature(loss_if_half_an_answer_is_wrong))


def cross_fitted_probabilities(
    logits: Values, labels: Labels, *, units: ArrayLike | None = None, num_folds: int = 5, seed: int = 0
) -> Values | None:
    """Return probabilities [n, c] after temperature scaling, each row's temperature fitted on other units.

    None where fewer than two units have wrong answers: the rows then do not say how sure the model may be. Right and
    wrong rows are dealt evenly over the folds.

    Args:
        logits: [n, c].
        labels: right classes [n].
        units: for each row the number of its unit [n], such as its text; None takes each row for itself.
        num_folds: parts of the rows, at least two; there are as many units.
        seed: of the rows' order.

    Raises:
        ValueError: if shapes or values do not fit.
    """
    values, right = _checked(logits, labels)
    numbers = unit_numbers(units, len(right))
    num_units = count_units(numbers)
    if not 2 <= num_folds <= num_units:
        raise ValueError(f"between 2 and {num_units} folds are possible, got {num_folds}")
    is_right = values.argmax(axis=1) == right
    if count_units(numbers[~is_right]) < MIN_WRONG_ANSWERS:
        return None
    fold = deal_folds(numbers, num_folds, strata=is_right, generator=numpy.random.default_rng(seed))
    probabilities = numpy.empty_like(values)
    for number in range(num_folds):
        temperature = fit_temperature(values[fold != number], right[fold != number], numbers[fold != number])
        probabilities[fold == number] = softmax(values[fold == number], temperature)
    return probabilities


def _best_temperature(loss: Callable[[float], float]) -> float:
    """Return the temperature of the least loss, which falls and then rises along it."""
    from scipy import optimize

    bounds = (math.log(_SMALLEST_TEMPERATURE), math.log(_LARGEST_TEMPERATURE))
    found = optimize.minimize_scalar(
        lambda log_temperature: loss(math.exp(log_temperature)),
        bounds=bounds,
        method="bounded",
        options={"xatol": 1e-7},
    )
    return _SMALLEST_TEMPERATURE if loss(_SMALLEST_TEMPERATURE) <= found.fun else math.exp(found.x)


def _bins(confidences: Values, is_right: NDArray[numpy.bool_], num_bins: int) -> tuple[ReliabilityBin, ...]:
    edges = numpy.linspace(0.0, 1.0, num_bins + 1)
    numbers = numpy.clip(numpy.searchsorted(edges, confidences, side="left") - 1, 0, num_bins - 1)
    return tuple(
        ReliabilityBin(
            low=float(edges[number]),
            high=float(edges[number + 1]),
            num_examples=int((numbers == number).sum()),
            mean_confidence=_mean(confidences[numbers == number]),
            accuracy=_mean(is_right[numbers == number].astype(numpy.float64)),
        )
        for number in range(num_bins)
    )


def _mean(values: Values) -> float | None:
    return float(values.mean()) if values.size else None


def _gap(each: ReliabilityBin) -> float:
    if each.mean_confidence is None or each.accuracy is None:
        return 0.0
    return abs(each.mean_confidence - each.accuracy)


def _log_loss(logits: Values, labels: Labels, temperature: float) -> float:
    scaled = logits / temperature
    return float((special.logsumexp(scaled, axis=1) - scaled[numpy.arange(len(labels)), labels]).mean())


def _checked(values: Values, labels: Labels) -> tuple[Values, Labels]:
    table, right = numpy.asarray(values, dtype=numpy.float64), numpy.asarray(labels)
    if table.ndim != 2 or not table.size or right.shape != table.shape[:1]:
        raise ValueError(f"calibration needs rows of classes and a label each, got {table.shape} and {right.shape}")
    if not numpy.isfinite(table).all():
        raise ValueError("calibration needs finite values")
    if not numpy.issubdtype(right.dtype, numpy.integer) or right.min() < 0 or right.max() >= table.shape[1]:
        raise ValueError(f"labels are whole numbers from 0 to {table.shape[1] - 1}")
    return table, right
