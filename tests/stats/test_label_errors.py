"""Labels that look wrong, against numbers worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from headstart.stats.label_errors import wrong_classes, wrong_numbers, wrong_sets

PROBABILITIES = np.array(
    [
        [0.9, 0.1, 0.0],
        [0.7, 0.2, 0.1],
        [0.2, 0.7, 0.1],  # a 0 that looks like a 1
        [0.1, 0.6, 0.3],
        [0.3, 0.4, 0.3],
        [0.4, 0.1, 0.5],
        [0.2, 0.4, 0.4],  # more of a 1 than of a 2 by half a hair, but below the threshold of 1
    ]
)
LABELS = np.array([0, 0, 0, 1, 1, 2, 2])
"""Thresholds: 1.8 / 3 = 0.6 for class 0, 1.0 / 2 = 0.5 for class 1, 0.9 / 2 = 0.45 for class 2."""


def test_a_row_counts_as_the_class_whose_own_mean_it_reaches() -> None:
    found = wrong_classes(PROBABILITIES, LABELS)
    assert found.is_suspect.tolist() == [False, False, True, False, False, False, False]
    assert found.suggested.tolist() == [0, 0, 1, 1, 1, 2, 2]
    assert found.ranking.tolist() == [2]
    assert found.quality.tolist() == [0.9, 0.7, 0.2, 0.6, 0.4, 0.5, 0.4]


def test_a_class_of_which_the_model_is_never_sure_is_not_called_wrong() -> None:
    """The argmax is class 0 everywhere, but rows labelled 1 are as near to 1 as such rows get."""
    unsure = np.array([[0.9, 0.1], [0.8, 0.2], [0.6, 0.4], [0.6, 0.4]])
    assert not wrong_classes(unsure, np.array([0, 0, 1, 1])).is_suspect.any()


def test_of_several_classes_that_are_reached_the_most_probable_counts() -> None:
    """Thresholds 0.417, 0.4 and 0.35: the last two rows reach 1 and 2, and are labelled 0."""
    values = np.array([[0.9, 0.05, 0.05], [0.3, 0.4, 0.3], [0.3, 0.35, 0.35], [0.1, 0.5, 0.4], [0.25, 0.4, 0.35]])
    found = wrong_classes(values, np.array([0, 1, 2, 0, 0]))
    assert found.suggested.tolist()[3:] == [1, 1]
    assert found.ranking.tolist() == [3, 4]


def test_a_class_without_rows_is_suggested_to_none() -> None:
    found = wrong_classes(np.array([[0.1, 0.2, 0.7], [0.2, 0.8, 0.0]]), np.array([0, 1]))
    assert found.suggested.tolist() == [0, 1]


def test_sets_are_judged_class_by_class() -> None:
    """The last row lacks its second class: 0.9 is above the mean of rows that have it (0.85)."""
    has = np.array([[0.9, 0.1], [0.8, 0.2], [0.2, 0.9], [0.1, 0.8], [0.9, 0.9]])
    labels = np.array([[1, 0], [1, 0], [0, 1], [0, 1], [1, 0]])
    found = wrong_sets(has, labels)
    assert found.ranking.tolist() == [4]
    assert found.suggested.tolist() == [[1, 0], [1, 0], [0, 1], [0, 1], [1, 1]]
    assert found.quality == pytest.approx([0.9, 0.8, 0.8, 0.8, 0.1])


def test_a_number_far_from_its_answer_is_a_suspect() -> None:
    """Errors -2 to 2 and 20: median 0.5, median distance 1.5, so 20 lies 19.5 / (1.4826 x 1.5) deviations out."""
    answers = np.zeros(6)
    found = wrong_numbers(answers, np.array([-2.0, -1.0, 0.0, 1.0, 2.0, 20.0]))
    assert found.ranking.tolist() == [5]
    assert found.suggested.tolist() == [-2.0, -1.0, 0.0, 1.0, 2.0, 0.0]
    assert found.quality[4] == pytest.approx(0.5, abs=0.001)  # 1.5 / (1.4826 x 1.5) = 0.6745 deviations


def test_numbers_that_are_all_answered_exactly_are_no_suspects() -> None:
    assert not wrong_numbers(np.zeros(5), np.array([0.0, 0.0, 0.0, 0.0, 1.0])).is_suspect.any()


@pytest.mark.parametrize(
    ("values", "labels"),
    [
        (np.ones((2, 1)), np.array([0, 0])),
        (np.ones((0, 2)), np.array([], dtype=int)),
        (np.array([[0.5, 0.5]]), np.array([2])),
        (np.array([[0.5, 0.5]]), np.array([0.5])),
        (np.array([[1.5, -0.5]]), np.array([0])),
        (np.array([[np.nan, 0.5]]), np.array([0])),
    ],
)
def test_what_does_not_fit_is_refused(values: np.ndarray, labels: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"labels|label each|probabilities"):
        wrong_classes(values, labels)


def test_shapes_that_differ_are_refused() -> None:
    with pytest.raises(ValueError, match="each label"):
        wrong_sets(np.ones((2, 2)), np.ones((2, 3), dtype=int))
    with pytest.raises(ValueError, match="each answer"):
        wrong_numbers(np.ones(2), np.ones(3))
    with pytest.raises(ValueError, match="finite"):
        wrong_numbers(np.array([np.inf]), np.ones(1))
