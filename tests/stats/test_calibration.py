"""Calibration against scikit-learn, sums by hand, and logits whose temperature is known."""

from __future__ import annotations

import math

import numpy
import pytest
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss, log_loss

from headstart.stats.calibration import calibration, cross_fitted_probabilities, fit_temperature, softmax


def _drawn(num_examples: int, scale: float, seed: int = 0) -> tuple[numpy.ndarray, numpy.ndarray]:
    """Logits of four classes and labels drawn from their own probabilities."""
    generator = numpy.random.default_rng(seed)
    logits = scale * generator.standard_normal((num_examples, 4))
    thresholds = softmax(logits).cumsum(axis=1)
    labels = (generator.random((num_examples, 1)) > thresholds[:, :3]).sum(axis=1)
    return logits, labels


def test_two_bins_by_hand():
    probabilities = numpy.array([[0.9, 0.1], [0.2, 0.8], [0.4, 0.6], [0.45, 0.55]])
    result = calibration(probabilities, numpy.array([0, 0, 1, 1]), num_bins=4)
    # (0.5, 0.75]: confidences 0.6, 0.55, both right. (0.75, 1]: 0.9 right, 0.8 wrong.
    assert [each.num_examples for each in result.bins] == [0, 0, 2, 2]
    assert result.bins[2].accuracy == 1.0
    assert result.bins[3].mean_confidence == pytest.approx(0.85)
    assert result.expected_error == pytest.approx((2 * 0.425 + 2 * 0.35) / 4)
    assert result.brier == pytest.approx((2 * 0.01 + 2 * 0.64 + 2 * 0.16 + 2 * 0.2025) / 4)
    assert result.bins[0].accuracy is None


def test_scores_and_curve_agree_with_scikit_learn():
    logits, labels = _drawn(600, 1.5)
    probabilities = softmax(logits)
    result = calibration(probabilities, labels, num_bins=10)
    assert result.brier == pytest.approx(brier_score_loss(labels, probabilities, labels=[0, 1, 2, 3]))
    assert result.log_loss == pytest.approx(log_loss(labels, probabilities))
    is_right = probabilities.argmax(axis=1) == labels
    accuracies, confidences = calibration_curve(is_right, probabilities.max(axis=1), n_bins=10)
    filled = [each for each in result.bins if each.num_examples]
    assert [each.accuracy for each in filled] == pytest.approx(accuracies)
    assert [each.mean_confidence for each in filled] == pytest.approx(confidences)


def test_sure_and_right_is_perfect():
    result = calibration(numpy.eye(3), numpy.array([0, 1, 2]))
    assert (result.expected_error, result.brier, result.log_loss) == (0.0, 0.0, 0.0)
    worst = calibration(numpy.eye(3), numpy.array([1, 2, 0]))
    assert (worst.expected_error, worst.brier) == (1.0, 2.0)
    assert math.isfinite(worst.log_loss)


@pytest.mark.parametrize("temperature", [0.4, 1.0, 3.0])
def test_temperature_of_stretched_logits_is_found(temperature: float):
    logits, labels = _drawn(20_000, 1.5)
    assert fit_temperature(temperature * logits, labels) == pytest.approx(temperature, rel=0.04)


def test_temperature_is_the_least_log_loss():
    logits, labels = _drawn(200, 2.0, seed=1)
    best = fit_temperature(logits, labels)
    losses = [log_loss(labels, softmax(logits, best * factor)) for factor in (0.98, 1.0, 1.02)]
    assert losses[1] == min(losses)


def test_scaling_mends_overconfidence_on_other_rows():
    logits, labels = _drawn(2000, 1.5)
    stretched = 3.0 * logits
    before = calibration(softmax(stretched), labels)
    after = calibration(cross_fitted_probabilities(stretched, labels), labels)
    assert after.expected_error < 0.3 * before.expected_error
    assert after.log_loss < before.log_loss
    assert after.log_loss == pytest.approx(calibration(softmax(logits), labels).log_loss, rel=0.01)


def test_cross_fitting_never_uses_a_rows_own_label():
    logits, labels = _drawn(40, 2.0, seed=2)
    changed = labels.copy()
    changed[0] = (changed[0] + 1) % 4
    before, after = (cross_fitted_probabilities(logits, each, num_folds=40) for each in (labels, changed))
    assert before[0] == pytest.approx(after[0], abs=1e-12)
    assert numpy.abs(before[1:] - after[1:]).max() > 1e-6


def test_all_right_gives_the_smallest_temperature():
    assert fit_temperature(5.0 * numpy.eye(3), numpy.array([0, 1, 2])) == pytest.approx(0.01, rel=0.01)


@pytest.mark.parametrize(
    ("values", "labels"),
    [
        (numpy.zeros((0, 2)), numpy.zeros(0, dtype=int)),
        (numpy.full((2, 2), 0.5), numpy.array([0, 2])),
        (numpy.full((2, 2), 0.5), numpy.array([0, -1])),
        (numpy.full((2, 2), 0.5), numpy.array([0.0, 1.0])),
        (numpy.full((2, 2), 0.5), numpy.array([0])),
        (numpy.full((2, 2), 0.9), numpy.array([0, 1])),
        (numpy.array([[numpy.nan, 1.0]]), numpy.array([0])),
    ],
)
def test_what_is_no_table_of_probabilities_is_refused(values: numpy.ndarray, labels: numpy.ndarray):
    with pytest.raises(ValueError, match=r"calibration needs|labels are whole"):
        calibration(values, labels)
