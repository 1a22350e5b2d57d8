"""Figures of a fit's report: everything lies inside, and says its numbers."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headstart.reports.figures.answered_numbers import MOST_DOTS, answered_numbers_figure
from headstart.reports.figures.confusion import confusion_figure, most_frequent_confusions
from headstart.reports.figures.drawing import Element, Figure
from headstart.reports.figures.reliability import reliability_figure
from headstart.reports.figures.training_rows import training_rows_figure
from headstart.reports.fit.facts import CurvePoint
from headstart.stats.calibration import calibration
from headstart.stats.intervals import Interval

COUNTS = np.array([[5, 1, 0], [0, 7, 2], [0, 0, 4]])


def elements_of(figure: Figure) -> Iterator[Element]:
    waiting: list[Element | str] = list(figure.elements)
    while waiting:
        each = waiting.pop()
        if isinstance(each, Element):
            yield each
            waiting += each.children


def marks_of(figure: Figure, tag: str) -> list[dict[str, str]]:
    return [dict(each.attributes) for each in elements_of(figure) if each.tag == tag]


def test_a_confusion_matrix_has_a_cell_for_every_pair_that_is_there() -> None:
    figure = confusion_figure("matrix", COUNTS, ("a", "b", "c"))
    assert len(marks_of(figure, "rect")) == 1 + 5
    assert {text for each in elements_of(figure) if each.tag == "title" for text in each.children} >= {
        "b, answered c: 2 of 9",
        "a, answered a: 5 of 6",
    }
    assert figure.description == "16 of 19 rows are answered right. Most often mistaken: b as c 2; a as b 1."
    assert figure.numbers is not None
    assert figure.numbers.rows == (("b", "c", "2", "22.2 %"), ("a", "b", "1", "16.7 %"))
    assert most_frequent_confusions(COUNTS) == [(1, 2), (0, 1)]


@pytest.mark.parametrize("num_classes", [2, 14, 24, 77, 500])
def test_a_confusion_matrix_of_any_size_stays_inside(num_classes: int) -> None:
    names = [f"a class with a long name {number}" for number in range(num_classes)]
    counts = np.random.default_rng(0).integers(0, 2, (num_classes, num_classes))[:, :60]
    figure = confusion_figure("matrix", np.pad(counts, ((0, 0), (0, num_classes - counts.shape[1]))), names)
    for cell in marks_of(figure, "rect"):
        assert 0 <= float(cell["x"]) + float(cell["width"]) <= figure.width
        assert 0 <= float(cell["y"]) + float(cell["height"]) <= figure.height


def test_a_reliability_curve_says_its_points() -> None:
    answers = np.array([[0.9, 0.1]] * 10 + [[0.3, 0.7]] * 10)
    figure = reliability_figure("curve", calibration(answers, np.array([0] * 9 + [1] + [1] * 6 + [0] * 4)))
    assert figure.numbers is not None
    assert figure.numbers.rows == (("70.0 %", "60.0 %", "10"), ("90.0 %", "90.0 %", "10"))
    assert figure.description == "Expected calibration error: 5.0 %."


def test_one_number_of_rows_is_no_curve() -> None:
    assert training_rows_figure("rows", "accuracy", [CurvePoint(num_rows=8, score=0.5)] * 2) is None


@given(
    st.sampled_from(["accuracy", "matthews", "rmse"]),
    st.lists(st.tuples(st.integers(1, 10**7), st.floats(0, 1), st.floats(0, 0.5)), min_size=2, max_size=7),
)
def test_scores_at_numbers_of_rows_stay_inside(metric: str, values: list[tuple[int, float, float]]) -> None:
    curve = [
        CurvePoint(
            num_rows=rows,
            score=score,
            interval=Interval(low=max(0.0, score - width), high=min(1.0, score + width), confidence=0.95),
        )
        for rows, score, width in sorted(values)
    ]
    figure = training_rows_figure("rows", metric, curve)
    if figure is not None:
        points = marks_of(figure, "circle")
        assert len(points) == len(curve)
        assert all(0 <= float(p["cx"]) <= figure.width and 0 <= float(p["cy"]) <= figure.height for p in points)


@given(st.lists(st.tuples(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6)), min_size=1, max_size=20))
def test_answered_numbers_stay_inside(pairs: list[tuple[float, float]]) -> None:
    labels, answers = np.array(pairs).T
    figure = answered_numbers_figure("numbers", labels, answers)
    assert all(
        0 <= float(each["cx"]) <= figure.width and 0 <= float(each["cy"]) <= figure.height
        for each in marks_of(figure, "circle")
    )


def test_many_rows_are_drawn_in_part() -> None:
    figure = answered_numbers_figure("numbers", np.arange(5_001.0), np.arange(5_001.0))
    assert len(marks_of(figure, "circle")) <= MOST_DOTS
