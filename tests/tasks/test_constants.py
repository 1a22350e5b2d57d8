"""The best constant answer is the best of all constant answers, by brute force, for every metric."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import mean_absolute_error, root_mean_squared_error

from headstart.kinds.catalogue import kind_named
from headstart.metrics import BY_GROUP, ERRORS, FOR_TWO_CLASSES, KNOWN, compute
from headstart.tasks.constants import best_constant

OF_CLASSES = tuple(name for name in KNOWN if name not in ("pearson", "spearman", *ERRORS))


def best_of(constants: Iterable[object], metric: str, labels: np.ndarray, groups: list[str] | None = None) -> float:
    """Return the highest score of a constant answer."""
    answers = (np.broadcast_to(np.asarray(constant), labels.shape) for constant in constants)
    return max(compute((metric,), labels, each, groups)[metric] for each in answers)


@pytest.mark.parametrize("kind", ["classification", "multiple_choice"])
@settings(deadline=None, max_examples=30)
@given(st.lists(st.integers(0, 3), min_size=1, max_size=9))
def test_of_one_class_or_choice(kind: str, classes: list[int]) -> None:
    labels = np.asarray(classes)
    for metric in set(OF_CLASSES) - {*FOR_TWO_CLASSES, *BY_GROUP}:
        assert best_constant(kind_named(kind), metric, labels)[1] == best_of(range(4), metric, labels)


@settings(deadline=None, max_examples=30)
@given(st.lists(st.tuples(st.integers(0, 1), st.sampled_from("abc")), min_size=1, max_size=9))
def test_of_two_classes_with_metrics_that_are_about_one_of_them(rows: list[tuple[int, str]]) -> None:
    labels, groups = np.asarray([label for label, _ in rows]), [group for _, group in rows]
    for metric in OF_CLASSES:
        found = best_constant(kind_named("classification"), metric, labels, groups)[1]
        assert found == best_of(range(2), metric, labels, groups)


@settings(deadline=None, max_examples=30)
@given(
    st.integers(1, 4).flatmap(
        lambda c: arrays(np.int64, st.tuples(st.integers(1, 7), st.just(c)), elements=st.integers(0, 1))
    )
)
def test_of_sets_of_classes(labels: np.ndarray) -> None:
    sets = list(itertools.product((0, 1), repeat=labels.shape[1]))
    for metric in kind_named("multi_label").metrics:
        best, score = best_constant(kind_named("multi_label"), metric, labels)
        assert score == pytest.approx(best_of(sets, metric, labels))
        assert best.shape == labels.shape[1:]


@settings(deadline=None, max_examples=30)
@given(st.lists(st.integers(-9, 9), min_size=1, max_size=9))
def test_of_numbers(values: list[int]) -> None:
    """No constant correlates with anything; the median has the least absolute and the mean the least squared error."""
    labels = np.asarray(values, dtype=np.float64)
    assert best_constant(kind_named("regression"), "pearson", labels)[1] == 0
    for metric, error in (("mae", mean_absolute_error), ("rmse", root_mean_squared_error)):
        best, ours = best_constant(kind_named("regression"), metric, labels)
        assert ours == pytest.approx(error(labels, np.full_like(labels, best)))
        assert all(ours <= error(labels, np.full_like(labels, each)) + 1e-12 for each in np.linspace(-9, 9, 73))


def test_a_set_below_one_half_of_the_rows_may_be_the_best() -> None:
    """By hand: 2 of 5 rows have the class; always saying it is right 2 times of 5: micro F1 2 * 2 / (5 + 2)."""
    labels = np.asarray([[1], [1], [0], [0], [0]])
    assert best_constant(kind_named("multi_label"), "micro_f1", labels)[1] == pytest.approx(4 / 7)


def test_f1_of_a_rare_class_is_best_with_the_rare_class() -> None:
    """By hand: one of ten rows: precision 1 / 10, recall 1."""
    best, score = best_constant(kind_named("classification"), "f1", np.asarray([1] + [0] * 9))
    assert (int(best), score) == (1, pytest.approx(2 / 11))
