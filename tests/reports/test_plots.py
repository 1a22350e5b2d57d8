"""The geometry of figures."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headstart.reports.frame import Frame
from headstart.reports.plots import (
    BOTTOM,
    LEFT,
    RIGHT,
    STRIP_WIDTH,
    TOP,
    Axis,
    cost_figure,
    nice_step,
    strip,
    strip_limit,
)
from headstart.reports.tables import ComparisonGroup, build_comparison
from tests.support.stores import make_record


def group_of(scores: dict[str, list[float]]) -> ComparisonGroup:
    records = [make_record(label, seed, score) for label, values in scores.items() for seed, score in enumerate(values)]
    (group,) = build_comparison(Frame.from_records(records)).groups
    return group


@given(st.floats(1e-6, 1e9))
def test_steps_are_round_and_about_five_fit(span: float):
    step = nice_step(span)
    assert 2.5 <= span / step <= 10
    assert f"{step:e}"[0] in "125"


def test_an_axis_places_its_ends_and_ticks():
    axis = Axis(title="", low=0.0, high=60.0, begin=50, end=450)
    assert (axis.place(0), axis.place(60)) == (50, 450)
    assert [(tick.text, tick.position) for tick in axis.ticks()][:2] == [("0", 50.0), ("10", 116.7)]


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=6))
def test_markers_stay_inside_the_figure(scores: list[float]):
    group = group_of({"finetune": scores})
    figure = cost_figure(group, {"demo-finetune": {seed: 50.0 + seed for seed in range(len(scores))}})
    assert figure is not None
    for marker in figure.markers:
        assert LEFT <= marker.x <= RIGHT
        assert TOP <= marker.high <= marker.y <= marker.low <= BOTTOM
        assert all(TOP <= y <= BOTTOM for _, y in marker.dots)


def test_a_strip_cuts_a_long_interval_and_says_so():
    group = group_of({"finetune": [0.70, 0.70], "lp_ft": [0.72, 0.71]})
    row = group.rows[1]
    limit = strip_limit(group)
    assert limit == pytest.approx(0.03)
    figure = strip(row, limit)
    assert figure is not None
    assert figure.zero == STRIP_WIDTH / 2
    assert figure.zero < figure.mean < max(figure.dots)
    assert (figure.is_cut_low, figure.is_cut_high) == (True, True)
    assert figure.description == "seed 0: +2.00, seed 1: +1.00"


def test_a_baseline_has_no_strip():
    group = group_of({"finetune": [0.7]})
    assert strip(group.rows[0], strip_limit(group)) is None
