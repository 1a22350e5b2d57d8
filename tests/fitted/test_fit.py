"""Fitted heads against scikit-learn on the same rows, and what they promise beside."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.special import softmax
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression, Ridge, RidgeClassifier
from sklearn.metrics import log_loss
from sklearn.preprocessing import StandardScaler

import headstart.kinds.catalogue  # noqa: F401, fills KINDS
from headstart.dealing.folds import deal_folds, single_rows
from headstart.errors import UsageError
from headstart.fitted.fit import WAYS, _mean_and_size, fit_head
from headstart.fitted.fitted_head import FittedHead, answers
from headstart.fitted.inner_folds import deal_inner_folds
from headstart.fitted.method import Rows
from headstart.fitted.names import method_for, methods_for
from headstart.fitted.present_classes import prepared
from headstart.kinds.kind import KINDS
from headstart.seeding import numpy_generator

CLASSES, SEVERAL, NUMBERS, CHOICES = (
    KINDS.get(name) for name in ("classification", "multi_label", "regression", "multiple_choice")
)
NUM_ROWS, SIZE = 90, 6


def vectors(num_rows: int = NUM_ROWS, seed: int = 0) -> np.ndarray:
    """Return vectors whose numbers differ in mean and spread."""
    raw = np.random.default_rng(seed).normal(size=(num_rows, SIZE))
    return (raw * [1, 2, 0.1, 5, 1, 1] + [0, 10, 0, -3, 0, 1]).astype(np.float32)


def classes(num_classes: int, num_rows: int = NUM_ROWS) -> np.ndarray:
    """Return classes that follow from the vectors' first numbers, with noise."""
    noise = np.random.default_rng(1).normal(size=num_rows)
    ranks = np.argsort(np.argsort(vectors(num_rows)[:, 0] + 0.7 * noise))
    return ranks * num_classes // num_rows


def standardised(raw: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    exact = raw.astype(np.float64)
    return StandardScaler().fit(exact, sample_weight=weights).transform(exact) / math.sqrt(raw.shape[1])


@pytest.mark.parametrize("num_classes", [2, 3])
@pytest.mark.parametrize("strength", [0.03, 1.0])
def test_logistic_is_scikit_learns_logistic_regression(num_classes: int, strength: float) -> None:
    raw, targets = vectors(), classes(num_classes)
    head = fit_head(raw, targets, CLASSES, "logistic", strength=strength)
    model = LogisticRegression(C=1 / strength, tol=1e-10, max_iter=10_000).fit(standardised(raw), targets)
    np.testing.assert_allclose(answers(head, raw), model.predict_proba(standardised(raw)), atol=1e-6)


def test_two_classes_share_one_row_of_opposite_halves() -> None:
    head = fit_head(vectors(), classes(2), CLASSES, "logistic", strength=1.0)
    np.testing.assert_array_equal(head.weight[0], -head.weight[1])
    assert head.bias[0] == pytest.approx(-head.bias[1])


@pytest.mark.parametrize("num_classes", [2, 4])
def test_ridge_for_classes_is_scikit_learns_ridge_classifier(num_classes: int) -> None:
    raw, targets = vectors(), classes(num_classes)
    head = fit_head(raw, targets, CLASSES, "ridge", strength=3.0)
    said = RidgeClassifier(alpha=3.0, solver="svd").fit(standardised(raw), targets).decision_function(standardised(raw))
    np.testing.assert_allclose(head.logits(raw), np.stack([-said, said], 1) if num_classes == 2 else said, atol=1e-6)


@pytest.mark.parametrize("strength", [0.1, 1.0])
def test_lda_is_scikit_learns_with_shrinkage(strength: float) -> None:
    raw, targets = vectors(), classes(3)
    head = fit_head(raw, targets, CLASSES, "lda", strength=strength)
    model = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=strength).fit(standardised(raw), targets)
    np.testing.assert_allclose(answers(head, raw), model.predict_proba(standardised(raw)), atol=1e-6)


def test_numbers_are_scikit_learns_ridge() -> None:
    raw = vectors()
    targets = raw[:, 0] * 3 + np.random.default_rng(2).normal(size=len(raw))
    head = fit_head(raw, targets, NUMBERS, "ridge", strength=0.3)
    model = Ridge(alpha=0.3, solver="svd").fit(standardised(raw), targets)
    np.testing.assert_allclose(answers(head, raw)[:, 0], model.predict(standardised(raw)), atol=1e-6)


def test_each_of_several_classes_is_a_regression_of_its_own_and_constant_ones_keep_their_share() -> None:
    raw, first = vectors(), classes(2)
    targets = np.stack([first, np.zeros_like(first), np.ones_like(first)], axis=1)
    head = fit_head(raw, targets, SEVERAL, "logistic", strength=0.1)
    model = LogisticRegression(C=10, tol=1e-10, max_iter=10_000).fit(standardised(raw), first)
    said = answers(head, raw)
    np.testing.assert_allclose(said[:, 0], model.predict_proba(standardised(raw))[:, 1], atol=1e-6)
    np.testing.assert_allclose(said[:, 1:], [[0.5 / 91, 90.5 / 91]] * len(raw))


@pytest.mark.parametrize("method", methods_for(CLASSES))
def test_a_row_of_weight_two_counts_as_two_rows(method: str) -> None:
    raw, targets = vectors(), classes(3)
    weights = np.where(np.arange(NUM_ROWS) < 30, 2.0, 1.0)
    weighted = fit_head(raw, targets, CLASSES, method, weights=weights, strength=0.3)
    twice = np.repeat(np.arange(NUM_ROWS), weights.astype(int))
    doubled = fit_head(raw[twice], targets[twice], CLASSES, method, strength=0.3)
    np.testing.assert_allclose(answers(weighted, raw), answers(doubled, raw), atol=1e-6)


@pytest.mark.parametrize("method", methods_for(CLASSES))
def test_the_strength_has_the_lowest_held_out_log_loss(method: str) -> None:
    raw, targets = vectors(), classes(3)
    chosen = fit_head(raw, targets, CLASSES, method)
    assert chosen.held_out is not None
    assert chosen.loss == pytest.approx(log_loss(targets, answers_of(chosen)))
    others = [fit_head(raw, targets, CLASSES, method, strength=strength).loss for strength in WAYS[method].strengths]
    assert chosen.loss <= min(others)


def answers_of(head: FittedHead) -> np.ndarray:
    """Return the probabilities of the held-out rows."""
    assert head.held_out is not None
    exponentials = np.exp(head.held_out - head.held_out.max(axis=1, keepdims=True))
    return exponentials / exponentials.sum(axis=1, keepdims=True)


def test_no_held_out_row_was_seen_by_its_map() -> None:
    raw = np.random.default_rng(3).normal(size=(60, 200))
    targets = np.arange(60) % 2
    head = fit_head(raw, targets, CLASSES, "logistic")
    assert head.held_out is not None
    assert (head.held_out.argmax(1) == targets).mean() < 0.8
    assert (head.logits(raw).argmax(1) == targets).mean() > 0.9


def test_rows_that_are_always_in_are_in_every_inner_fit_and_are_not_judged() -> None:
    raw, targets = vectors(63), classes(3, 63)
    head = fit_head(raw, targets, CLASSES, "ridge", inner=deal_inner_folds(CLASSES, targets[:-3]))
    assert head.held_out is not None
    expected = np.empty((60, 3))
    folds = deal_folds(single_rows(60), 3, strata=targets[:60], generator=numpy_generator(0, "fit_folds"))
    mean, size = _mean_and_size(raw, np.ones(63))
    for fold in range(3):
        seen = np.append(folds != fold, [True] * 3)
        rows = Rows((raw[seen] - mean) / size, targets[seen], np.ones(seen.sum()), 3)
        expected[folds == fold] = prepared(WAYS["ridge"], rows)(head.strength)((raw[:60][folds == fold] - mean) / size)
    np.testing.assert_allclose(head.held_out, head.scale * expected, atol=1e-9)
    assert head.loss == pytest.approx(log_loss(targets[:60], answers_of(head)))


def test_strengths_are_judged_apart_from_the_size_of_their_logits() -> None:
    """Few rows of many numbers: a strong penalty errs least, and its small logits alone would have the larger loss."""
    from scipy.optimize import minimize_scalar
    from sklearn.model_selection import StratifiedKFold

    generator = np.random.default_rng(5)
    targets = np.repeat(np.arange(12), 6)
    latent = generator.normal(size=(12, 4))[targets] + 0.35 * generator.normal(size=(len(targets), 4))
    raw = latent @ generator.normal(size=(4, 60)) + generator.normal(size=(len(targets), 60))
    found = fit_head(raw, targets, CLASSES, "logistic")

    def held_out_losses(strength: float) -> tuple[float, float]:
        logits = np.zeros((len(targets), 12))
        for train, test in StratifiedKFold(3, shuffle=True, random_state=0).split(raw, targets):
            head = fit_head(raw[train], targets[train], CLASSES, "logistic", strength=strength)
            logits[test] = head.logits(raw[test])
        scaled = lambda scale: log_loss(targets, softmax(scale * logits, axis=1))  # noqa: E731
        return scaled(1), minimize_scalar(scaled, bounds=(0.1, 30), method="bounded").fun

    raws, scaled = zip(*(held_out_losses(strength) for strength in WAYS["logistic"].strengths), strict=True)
    assert found.strength == WAYS["logistic"].strengths[int(np.argmin(scaled))]
    assert found.strength > 100 * WAYS["logistic"].strengths[int(np.argmin(raws))]
    assert found.scale > 1


def test_ridge_gets_a_scale_that_makes_probabilities_of_its_answers() -> None:
    raw, targets = vectors(300), classes(2, 300)
    ridge, logistic = (fit_head(raw, targets, CLASSES, method) for method in ("ridge", "logistic"))
    assert ridge.scale > 1
    assert ridge.loss == pytest.approx(logistic.loss, abs=0.05)


@pytest.mark.parametrize("method", methods_for(CLASSES))
def test_a_class_without_rows_gets_a_finite_head_and_is_not_chosen(method: str) -> None:
    raw, targets = vectors(), classes(3) * 2
    head = fit_head(raw, targets, CLASSES, method, num_labels=6)
    assert head.weight.shape == (6, SIZE)
    assert np.isfinite(np.column_stack([head.weight, head.bias])).all()
    assert set(head.logits(raw).argmax(1)) <= {0, 2, 4}


@pytest.mark.parametrize("method", methods_for(CLASSES))
@pytest.mark.parametrize("targets", [[0], [0, 1], [0, 0, 0, 1], [1, 1, 1]])
def test_any_number_of_rows_gives_a_head(method: str, targets: list[int]) -> None:
    head = fit_head(vectors(len(targets)), np.array(targets), CLASSES, method, num_labels=2)
    assert np.isfinite(np.column_stack([head.weight, head.bias])).all()


@pytest.mark.parametrize("noise", [0.0, 1e-33, 1e-8])
def test_numbers_that_are_constant_but_for_rounding_get_no_weight_to_speak_of(noise: float) -> None:
    raw = vectors().astype(np.float64)
    raw[:, 1] = 7 if not noise else noise * np.random.default_rng(4).normal(size=NUM_ROWS)
    head = fit_head(raw, classes(3), CLASSES, "logistic", strength=0.1)
    without = fit_head(np.delete(raw, 1, axis=1), classes(3), CLASSES, "logistic", strength=0.1 * 6 / 5)
    assert np.abs(head.weight).max() == pytest.approx(np.abs(without.weight).max(), rel=1e-3)


def test_the_same_rows_and_seed_give_the_same_head() -> None:
    inner = deal_inner_folds(CLASSES, classes(3), seed=4)
    first, second = (fit_head(vectors(), classes(3), CLASSES, "lda", inner=inner) for _ in range(2))
    np.testing.assert_array_equal(first.weight, second.weight)


def test_a_method_that_does_not_suit_says_which_do() -> None:
    assert method_for(CLASSES) == "logistic"
    assert method_for(NUMBERS) == "ridge"
    with pytest.raises(UsageError, match="does not suit") as found:
        method_for(NUMBERS, "lda")
    assert "ridge" in str(found.value)
    with pytest.raises(UsageError, match="choices of each row"):
        method_for(CHOICES)


def copies() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return three nearly equal rows of each of 30 groups, whose classes follow from nothing."""
    generator = np.random.default_rng(5)
    groups = np.repeat(np.arange(30), 3)
    raw = generator.normal(size=(30, 80))[groups] + generator.normal(scale=0.01, size=(90, 80))
    return raw, generator.permutation(np.arange(30) % 2)[groups], groups


@pytest.mark.parametrize("method", ["logistic", "ridge", "lda"])
def test_rows_of_a_unit_say_nothing_of_each_other(method: str) -> None:
    raw, targets, groups = copies()
    torn = fit_head(raw, targets, CLASSES, method)
    assert torn.loss < 0.2
    whole = fit_head(raw, targets, CLASSES, method, inner=deal_inner_folds(CLASSES, targets, units=groups))
    assert whole.held_out is not None
    assert whole.loss > 0.6
    assert 0.2 < (whole.held_out.argmax(1) == targets).mean() < 0.8
    same = fit_head(raw, targets, CLASSES, method, inner=deal_inner_folds(CLASSES, targets, units=list(range(90))))
    assert (same.loss, same.strength, same.scale) == (torn.loss, torn.strength, torn.scale)


def test_a_table_copied_row_by_row_has_the_strength_and_the_scale_of_the_table() -> None:
    raw, targets = vectors(60), classes(3, 60)
    twice = np.repeat(np.arange(60), 2)
    # Folds of whole units, whichever these are: of pairs of rows, and of the same pairs with every row twice.
    pairs = np.arange(60) // 2
    whole, doubled = (deal_inner_folds(CLASSES, targets[rows], units=pairs[rows]) for rows in (slice(None), twice))
    once = fit_head(raw, targets, CLASSES, "logistic", inner=whole, weights=np.full(60, 2.0))
    copied = fit_head(raw[twice], targets[twice], CLASSES, "logistic", inner=doubled)
    assert copied.strength == once.strength
    assert copied.scale == pytest.approx(once.scale, rel=1e-3)


def test_too_few_units_hold_nothing_out() -> None:
    raw, targets = vectors(12), np.arange(12) % 2
    head = fit_head(raw, targets, CLASSES, "logistic", inner=deal_inner_folds(CLASSES, targets, units=[0] * 12))
    assert head.held_out is None
    assert head.loss is None
