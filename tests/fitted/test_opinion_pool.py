"""Several answers as one: weights of the least log loss, as a regression on log probabilities finds them."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import log_softmax, softmax
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

from headstart.fitted.opinion_pool import pooled

Floats = NDArray[np.float64]
GENERATOR = np.random.default_rng(5)
CLASSES = GENERATOR.integers(0, 2, 300)


def source(strength: float, sureness: float, classes: int = 2, targets: NDArray[np.int64] = CLASSES) -> Floats:
    signal = strength * np.eye(classes)[targets] + GENERATOR.normal(0.0, 1.0, (len(targets), classes))
    found: Floats = softmax(sureness * signal, axis=1)
    return found


def test_two_classes_are_pooled_as_by_logistic_regression_on_their_log_odds() -> None:
    sources = [source(1.5, 1.5), source(1.0, 0.5)]
    odds = np.column_stack([np.log(each[:, 1] / each[:, 0]) for each in sources])
    regression = LogisticRegression(C=1e9, fit_intercept=False, tol=1e-9).fit(odds, CLASSES)
    assert (regression.coef_ > 0).all()
    assert pooled(sources, CLASSES) == pytest.approx(regression.predict_proba(odds), abs=1e-4)


def test_what_knows_nothing_or_the_opposite_is_not_heard() -> None:
    good = source(2.0, 1.0)
    alone = pooled([good], CLASSES)
    assert pooled([good, good[:, ::-1], np.full((300, 2), 0.5)], CLASSES) == pytest.approx(alone, abs=1e-4)


def test_the_pool_is_no_worse_than_any_source_or_their_means() -> None:
    targets = GENERATOR.integers(0, 5, 400)
    sources = [source(2.0, 3.0, 5, targets), source(1.0, 1.0, 5, targets), source(0.2, 2.0, 5, targets)]
    found = pooled(sources, targets)
    assert found.sum(axis=1) == pytest.approx(1.0)
    geometric = np.exp(log_softmax(np.mean(np.log(sources), axis=0), axis=1))
    others = [*sources, np.mean(sources, axis=0), geometric]
    assert log_loss(targets, found) < min(log_loss(targets, each) for each in others)


def test_a_class_that_a_source_never_saw_is_not_ruled_out() -> None:
    sources = [source(2.0, 1.0), np.column_stack([np.ones(300), np.zeros(300)])]
    found = pooled(sources, CLASSES)
    assert np.isfinite(np.log(found)).all()
    assert (found.argmax(axis=1) == CLASSES).mean() > 0.8
