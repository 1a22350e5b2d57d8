"""From which probability on a row gets a class, where it may get several: the thresholds that F1 is highest with.

Letters: n rows, c classes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from headstart.kinds.kind import Answers, Values
from headstart.seeding import numpy_generator

HALF = 0.5
LEAST_ROWS = 10
"""A class with fewer rows that have it, or fewer that lack it, keeps one half."""
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


def tuned_threshold(probabilities: Probabilities, has_it: Flags, generator: np.random.Generator) -> float:
    """Return the threshold of one class for rows like these: the mean of five, in log-odds.

    Each of the five is the best one on four fifths of the rows, among which those that have the class are dealt
    evenly. One half where fewer than ten rows have the class, or fewer than ten lack it.

    Args:
        probabilities: [n] of the class.
        has_it: [n].
        generator: deals the rows.
    """
    if not is_enough(has_it):
        return HALF
    fold = _folds(has_it, generator)
    parts = [best_threshold(probabilities[fold != each], has_it[fold != each]) for each in range(NUM_FOLDS)]
    return float(1 / (1 + np.exp(-_log_odds(np.array(parts)).mean())))


def tuned_thresholds(probabilities: Probabilities, labels: Values) -> tuple[float, ...]:
    """Return the threshold of each class, [c], as `tuned_threshold` does.

    Args:
        probabilities: [n, c].
        labels: 0 and 1 for each class, [n, c].
    """
    generator = numpy_generator(0, STREAM)
    return tuple(
        tuned_threshold(of_class, has_it, generator)
        for of_class, has_it in zip(probabilities.T, labels.T == 1, strict=True)
    )


def cross_fitted_decisions(probabilities: Probabilities, labels: Values) -> NDArray[np.int64]:
    """Return decisions [n, c] in which no row has a part in its own: each is by a threshold tuned without its fifth.

    The rows of each class are dealt into fifths anew. Arguments are those of `tuned_thresholds`.
    """
    generator = numpy_generator(1, STREAM)
    thresholds = np.empty_like(probabilities)
    for place, (of_class, has_it) in enumerate(zip(probabilities.T, labels.T == 1, strict=True)):
        fold = _folds(has_it, generator)
        for each in range(NUM_FOLDS):
            others = fold != each
            thresholds[~others, place] = tuned_threshold(of_class[others], has_it[others], generator)
    return at_thresholds(probabilities, thresholds)


def is_enough(has_it: Flags) -> bool:
    """Whether as many rows have a class, and as many lack it, as a threshold is tuned on."""
    return bool(min(has_it.sum(), (~has_it).sum()) >= LEAST_ROWS)


def _folds(has_it: Flags, generator: np.random.Generator) -> NDArray[np.int64]:
    """Deal rows into fifths, [n]: those that have the class evenly, and so the others."""
    order = generator.permutation(len(has_it))
    fold = np.empty(len(has_it), dtype=np.int64)
    fold[order[np.argsort(has_it[order], kind="stable")]] = np.arange(len(has_it)) % NUM_FOLDS
    return fold


def _log_odds(probabilities: Probabilities) -> Probabilities:
    within = np.clip(probabilities, _ROUNDING, 1 - _ROUNDING)
    return np.asarray(np.log(within) - np.log1p(-within))
