"""From which probability on a row gets a class, where it may get several: the thresholds that F1 is highest with.

Rows that belong together, such as repeats of one text, are a *unit*: it is dealt whole, and counts as one row.

Letters: n rows, u units, c classes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from headstart.dealing.folds import deal_folds, single_rows, unit_numbers
from headstart.kinds.kind import Answers, Values
from headstart.seeding import numpy_generator

HALF = 0.5
LEAST_ROWS = 10
"""A class with fewer rows that have it, or fewer that lack it, keeps one half; rows of one unit count as one."""
NUM_FOLDS = 5
STREAM = "thresholds"
_ROUNDING = 1e-12
Flags = NDArray[np.bool_]
Probabilities = NDArray[np.float64]


def at_thresholds(answers: Answers, thresholds: Values | tuple[float, ...]) -> NDArray[np.int64]:
    """Return 1 for each class whose probability is at least its threshold, [n, c].

    Both are compared in fp32, as every reader of a model folder does.

    Args:
        answers: probabilities [n, c].
        thresholds: [c], 0 to 1; or those of each row, [n, c].
    """
    return np.asarray(np.asarray(answers, np.float32) >= np.asarray(thresholds, np.float32), dtype=np.int64)


def best_threshold(probabilities: Probabilities, has_it: Flags) -> float:
    """Return the threshold of one class with the highest F1 on n rows, at least one of which has it.

    It lies halfway between two neighbouring probabilities, or is one half where that lies between them. Of several
    equally good ones it is the one with log-odds nearest to 0.

    Args:
        probabilities: [n] of the class.
        has_it: [n].
    """
    order = np.argsort(-probabilities, kind="stable")
    falling = probabilities[order]
    next_lower = np.append(falling[1:], 0.0)
    f1 = 2 * np.cumsum(has_it[order]) / (np.arange(1, len(order) + 1) + has_it.sum())
    is_cut = np.append(falling[:-1] > falling[1:], True)
    is_best = is_cut & (f1 >= f1[is_cut].max() - _ROUNDING)
    low, high = next_lower[is_best], falling[is_best]
    halfway = np.where((low < HALF) & (high >= HALF), HALF, (low + high) / 2)
    return float(halfway[np.argmin(np.abs(_log_odds(halfway)))])


def tuned_threshold(
    probabilities: Probabilities, has_it: Flags, units: NDArray[np.int64], generator: np.random.Generator
) -> float:
    """Return the threshold of one class for rows like these: the mean of five, in log-odds.

    Each of the five is the best one on four fifths of the units, among which those that have the class are dealt
    evenly. One half where fewer than ten units have the class, or fewer than ten lack it.

    Args:
        probabilities: [n] of the class.
        has_it: [n].
        units: [n] the number of each row's unit.
        generator: deals the units.
    """
    has_rows, unit_of_row = _by_unit(has_it, units)
    if not _are_enough(has_rows):
        return HALF
    fold = _dealt(has_rows, generator)[unit_of_row]
    parts = [best_threshold(probabilities[fold != each], has_it[fold != each]) for each in range(NUM_FOLDS)]
    return float(1 / (1 + np.exp(-_log_odds(np.array(parts)).mean())))


def tuned_thresholds(
    probabilities: Probabilities, labels: Values, units: NDArray[np.int64] | None = None
) -> tuple[float, ...]:
    """Return the threshold of each class, [c], as `tuned_threshold` does.

    Args:
        probabilities: [n, c].
        labels: 0 and 1 for each class, [n, c].
        units: for each row the number of its unit [n], such as its text; None takes each row for itself.
    """
    generator = numpy_generator(0, STREAM)
    numbers = unit_numbers(units, len(labels))
    return tuple(
        tuned_threshold(of_class, has_it, numbers, generator)
        for of_class, has_it in zip(probabilities.T, labels.T == 1, strict=True)
    )


def cross_fitted_decisions(
    probabilities: Probabilities, labels: Values, units: NDArray[np.int64] | None = None
) -> NDArray[np.int64]:
    """Return decisions [n, c] in which no unit has a part in its own: each is by a threshold tuned without its fifth.

    The units of each class are dealt into fifths anew. Arguments are those of `tuned_thresholds`.
    """
    generator = numpy_generator(1, STREAM)
    numbers = unit_numbers(units, len(labels))
    thresholds = np.empty_like(probabilities)
    for place, (of_class, has_it) in enumerate(zip(probabilities.T, labels.T == 1, strict=True)):
        has_rows, unit_of_row = _by_unit(has_it, numbers)
        fold = _dealt(has_rows, generator)[unit_of_row]
        for each in range(NUM_FOLDS):
            others = fold != each
            thresholds[~others, place] = tuned_threshold(of_class[others], has_it[others], numbers[others], generator)
    return at_thresholds(probabilities, thresholds)


def is_enough(has_it: Flags, units: NDArray[np.int64] | None = None) -> bool:
    """Return whether as many rows have a class, and as many lack it, as a threshold is tuned on.

    A unit with a row that has the class counts as one row that has it.

    Args:
        has_it: [n].
        units: [n] as in `tuned_thresholds`.
    """
    return _are_enough(_by_unit(has_it, unit_numbers(units, len(has_it)))[0])


def _are_enough(has_rows: Flags) -> bool:
    """Whether as many units have a class, and as many lack it, as a threshold is tuned on."""
    return bool(min(has_rows.sum(), (~has_rows).sum()) >= LEAST_ROWS)


def _dealt(has_rows: Flags, generator: np.random.Generator) -> NDArray[np.int64]:
    """Deal units into fifths, [u]: those that have the class evenly, and so the others."""
    return deal_folds(single_rows(len(has_rows)), NUM_FOLDS, strata=has_rows, generator=generator)


def _by_unit(has_it: Flags, units: NDArray[np.int64]) -> tuple[Flags, NDArray[np.int64]]:
    """Return whether a row of each unit has the class [u], and the place of each row's unit among these [n]."""
    numbers, unit_of_row = np.unique(units, return_inverse=True)
    has_rows = np.zeros(len(numbers), dtype=np.bool_)
    has_rows[unit_of_row[has_it]] = True
    return has_rows, unit_of_row


def _log_odds(probabilities: Probabilities) -> Probabilities:
    within = np.clip(probabilities, _ROUNDING, 1 - _ROUNDING)
    return np.asarray(np.log(within) - np.log1p(-within))
