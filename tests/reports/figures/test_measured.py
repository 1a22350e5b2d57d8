"""Figures of what stages measured, against numbers worked out by hand."""

from __future__ import annotations

import pytest

from headstart.reports.figures.calibration import calibration_figure, reliability_curve
from headstart.reports.figures.drawing import Series
from headstart.reports.figures.layer_distances import LayerLine, layers_figure, mean_distances
from headstart.reports.figures.rows import MeasuredRow, Quantity, measured_figure
from headstart.store.diagnostics import CalibrationRecord

SERIES = Series(number=1, label="lp_ft")
Bin = tuple[float, float, int]


def calibration(error: float, *bins: Bin) -> CalibrationRecord:
    return CalibrationRecord(expected_error=error, brier=0.3, log_loss=0.5, bins=bins)


def test_the_bins_of_all_seeds_are_joined_by_their_answers():
    first = calibration(0.1, (0.95, 0.9, 30), (0.51, 0.5, 10))
    second = calibration(0.2, (0.97, 0.6, 10))
    curve = reliability_curve(SERIES, [first, second], [calibration(0.05)])
    low, high = curve.points
    assert (low.confidence, low.accuracy, low.num_answers) == (0.51, 0.5, 10)
    assert (high.confidence, high.accuracy, high.num_answers) == pytest.approx((0.955, 0.825, 40))
    assert (curve.error, curve.scaled_error) == (pytest.approx(0.15), 0.05)
    assert curve.fitted == " (fitted in 1 of 2 runs)"


def test_a_calibration_figure_starts_where_confidence_does():
    curve = reliability_curve(SERIES, [calibration(0.1, (0.52, 0.5, 10), (0.9, 0.8, 30))], [])
    figure = calibration_figure("calibration", [curve])
    assert figure is not None
    svg = "".join(part.__html__() for part in figure.elements)
    assert ">50</text>" in svg
    assert ">40</text>" in svg.partition("confidence")[0]  # on the other axis, from 0
    assert "80 % right at 90 % confidence, 30 answers" in svg
    assert figure.description == "Expected calibration error, mean over seeds. lp_ft: 10.0 %, no temperature fitted."
    assert calibration_figure("calibration", []) is None


def test_a_quantity_is_a_mark_and_a_dot_for_each_seed():
    row = MeasuredRow(series=SERIES, values=((0, 2.0), (3, 4.0)))
    figure = measured_figure("change", Quantity(title="Change", axis="distance", caption=""), [row])
    assert figure is not None
    assert figure.description == "distance, mean over seeds. lp_ft: 3.00."
    assert "".join(part.__html__() for part in figure.elements).count("<circle") == 2
    assert figure.numbers is not None
    assert figure.numbers.rows == (("0", "2.00"), ("3", "4.00"))


def test_zero_everywhere_is_a_figure_too():
    row = MeasuredRow(series=SERIES, values=((0, 0.0),))
    assert measured_figure("change", Quantity(title="Change", axis="distance", caption=""), [row]) is not None


def test_layers_keep_their_order_and_are_averaged():
    distances = mean_distances([{"embeddings": 0.1, "layer 0": 0.2}, {"embeddings": 0.3, "layer 0": 0.2}])
    assert distances == {"embeddings": pytest.approx(0.2), "layer 0": pytest.approx(0.2)}
    figure = layers_figure("layers", [LayerLine(series=SERIES, distances=distances)])
    assert figure is not None
    assert figure.numbers is not None
    assert [row[0] for row in figure.numbers.rows] == ["embeddings", "layer 0"]
    assert layers_figure("layers", []) is None
