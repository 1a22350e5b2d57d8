"""Thresholds of F1, against every cut there is, and against rows that had no part in them."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import expit
from sklearn.metrics import f1_score

from headstart.stats.thresholds import (
    at_thresholds,
    best_threshold,
    cross_fitted_decisions,
    is_enough,
    tuned_thresholds,
)


def drawn(
    num_rows: int, seed: int, *, shift: float = -1.5, num_classes: int = 1
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return probabilities whose log-odds are `shift` off, and labels drawn from the right ones, [n, c] each."""
    generator = np.random.default_rng(seed)
    log_odds = generator.normal(-1.5, 2, (num_rows, num_classes))
    labels = (generator.random(log_odds.shape) < expit(log_odds)).astype(np.int64)
    return expit(log_odds + shift), labels


@pytest.mark.parametrize("seed", range(5))
def test_no_cut_has_a_higher_f1(seed: int) -> None:
    probabilities, labels = drawn(60, seed)
    scores = np.round(probabilities[:, 0], 1 if seed % 2 else 6)  # equal ones among them
    right = labels[:, 0]
    found = best_threshold(scores, right == 1)
    cuts = [f1_score(right, scores >= cut) for cut in (*scores, 0.0)]
    assert f1_score(right, scores >= found) == pytest.approx(max(cuts), abs=1e-12)


def test_of_equal_cuts_the_one_nearest_to_one_half_is_taken() -> None:
    has_it = np.array([True, True, False, False])
    assert best_threshold(np.array([0.9, 0.8, 0.4, 0.1]), has_it) == 0.5
    assert best_threshold(np.array([0.4, 0.3, 0.1, 0.0]), has_it) == pytest.approx(0.2)
    # F1 is 4/5 from 0.95 on and from 0.25 on.
    assert best_threshold(np.array([0.99, 0.98, 0.97, 0.3, 0.2]), np.array([1, 1, 0, 1, 0]) == 1) == pytest.approx(0.25)
    assert best_threshold(np.zeros(3), np.array([True, False, False])) == 0.0


def test_a_class_with_few_rows_keeps_one_half() -> None:
    probabilities, _ = drawn(40, 0, num_classes=4)
    labels = np.zeros((40, 4), dtype=np.int64)
    labels[:9, 0] = labels[:31, 1] = labels[:10, 2] = labels[:, 3] = 1
    assert [value == 0.5 for value in tuned_thresholds(probabilities, labels)] == [True, True, False, True]
    assert [is_enough(column == 1) for column in labels.T] == [False, False, True, False]
    few = cross_fitted_decisions(probabilities[:3], labels[:3])
    assert np.array_equal(few, probabilities[:3] >= np.float32(0.5))


def test_thresholds_are_for_rows_of_the_same_kind_and_each_class_has_its_own() -> None:
    probabilities, labels = drawn(400, 1, num_classes=2)
    probabilities[:, 1] = drawn(400, 2, shift=1.5)[0][:, 0]
    labels[:, 1] = drawn(400, 2)[1][:, 0]
    low, high = tuned_thresholds(probabilities, labels)
    assert low < 0.25
    assert high > 0.5
    alone = tuned_thresholds(probabilities[:, :1], labels[:, :1])
    assert alone == (low,)


def test_the_score_out_of_fold_is_that_of_fresh_rows() -> None:
    """Over 100 draws of 100 rows; the score of the rows that chose the threshold is above it."""
    fresh, out_of_fold, chosen = [], [], []
    for seed in range(100):
        probabilities, labels = drawn(100, seed)
        others, right = drawn(2000, 1000 + seed)
        fresh.append(f1_score(right, at_thresholds(others, tuned_thresholds(probabilities, labels))))
        chosen.append(f1_score(labels, probabilities >= best_threshold(probabilities[:, 0], labels[:, 0] == 1)))
        out_of_fold.append(f1_score(labels, cross_fitted_decisions(probabilities, labels)))
    error = float(np.hypot(np.std(out_of_fold), np.std(fresh)) / np.sqrt(len(fresh)))
    assert abs(np.mean(out_of_fold) - np.mean(fresh)) < 2 * error
    assert np.mean(chosen) > np.mean(fresh) + 5 * error


def test_probabilities_and_thresholds_are_compared_in_fp32() -> None:
    value = np.float32(0.3)
    assert at_thresholds(np.array([[value, value]]), (float(value), 0.3)).tolist() == [[1, 1]]
    assert at_thresholds(np.array([[value, value]]), np.array([[0.31, 0.29]])).tolist() == [[0, 1]]
