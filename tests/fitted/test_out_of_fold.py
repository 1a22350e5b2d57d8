"""Answers out of fold: no row hears its own label, and words help where they know better."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors

from headstart.fitted.out_of_fold import NUM_FOLDS, _by_neighbours, out_of_fold
from headstart.kinds.catalogue import kind_named
from headstart.stats.label_errors import wrong_classes

CLASSIFICATION = kind_named("classification")
GENERATOR = np.random.default_rng(3)
LABELS = np.arange(60) % 3
VECTORS = np.eye(3)[LABELS] + GENERATOR.normal(0.0, 0.3, (60, 3))
NO_WORDS = [("",)] * 60


def test_flipped_labels_are_the_suspects() -> None:
    given = LABELS.copy()
    given[[4, 11]] = (given[[4, 11]] + 1) % 3
    answers = out_of_fold(VECTORS, NO_WORDS, given, CLASSIFICATION, num_labels=3)
    assert answers is not None
    assert answers.sum(axis=1) == pytest.approx(1.0)
    assert set(wrong_classes(answers, given).quality.argsort()[:2].tolist()) == {4, 11}


def test_a_row_does_not_hear_its_own_label() -> None:
    """Noise with more numbers than rows: a head that saw a row would know its label."""
    vectors = GENERATOR.normal(0.0, 1.0, (60, 100))
    targets = GENERATOR.integers(0, 2, 60)
    answers = out_of_fold(vectors, NO_WORDS, targets, CLASSIFICATION, num_labels=2)
    assert answers is not None
    assert 0.3 < (answers.argmax(axis=1) == targets).mean() < 0.7


def test_words_are_asked_where_they_know_better() -> None:
    noise = GENERATOR.normal(0.0, 1.0, (60, 4))
    texts = [(f"this is {('bad', 'fair', 'good')[label]}", "indeed") for label in LABELS]
    alone = out_of_fold(noise, NO_WORDS, LABELS, CLASSIFICATION, num_labels=3)
    both = out_of_fold(noise, texts, LABELS, CLASSIFICATION, num_labels=3)
    assert alone is not None
    assert both is not None
    assert (both.argmax(axis=1) == LABELS).all()
    assert (alone.argmax(axis=1) == LABELS).mean() < 0.6


def test_a_class_of_one_row_and_a_class_without_rows_are_no_trouble() -> None:
    rare = LABELS.copy()
    rare[0] = 3
    answers = out_of_fold(VECTORS, [("a word",)] * 60, rare, CLASSIFICATION, num_labels=5)
    assert answers is not None
    assert answers.shape == (60, 5)
    assert answers[0].argmax() != 3


def test_sets_and_numbers_are_answered_too() -> None:
    sets = (VECTORS > 0.5).astype(np.int64)
    answers = out_of_fold(VECTORS, NO_WORDS, sets, kind_named("multi_label"), num_labels=3)
    assert answers is not None
    assert ((answers >= 0.5) == sets).mean() > 0.9
    numbers = VECTORS @ np.array([1.0, -2.0, 3.0])
    values = out_of_fold(VECTORS, NO_WORDS, numbers, kind_named("regression"), num_labels=0)
    assert values is not None
    assert values[:, 0] == pytest.approx(numbers, abs=0.3)


def test_few_rows_have_none_and_one_seed_gives_one_answer() -> None:
    few = 2 * NUM_FOLDS - 1
    assert out_of_fold(VECTORS[:few], NO_WORDS[:few], LABELS[:few], CLASSIFICATION, num_labels=3) is None
    first, again = (out_of_fold(VECTORS, NO_WORDS, LABELS, CLASSIFICATION, num_labels=3, seed=7) for _ in range(2))
    assert first is not None
    assert again is not None
    assert (first == again).all()


def test_neighbours_are_asked_where_a_linear_head_knows_nothing() -> None:
    """The classes of a chequered field: no line parts them, each row's nearest rows are of its own class."""
    corners = GENERATOR.integers(0, 2, (80, 2))
    field = np.column_stack([np.where(corners == 0, -1.0, 1.0) + GENERATOR.normal(0.0, 0.1, (80, 2)), np.ones(80)])
    targets = corners.sum(axis=1) % 2
    answers = out_of_fold(field, [("",)] * 80, targets, CLASSIFICATION, num_labels=2)
    assert answers is not None
    assert (answers.argmax(axis=1) == targets).mean() > 0.95


def test_rows_of_a_unit_say_nothing_of_each_other() -> None:
    """Copies with the labels of their group, which follow from nothing: heads, words and neighbours would know them."""
    groups = np.repeat(np.arange(30), 3)
    vectors = GENERATOR.normal(0.0, 1.0, (30, 40))[groups]
    texts = [(f"word{group} and again word{group}",) for group in groups]
    targets = GENERATOR.permutation(np.arange(30) % 2)[groups]
    torn = out_of_fold(vectors, texts, targets, CLASSIFICATION, num_labels=2)
    whole = out_of_fold(vectors, texts, targets, CLASSIFICATION, num_labels=2, units=groups)
    assert torn is not None
    assert whole is not None
    assert (torn.argmax(axis=1) == targets).mean() > 0.9
    assert 0.2 < (whole.argmax(axis=1) == targets).mean() < 0.8
    assert out_of_fold(vectors, texts, targets, CLASSIFICATION, num_labels=2, units=groups // 4) is None


def test_neighbours_of_rows_of_their_own_are_scikit_learns() -> None:
    vectors, targets = GENERATOR.normal(0.0, 1.0, (70, 8)), np.arange(70) % 3
    nearest = NearestNeighbors(n_neighbors=15, metric="cosine").fit(vectors).kneighbors(return_distance=False)
    expected = np.stack([(targets[nearest] == each).sum(axis=1) + 1 / 3 for each in range(3)], axis=1) / 16
    np.testing.assert_allclose(_by_neighbours(vectors, targets, np.arange(70), 3), expected)
