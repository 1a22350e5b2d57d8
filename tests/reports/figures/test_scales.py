"""Axes: round numbers, and values where they belong."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headstart.comparison.formats import MINUS
from headstart.reports.figures.scales import Axis, above, around, nice_step

values = st.lists(st.floats(-100, 100), min_size=1, max_size=9)


@given(st.floats(1e-6, 1e9))
def test_steps_are_round_and_about_five_fit(span: float):
    step = nice_step(span)
    assert 2.5 <= span / step <= 10
    assert f"{step:e}"[0] in "125"


def test_an_axis_places_its_ends_and_ticks():
    axis = Axis(title="", low=0.0, high=60.0, begin=50, end=450)
    assert (axis.place(0), axis.place(60)) == (50, 450)
    assert [(tick.text, tick.position) for tick in axis.ticks()][:2] == [("0", 50.0), ("10", 116.7)]


def test_a_signed_axis_says_so_and_clips():
    axis = Axis(title="", low=-2.0, high=2.0, begin=0, end=100)
    assert [tick.text for tick in axis.ticks(4, is_signed=True)] == [f"{MINUS}2", f"{MINUS}1", "0", "+1", "+2"]
    assert (axis.clip(-9), axis.clip(9), axis.clip(0)) == (0, 100, 50)


@given(values)
def test_limits_lie_around_the_values(numbers: list[float]):
    low, high = around(numbers)
    assert low <= min(numbers) <= max(numbers) <= high
    assert high - low >= 4.0
    assert above(numbers) >= max(*numbers, 0.0)


@pytest.mark.parametrize(("low", "high", "text"), [(0, 0.004, "0.001"), (0, 20_000, "5,000")])
def test_ticks_have_as_many_digits_as_they_need(low: float, high: float, text: str):
    ticks = Axis(title="", low=low, high=high, begin=0, end=1).ticks()
    assert text in {tick.text for tick in ticks}
