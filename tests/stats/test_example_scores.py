"""Scores from means over examples are the metrics of the same name."""

from __future__ import annotations

import numpy
import pytest

from headstart import metrics
from headstart.stats.example_scores import EXAMPLE_SCORES, MULTI_LABEL_SCORES


def score_of(name: str, labels: numpy.ndarray, answers: numpy.ndarray) -> numpy.ndarray:
    score = EXAMPLE_SCORES[name]
    return score.score(score.parts(labels, answers).mean(axis=1))


@pytest.mark.parametrize("name", EXAMPLE_SCORES)
@pytest.mark.parametrize("num_classes", [2, 5])
def test_scores_are_the_metrics(name: str, num_classes: int):
    generator = numpy.random.default_rng(num_classes)
    num_classes = 2 if name in metrics.FOR_TWO_CLASSES else num_classes
    labels = generator.integers(0, num_classes, 80)
    answers = numpy.where(generator.random((6, 80)) < 0.6, labels, generator.integers(0, num_classes, (6, 80)))
    if name == "pearson":
        labels, answers = labels + 100.0, answers + 0.1 * generator.standard_normal((6, 80))
    expected = [metrics.compute([name], labels, each)[name] for each in answers]
    assert score_of(name, labels, answers) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("name", EXAMPLE_SCORES)
@pytest.mark.parametrize("constant", [0, 1])
def test_constant_answers_have_the_metrics_values(name: str, constant: int):
    labels = numpy.array([0, 1, 1, 0, 1])
    answers = numpy.full((1, 5), constant)
    expected = metrics.compute([name], labels, answers[0])[name]
    assert score_of(name, labels, answers) == pytest.approx([expected])


@pytest.mark.parametrize("name", EXAMPLE_SCORES)
def test_constant_labels_have_the_metrics_values(name: str):
    labels = numpy.zeros(5, dtype=numpy.int64)
    answers = numpy.array([[0, 1, 0, 0, 1]])
    expected = metrics.compute([name], labels, answers[0])[name]
    assert score_of(name, labels, answers) == pytest.approx([expected])


@pytest.mark.parametrize("name", MULTI_LABEL_SCORES)
def test_scores_of_several_classes_at_once_are_the_metrics(name: str):
    """Also where one class is in no row, and where nothing is there or answered."""
    generator = numpy.random.default_rng(3)
    labels = generator.integers(0, 2, (40, 4)) * numpy.array([1, 1, 1, 0])
    answers = generator.integers(0, 2, (5, 40, 4)) * numpy.array([1, 1, 0, 0])
    answers[4] = 0
    score = MULTI_LABEL_SCORES[name]
    expected = [metrics.compute([name], labels, each)[name] for each in answers]
    assert score.score(score.parts(labels, answers).mean(axis=1)) == pytest.approx(expected, abs=1e-9)
    empty = score.parts(labels * 0, answers[4:] * 0).mean(axis=1)
    assert score.score(empty) == pytest.approx([0.0])
