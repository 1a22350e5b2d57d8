"""Calibration against scikit-learn, sums by hand, and logits whose temperature is known."""

from __future__ import annotations

import math

import numpy
import pytest
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss, log_loss

from headstart.stats.calibration import calibration, cross_fitted_probabilities, fit_temperature, softmax


def _drawn(
    num_examples: int, scale: float, seed: int = 0, *, num_classes: int = 4
) -> tuple[numpy.ndarray, numpy.ndarray]:
    """Logits and labels drawn from their own probabilities."""
    generator = numpy.random.default_rng(seed)
    logits = scale * generator.standard_normal((num_examples, num_classes))
    thresholds = softmax(logits).cumsum(axis=1)
    labels = (generator.random((num_examples, 1)) > thresholds[:, :-1]).sum(axis=1)
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


def test_of_a_large_table_evenly_spaced_rows_are_taken(monkeypatch: pytest.MonkeyPatch):
    generator = numpy.random.default_rng(3)
    logits = generator.normal(size=(90, 4))
    labels = generator.integers(0, 4, size=90)
    whole = fit_temperature(logits, labels)
    expected = fit_temperature(logits[::3], labels[::3])
    monkeypatch.setattr("headstart.stats.calibration.MOST_LOGITS", 120)
    assert fit_temperature(logits, labels) == expected != whole


def test_temperature_is_the_least_log_loss():
    logits, labels = _drawn(200, 2.0, seed=1)
    best = fit_temperature(logits, labels)
    losses = [log_loss(labels, softmax(logits, best * factor)) for factor in (0.98, 1.0, 1.02)]
    assert losses[1] == min(losses)


def test_scaling_mends_overconfidence_on_other_rows():
    logits, labels = _drawn(2000, 1.5)
    stretched = 3.0 * logits
    before = calibration(softmax(stretched), labels)
    scaled = cross_fitted_probabilities(stretched, labels)
    assert scaled is not None
    after = calibration(scaled, labels)
    assert after.expected_error < 0.3 * before.expected_error
    assert after.log_loss < before.log_loss
    assert after.log_loss == pytest.approx(calibration(softmax(logits), labels).log_loss, rel=0.01)


def test_cross_fitting_never_uses_a_rows_own_label():
    logits, labels = _drawn(40, 2.0, seed=2)
    changed = labels.copy()
    changed[0] = (changed[0] + 1) % 4
    before, after = (cross_fitted_probabilities(logits, each, num_folds=40) for each in (labels, changed))
    assert before is not None
    assert after is not None
    assert before[0] == pytest.approx(after[0], abs=1e-12)
    assert numpy.abs(before[1:] - after[1:]).max() > 1e-6


def test_rows_that_are_all_right_have_the_temperature_of_half_a_wrong_answer():
    """Fifty leads of 3: the best probability of a right answer is 1 - 0.5 / 50, so that exp(-3 / T) = 0.01 / 0.99."""
    logits = numpy.tile([3.0, 0.0], (50, 1))
    expected = 3.0 / math.log(0.99 / 0.01)
    assert fit_temperature(logits, numpy.zeros(50, dtype=int)) == pytest.approx(expected, rel=1e-5)
    assert fit_temperature(100 * logits, numpy.zeros(50, dtype=int)) == pytest.approx(100 * expected, rel=1e-5)


def test_no_temperature_is_fitted_to_fewer_than_two_wrong_answers():
    """Forty-nine sure right answers and one wrong: scaled by the right ones alone it costs 27 times the log loss."""
    logits, labels = numpy.array([[3.0, 0.0]] * 49 + [[0.0, 1.0]]), numpy.zeros(50, dtype=int)
    assert cross_fitted_probabilities(logits, labels) is None
    assert cross_fitted_probabilities(logits[:49], labels[:49]) is None
    logits[48] = [0.0, 1.0]
    assert cross_fitted_probabilities(logits, labels) is not None


@pytest.mark.parametrize("num_wrong", [2, 5, 7])
def test_wrong_answers_are_dealt_evenly_over_the_folds(num_wrong: int):
    """With as many wrong answers in each part, parts of equal size get equal temperatures."""
    is_wrong = numpy.arange(50) < num_wrong
    logits = numpy.where(is_wrong[:, None], [0.0, 1.0], [3.0, 0.0])
    scaled = cross_fitted_probabilities(logits, numpy.zeros(50, dtype=int))
    assert scaled is not None
    temperatures = numpy.where(is_wrong, 1.0, 3.0) / numpy.log(scaled.max(axis=1) / scaled.min(axis=1))
    sizes = {round(float(temperature), 6) for temperature in temperatures}
    assert len(sizes) == (1 if num_wrong % 5 == 0 else 2)


@pytest.mark.parametrize("num_rows", [50, 100])
@pytest.mark.parametrize("scale", [3.0, 6.0])
def test_scaling_what_is_calibrated_never_doubles_its_log_loss(scale: float, num_rows: int):
    """Of 200 such samples of 50 rows up to 24 % more than doubled it, when a temperature near zero was possible."""
    num_fitted = 0
    for seed in range(50):
        logits, labels = _drawn(num_rows, scale, seed, num_classes=2)
        scaled = cross_fitted_probabilities(logits, labels)
        if scaled is not None:
            num_fitted += 1
            assert calibration(scaled, labels).log_loss < 2.0 * calibration(softmax(logits), labels).log_loss
    assert num_fitted > 35


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


def test_rows_of_a_unit_are_scaled_without_each_other():
    """What one row's label is changes no temperature of its copies, and that of every other unit."""
    generator = numpy.random.default_rng(2)
    units = numpy.repeat(numpy.arange(40), 3)
    logits = 4 * generator.normal(size=(40, 3))[units]
    labels = generator.integers(0, 3, 40)[units]
    changed = labels.copy()
    changed[:3] = (labels[:3] + 1) % 3
    before, after = (cross_fitted_probabilities(logits, each, units=units, num_folds=40) for each in (labels, changed))
    numpy.testing.assert_array_equal(before[:3], after[:3])
    assert (before[3:] != after[3:]).any(axis=1).all()
    torn = [cross_fitted_probabilities(logits, each, num_folds=40) for each in (labels, changed)]
    assert (torn[0][:3] != torn[1][:3]).any()


def test_copies_have_the_temperature_of_the_table_and_are_wrong_once():
    generator = numpy.random.default_rng(6)
    units = numpy.repeat(numpy.arange(30), 4)
    logits = generator.normal(size=(30, 3)) + 3 * numpy.eye(3)[numpy.arange(30) % 3]
    labels = logits.argmax(axis=1)
    labels[0] = (labels[0] + 1) % 3
    once = fit_temperature(logits, labels)
    assert fit_temperature(logits[units], labels[units], units) == pytest.approx(once, rel=1e-4)
    right = logits.argmax(axis=1)
    assert fit_temperature(logits[units], right[units], units) == pytest.approx(
        fit_temperature(logits, right), rel=1e-4
    )
    assert fit_temperature(logits[units], right[units]) < 0.9 * fit_temperature(logits, right)
    assert cross_fitted_probabilities(logits[units], labels[units], units=units) is None
    assert cross_fitted_probabilities(logits[units], labels[units]) is not None
