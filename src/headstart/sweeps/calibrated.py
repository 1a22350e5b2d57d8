"""A model whose probabilities mean what they say: a temperature, fitted on held-out answers, taken up by its head.

Letters: n examples, c classes, m choices of the example that has the most.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from headstart.artifacts import temperature as words
from headstart.artifacts.temperature import Temperature
from headstart.dealing.folds import count_units, unit_numbers
from headstart.experiments.stored_answers import StoredAnswers
from headstart.kinds.kind import Kind
from headstart.losses import Scale
from headstart.models.classifier import Classifier
from headstart.models.output_units import last_map, to_raw_units
from headstart.stats.calibration import (
    MIN_WRONG_ANSWERS,
    calibration,
    cross_fitted_probabilities,
    fit_temperature,
    softmax,
)

MOST_LOGITS = 200_000
"""Rows times classes that a temperature is fitted and tried on: of more, evenly spaced rows are taken."""
_LEAST = 1e-45
"""The least probability above 0 in fp32."""
_LEAST_OF_TWO = 2.0**-25
"""Half of what stands between 1 and the largest fp32 below it: a sigmoid nearer to 0 or 1 is written as this far."""


def calibrate(
    classifier: Classifier, held_out: StoredAnswers | None, *, is_private: bool = False
) -> Temperature | None:
    """Divide a classifier's logits by the temperature of its held-out answers, in place, and return what was fitted.

    None for answers that are no probabilities. Decisions stay what they are.

    Args:
        classifier: whose head takes the temperature up.
        held_out: answers of this training to rows that it did not learn from; None where there are none.
        is_private: whether what is published of the training is accounted for.
    """
    kind = classifier.kind
    if kind.has_units:
        return None
    if is_private:
        return Temperature(value=None, reason=words.PRIVATE)
    if last_map(classifier) is None:
        return Temperature(value=None, reason=words.NOT_LINEAR)
    found = temperature_of(kind, held_out)
    if found.value is not None:
        to_raw_units(classifier, Scale(offset=0.0, size=1 / found.value))
    return found


def temperature_of(kind: Kind, held_out: StoredAnswers | None) -> Temperature:
    """Return the temperature that held-out answers ask for, or why none is fitted.

    It is fitted where answers to at least two units are wrong, and where fitting it on four fifths of the units lowers
    the log loss of the fifth, so that few rows do no harm.
    """
    if held_out is None or held_out.probabilities is None or not len(held_out):
        return Temperature(value=None, reason=words.NO_ROWS)
    logits, labels = _logits(kind, held_out.probabilities, np.asarray(held_out.labels, dtype=np.int64))
    units = _units(held_out, len(logits) // len(held_out))
    is_wrong = logits.argmax(axis=1) != labels
    num_wrong = int(is_wrong.sum())
    found = Temperature(value=None, num_rows=len(held_out), num_wrong=num_wrong, num_units=_num_units(held_out))
    if count_units(units[is_wrong]) < MIN_WRONG_ANSWERS <= num_wrong:
        return replace(found, reason=words.ONE_WRONG_UNIT)
    step = math.ceil(logits.size / MOST_LOGITS)
    logits, labels, units, scaled = logits[::step], labels[::step], units[::step], None
    if count_units(units) < MIN_WRONG_ANSWERS <= num_wrong:
        return replace(found, reason=words.ONE_WRONG_UNIT)
    if num_wrong >= MIN_WRONG_ANSWERS:
        scaled = cross_fitted_probabilities(logits, labels, units=units, num_folds=min(5, count_units(units)))
    if scaled is None:
        return replace(found, reason=words.NO_WRONG_ANSWERS)
    if calibration(scaled, labels).log_loss >= calibration(softmax(logits), labels).log_loss:
        return replace(found, reason=words.NO_GAIN)
    return replace(found, value=fit_temperature(logits, labels, units))


def _num_units(held_out: StoredAnswers) -> int | None:
    """Return how many units rows are of; None where each is one."""
    number = count_units(unit_numbers(held_out.units, len(held_out)))
    return number if number < len(held_out) else None


def _units(held_out: StoredAnswers, answers_per_row: int) -> NDArray[np.int64]:
    """Return the unit of each answer; of several answers in a row each is one of its own."""
    units = unit_numbers(held_out.units, len(held_out))
    return np.asarray(units[:, None] * answers_per_row + np.arange(answers_per_row)).ravel()


def _logits(
    kind: Kind, probabilities: NDArray[np.float64], labels: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return logits and right answers, one of several in each row: of several classes at once each is a row of two.

    A softmax of log-probabilities over a temperature is that of the logits.
    """
    if not kind.takes_several:
        return np.log(np.maximum(probabilities, _LEAST)), labels
    of_class = np.clip(probabilities, _LEAST, 1 - _LEAST_OF_TWO).ravel()
    log_odds = np.log(of_class) - np.log1p(-of_class)
    return np.stack([np.zeros_like(log_odds), log_odds], axis=1), labels.ravel()
