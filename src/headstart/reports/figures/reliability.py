"""The reliability curve of one model: whether it is right as often as it says."""

from __future__ import annotations

from headstart.reports.figures.calibration import ReliabilityCurve, ReliabilityPoint, draw_curves
from headstart.reports.figures.drawing import DataTable, Figure, Series
from headstart.stats.calibration import Calibration


def reliability_figure(name: str, found: Calibration) -> Figure:
    """Return accuracy against confidence of one model's answers."""
    points = tuple(
        ReliabilityPoint(confidence=each.mean_confidence, accuracy=each.accuracy, num_answers=each.num_examples)
        for each in found.bins
        if each.mean_confidence is not None and each.accuracy is not None
    )
    curve = ReliabilityCurve(
        series=Series(number=1, label="this model"),
        points=points,
        error=found.expected_error,
        scaled_error=None,
        fitted="",
    )
    return Figure(
        name=name,
        title="Calibration",
        caption=(
            "Accuracy of the answers against the confidence they were given with; larger points stand for more "
            "answers. On the dashed line confidence is right, below it the model is too sure."
        ),
        description=f"Expected calibration error: {100 * found.expected_error:.1f} %.",
        elements=draw_curves((curve,)),
        numbers=DataTable(
            headings=("confidence", "right answers", "answers"),
            rows=tuple(
                (f"{100 * each.confidence:.1f} %", f"{100 * each.accuracy:.1f} %", f"{each.num_answers:,}")
                for each in points
            ),
        ),
    )
