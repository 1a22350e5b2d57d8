"""Holm's correction against R's p.adjust and a simulation of the null."""

from __future__ import annotations

import math

import numpy
import pytest

from headstart.stats.multiplicity import holm


def test_worked_example():
    """0.01, 0.04, 0.03, 0.005: R's p.adjust(method = "holm") gives 0.03, 0.06, 0.06, 0.02."""
    adjusted = holm({"a": 0.01, "b": 0.04, "c": 0.03, "d": 0.005})
    assert list(adjusted) == ["a", "b", "c", "d"]
    assert list(adjusted.values()) == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_one_comparison_stays_and_none_is_none():
    assert holm({"only": 0.04}) == {"only": 0.04}
    assert holm({}) == {}
    assert holm({"a": 0.9, "b": 0.8}) == {"a": 1.0, "b": 1.0}


def test_errs_anywhere_at_most_at_the_nominal_rate():
    p_values = numpy.random.default_rng(0).random((4000, 6))
    wrong = numpy.mean([min(holm(dict(zip("abcdef", row, strict=True))).values()) <= 0.05 for row in p_values])
    assert wrong <= 0.05 + 4 * math.sqrt(0.05 * 0.95 / 4000)
    assert wrong >= 0.035


@pytest.mark.parametrize("value", [-0.1, 1.2, math.nan])
def test_what_is_no_p_value_is_refused(value: float):
    with pytest.raises(ValueError, match="between 0 and 1"):
        holm({"a": value})
