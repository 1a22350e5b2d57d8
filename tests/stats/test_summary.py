"""Summaries against NumPy, and the rule of two standard errors against numbers worked by hand."""

from __future__ import annotations

import math

import numpy
import pytest

from headstart.stats.summary import clearly_above, count_outcomes, standard_error_of_score, summarise


def test_summary_agrees_with_numpy():
    values = numpy.random.default_rng(0).normal(size=11)
    summary = summarise(values)
    assert summary.n == 11
    assert summary.mean == pytest.approx(values.mean(), rel=1e-12)
    assert summary.standard_deviation == pytest.approx(values.std(ddof=1), rel=1e-12)
    quartiles = (summary.lower_quartile, summary.median, summary.upper_quartile)
    assert quartiles == pytest.approx(tuple(numpy.quantile(values, [0.25, 0.5, 0.75])), rel=1e-12)
    assert (summary.minimum, summary.maximum) == (values.min(), values.max())
    assert summary.standard_error == pytest.approx(values.std(ddof=1) / math.sqrt(11), rel=1e-12)


def test_one_value_has_no_spread():
    summary = summarise([0.5])
    assert summary.standard_deviation is None
    assert summary.standard_error is None
    assert (summary.lower_quartile, summary.median, summary.upper_quartile) == (0.5, 0.5, 0.5)


@pytest.mark.parametrize("values", [[], [0.1, math.nan], [math.inf]])
def test_nothing_and_not_finite_are_refused(values: list[float]):
    with pytest.raises(ValueError, match="finite"):
        summarise(values)


def test_one_seed_still_has_the_error_of_its_examples():
    # A proportion of 0.6 on 96 examples: sqrt(0.6 * 0.4 / 96) = 0.05.
    assert standard_error_of_score(summarise([0.6]), 96) == pytest.approx(0.05)


def test_errors_of_seeds_and_examples_add_as_variances():
    # Seeds 0.5 and 0.7: sd 0.1414, standard error 0.1; examples as above 0.05.
    assert standard_error_of_score(summarise([0.5, 0.7]), 96) == pytest.approx(math.hypot(0.1, 0.05))


def test_clearly_above_asks_for_two_standard_errors():
    score = summarise([0.6])
    assert clearly_above(score, 0.499, 96)
    assert not clearly_above(score, 0.501, 96)


def test_scores_outside_0_to_1_have_no_error_from_examples():
    assert standard_error_of_score(summarise([-0.2]), 100) == 0.0


def test_degenerate_runs_are_counted_and_kept():
    outcomes = count_outcomes(
        {0: 0.8, 1: 0.5, 2: 0.4, 3: 0.52},
        constant_scores=dict.fromkeys(range(4), 0.5),
        constant_seeds=(1, 3, 9),
        num_failed=2,
    )
    assert outcomes.summary is not None
    assert outcomes.summary.n == 4
    assert outcomes.summary.mean == pytest.approx(0.555)
    assert (outcomes.num_failed, outcomes.num_constant, outcomes.num_at_constant_score) == (2, 2, 2)
    assert outcomes.num_degenerate == 3


def test_no_finished_run_has_no_summary():
    outcomes = count_outcomes({}, constant_scores={}, num_failed=3)
    assert outcomes.summary is None
    assert outcomes.num_degenerate == 0
