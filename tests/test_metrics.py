"""Metrics against their definitions, worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from headstart.errors import UsageError
from headstart.kinds.catalogue import kind_named
from headstart.metrics import KNOWN, LARGEST, compute, written

LABELS = np.array([0, 1, 1, 0, 1])
ANSWERS = np.array([0, 1, 0, 1, 1])


def test_values_follow_the_definitions() -> None:
    # True and false positives and negatives of class 1: 2, 1, 1, 1.
    scores = compute(("accuracy", "f1", "macro_f1", "matthews"), LABELS, ANSWERS)
    assert scores == pytest.approx(
        {
            "accuracy": 3 / 5,
            "f1": 2 * 2 / (2 * 2 + 1 + 1),
            "macro_f1": (2 / 3 + 2 * 1 / (2 * 1 + 1 + 1)) / 2,
            "matthews": (2 * 1 - 1 * 1) / math.sqrt(3 * 3 * 2 * 2),
        }
    )
    assert list(scores) == ["accuracy", "f1", "macro_f1", "matthews"]


def test_correlations_follow_the_definitions() -> None:
    labels, answers = np.array([1.0, 2.0, 3.0, 5.0]), np.array([1.0, 3.0, 2.0, 10.0])
    scores = compute(("pearson", "spearman"), labels, answers)
    assert scores["pearson"] == pytest.approx(np.corrcoef(labels, answers)[0, 1])
    ranks = np.array([1, 3, 2, 4])
    assert scores["spearman"] == pytest.approx(1 - 6 * ((ranks - [1, 2, 3, 4]) ** 2).sum() / (4 * 15))


def test_errors_follow_the_definitions_at_every_size() -> None:
    labels, answers = np.array([1.0, 2.0, 3.0, 5.0]), np.array([1.0, 3.0, 2.0, 10.0])
    for size in (1e-200, 1e-6, 1.0, 1e9, 1e200):
        scores = compute(("mae", "rmse"), size * labels, size * answers)
        assert scores == pytest.approx({"mae": size * 7 / 4, "rmse": size * math.sqrt(27 / 4)}, rel=1e-12, abs=0)
    assert compute(("mae", "rmse"), labels, labels) == {"mae": 0, "rmse": 0}


@pytest.mark.parametrize("answer", [np.nan, np.inf])
def test_an_answer_that_is_not_finite_errs_by_a_very_large_number(answer: float) -> None:
    scores = compute(("mae", "rmse"), np.array([0.0, 1.0]), np.array([0.0, answer]))
    assert scores == pytest.approx({"mae": LARGEST / 2, "rmse": LARGEST / math.sqrt(2)})


def test_an_error_is_written_in_its_unit_and_all_else_times_100() -> None:
    assert written("mae", 312.345) == "312.3"
    assert written("rmse", 1.5e-06) == "1.5e-06"
    assert written("pearson", 0.98765) == "98.77"


@pytest.mark.parametrize("name", KNOWN.names())
@pytest.mark.parametrize(
    ("labels", "answers"),
    [([0, 0], [0, 0]), ([0, 0], [1, 1]), ([0, 1], [1, 1]), ([1, 1], [0, 1]), ([0], [0]), ([1], [0])],
)
def test_degenerate_cases_have_a_finite_value(name: str, labels: list[int], answers: list[int]) -> None:
    value = compute([name], np.array(labels), np.array(answers), ["a"] * len(labels))[name]
    assert -1 <= value <= 1


@pytest.mark.parametrize("name", ["matthews", "pearson", "spearman"])
def test_constant_answers_correlate_with_nothing(name: str) -> None:
    assert compute([name], np.array([0, 1, 1]), np.array([1, 1, 1])) == {name: 0.0}


@pytest.mark.parametrize("name", ["pearson", "spearman"])
def test_an_answer_that_is_not_finite_scores_nothing(name: str) -> None:
    assert compute([name], np.array([0.0, 1.0, 2.0]), np.array([0.0, np.nan, 1.0])) == {name: 0.0}


def test_a_class_never_answered_pulls_macro_f1_down() -> None:
    assert compute(["macro_f1"], np.array([0, 0, 1, 2]), np.array([0, 0, 1, 1]))["macro_f1"] == pytest.approx(
        (1 + 2 / 3 + 0) / 3
    )


def test_mistakes_are_said() -> None:
    with pytest.raises(UsageError, match="did you mean 'accuracy'"):
        compute(["acuracy"], LABELS, ANSWERS)
    with pytest.raises(UsageError, match="macro_f1"):
        compute(["f1"], np.array([0, 1, 2]), np.array([0, 1, 2]))
    with pytest.raises(ValueError, match="cannot score"):
        compute(["accuracy"], LABELS, ANSWERS[:2])
    with pytest.raises(ValueError, match="cannot score"):
        compute(["accuracy"], np.array([]), np.array([]))
    with pytest.raises(UsageError, match="belong together"):
        compute(["exact_match"], LABELS, ANSWERS)


def test_groups_count_as_one() -> None:
    groups = ["q1", "q1", "q2", "q2", "q3"]
    scores = compute(["f1a", "exact_match", "gender_parity"], LABELS, ANSWERS, groups)
    # q1: both right. q2: both wrong. q3: right. Same answers: not in q1 (0, 1), not in q2 (0, 1), in q3.
    assert scores == pytest.approx({"f1a": 2 / 3, "exact_match": 2 / 3, "gender_parity": 1 / 3})


def test_several_classes_at_once() -> None:
    labels = kind_named("multi_label").label_array([(0, 2), (), (1,)], 3)
    assert labels.tolist() == [[1, 0, 1], [0, 0, 0], [0, 1, 0]]
    answers = np.array([[1, 0, 0], [0, 0, 0], [0, 1, 1]])
    scores = compute(["accuracy", "micro_f1", "macro_f1"], labels, answers)
    # Two decisions are right hits, one is missed, one is too many; only the second row is right as a whole.
    assert scores == pytest.approx({"accuracy": 1 / 3, "micro_f1": 2 * 2 / (2 * 2 + 2), "macro_f1": (1 + 1 + 0) / 3})


def test_one_class_that_a_row_may_have_or_not_is_not_two_classes() -> None:
    """By hand: of three rows with the class two are hit, one row too many has it."""
    labels, answers = np.array([[1], [1], [1], [0], [0]]), np.array([[1], [1], [0], [1], [0]])
    scores = compute(["micro_f1", "macro_f1", "accuracy"], labels, answers)
    assert scores == pytest.approx({"micro_f1": 2 * 2 / (2 * 2 + 1 + 1), "macro_f1": 2 / 3, "accuracy": 3 / 5})
