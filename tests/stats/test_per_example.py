"""McNemar's test against SciPy and a published table."""

from __future__ import annotations

import math

import numpy
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from headstart.stats.per_example import mcnemar


def _sides(both: int, only_a: int, only_b: int, neither: int) -> tuple[list[bool], list[bool]]:
    a = [True] * both + [True] * only_a + [False] * only_b + [False] * neither
    b = [True] * both + [False] * only_a + [True] * only_b + [False] * neither
    return a, b


def test_airway_example():
    """Fagerland et al. (2013), table 1: 1, 1, 7, 12 give an exact p of 0.070 and a mid-p of 0.039."""
    result = mcnemar(*_sides(1, 1, 7, 12))
    assert (result.num_only_a, result.num_only_b) == (1, 7)
    assert result.p_value == pytest.approx(18 / 256)
    assert result.mid_p_value == pytest.approx(10 / 256)


@given(st.integers(0, 400), st.integers(0, 400))
def test_p_value_is_that_of_the_binomial_test(only_a: int, only_b: int):
    result = mcnemar(*_sides(3, only_a, only_b, 5))
    expected = scipy.stats.binomtest(only_a, only_a + only_b).pvalue if only_a + only_b else 1.0
    assert result.p_value == pytest.approx(expected, rel=1e-9)
    assert 0.0 < result.mid_p_value <= result.p_value * (1 + 1e-12)


def test_equal_answers_show_nothing():
    result = mcnemar([True, False], [True, False])
    assert (result.p_value, result.mid_p_value) == (1.0, 1.0)


def test_under_the_null_it_rejects_at_most_at_the_nominal_rate():
    generator, num_samples = numpy.random.default_rng(0), 2000
    right = generator.random((num_samples, 2, 60)) < 0.7
    rejected = numpy.mean([mcnemar(a, b).p_value <= 0.05 for a, b in right])
    assert rejected <= 0.05 + 4 * math.sqrt(0.05 * 0.95 / num_samples)


def test_of_examples_that_belong_together_whole_units_are_counted():
    """Of five units a gets more of two right, b of two, and both as much of the last."""
    a = [True, True, False, True, False, False, True]
    b = [False, False, False, False, True, True, True]
    result = mcnemar(a, b, units=[7, 7, 7, 1, 2, 3, 4])
    assert (result.num_only_a, result.num_only_b) == (2, 2)
    result = mcnemar(a, b, units=[7, 7, 7, 1, 2, 2, 4])
    assert (result.num_only_a, result.num_only_b) == (2, 1)


def test_repeats_under_the_null_are_rejected_at_most_at_the_nominal_rate():
    """Each of 60 answers four times: as rows they reject far too often."""
    generator, num_samples = numpy.random.default_rng(1), 1000
    right = (generator.random((num_samples, 2, 60)) < 0.7).repeat(4, axis=2)
    units = numpy.arange(60).repeat(4)
    as_units, as_rows = (
        numpy.mean([mcnemar(a, b, given).p_value <= 0.05 for a, b in right]) for given in (units, None)
    )
    assert as_units <= 0.05 + 4 * math.sqrt(0.05 * 0.95 / num_samples)
    assert as_rows > 0.2


@pytest.mark.parametrize("sides", [([], []), ([1.0], [1.0, 0.0]), ([[1.0]], [[1.0]])])
def test_other_examples_on_the_two_sides_are_refused(sides):
    with pytest.raises(ValueError, match="same examples"):
        mcnemar(*sides)
