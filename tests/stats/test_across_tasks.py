"""Gains over tasks against sums by hand, the single comparison, SciPy, the paper's table and simulated nulls."""

from __future__ import annotations

import itertools

import numpy
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.null_verdicts import (
    NUMBERS_OF_SEEDS,
    NUMBERS_OF_TASKS,
    WITHOUT_EFFECT,
    WITHOUT_EFFECT_ON_OTHERS,
    Scenario,
    may_have_a_verdict,
    simulate,
)
from headstart.stats.across_tasks import GainAcrossTasks, gain_across_tasks, interquartile_mean
from headstart.stats.comparisons import Verdict, compare_paired

PUBLISHED_GAINS = {
    "rte": {0: 88.68 - 87.52},
    "boolq": {0: 86.69 - 86.32},
    "copa": {0: 94.5 - 93.75},
    "cb": {0: 99.12 - 94.64},
    "wic": {0: 74.65 - 73.90},
    "mrpc": {0: 91.00 - 90.81},
    "qnli": {0: 94.73 - 94.75},
    "cola": {0: 69.00 - 68.72},
    "stsb": {0: 92.24 - 92.27},
}
"""EH-FT(LoRA) less fine-tuning on RoBERTa-large, the official repository's table."""


NUM_TABLES = 500


def gain_of(table: numpy.ndarray) -> GainAcrossTasks:
    gain = gain_across_tasks({str(number): dict(enumerate(map(float, row))) for number, row in enumerate(table)})
    assert gain is not None
    return gain


def test_published_table():
    """Mean gain 0.89 as printed (87.85 less 86.96); CB alone is half of it, and the middle half leaves it out."""
    gain = gain_across_tasks(PUBLISHED_GAINS)
    assert gain is not None
    assert gain.mean == pytest.approx(0.89, abs=0.01)
    assert (gain.wins, gain.ties, gain.losses) == (7, 0, 2)
    assert gain.interquartile_mean == pytest.approx((0.19 + 0.28 + 0.37 + 0.75 + 0.75) / 5, abs=1e-9)
    assert (gain.num_seeds, gain.verdict, gain.interval_for_these_tasks) == (1, Verdict.TOO_FEW_SEEDS, None)


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=40))
def test_interquartile_mean_agrees_with_scipy(values: list[float]):
    assert interquartile_mean(values) == pytest.approx(scipy.stats.trim_mean(values, 0.25), abs=1e-12)


def test_on_these_tasks_it_is_one_comparison_of_the_means_over_tasks():
    table = numpy.random.default_rng(0).normal(0.5, 1.0, size=(3, 9))
    gain = gain_of(table)
    expected = compare_paired(dict(enumerate(map(float, table.mean(axis=0)))), dict.fromkeys(range(9), 0.0))
    assert expected is not None
    assert gain.interval_for_these_tasks is not None
    assert expected.interval is not None
    assert gain.interval_for_these_tasks.low == pytest.approx(expected.interval.low)
    assert (gain.mean, gain.p_value, gain.verdict) == (pytest.approx(expected.mean), expected.p_value, expected.verdict)
    assert (gain.num_tasks, gain.num_seeds) == (3, 9)
    assert (gain.interval_for_other_tasks, gain.verdict_for_other_tasks) == (None, None)


def test_only_seeds_that_all_tasks_share_count():
    gain = gain_across_tasks({"a": {0: 0.1, 1: 0.3, 2: 9.0}, "b": {0: 0.0, 1: 0.2, 5: -9.0}})
    assert gain is not None
    assert gain.num_seeds == 2
    assert gain.mean == pytest.approx(0.15)
    assert gain_across_tasks({"a": {0: 0.1}, "b": {1: 0.1}}) is None


def test_seeds_that_hold_out_one_fold_are_one_unit_of_all_tasks():
    """Of five and of ten folds: seeds n and n + 5 share a fold of the first task, so five units are left."""
    by_fold = {"five folds": {fold: fold / 10 for fold in range(5)}, "ten folds": dict.fromkeys(range(10), 1.0)}
    gain = gain_across_tasks(by_fold | {"no folds": {seed: float(seed) for seed in range(20)}}, folds=(5, 10))
    assert gain is not None
    assert (gain.num_seeds, gain.verdict) == (5, Verdict.TOO_FEW_FOLDS)
    assert gain.mean == pytest.approx((0.2 + 1.0 + 9.5) / 3)


def test_differences_that_cancel_are_a_tie():
    gain = gain_across_tasks({"a": {0: 0.1, 1: 0.2, 2: -0.3}, "b": {0: 0.3, 1: 0.3, 2: 0.3}})
    assert gain is not None
    assert (gain.wins, gain.ties, gain.losses) == (1, 1, 0)


def test_seeds_that_change_nothing_on_any_task_give_no_verdict():
    gain = gain_of(numpy.tile([[0.1], [0.02], [0.3]], (1, 8)))
    assert gain.verdict is Verdict.SEEDS_CHANGE_NOTHING
    assert (gain.interval_for_these_tasks, gain.p_value) == (None, None)


def test_other_tasks_ask_for_six_that_agree():
    """Nine tasks that gain alike are a verdict on others; where some lose as much as others gain, there is none."""
    noise = 0.1 * numpy.random.default_rng(0).standard_normal((9, 10))
    alike, apart = gain_of(noise + 1.0), gain_of(noise + numpy.where(numpy.arange(9) < 5, 1.0, -0.8)[:, None])
    assert (alike.verdict, alike.verdict_for_other_tasks) == (Verdict.BETTER, Verdict.BETTER)
    assert (apart.verdict, apart.verdict_for_other_tasks) == (Verdict.BETTER, Verdict.NO_DIFFERENCE)
    assert gain_of(noise[:5] + 1.0).verdict_for_other_tasks is None
    assert gain_of(noise[:, :5] + 1.0).verdict_for_other_tasks is None


def test_interval_for_other_tasks_by_hand():
    table = numpy.random.default_rng(1).standard_normal((7, 8))
    interval = gain_of(table).interval_for_other_tasks
    assert interval is not None
    squares = scipy.stats.sem(table.mean(axis=1)) ** 2 + scipy.stats.sem(table.mean(axis=0)) ** 2
    assert interval.width == pytest.approx(2 * scipy.stats.t.ppf(0.975, 6) * squares**0.5)


@pytest.mark.parametrize("scenario", WITHOUT_EFFECT, ids=lambda scenario: scenario.name)
def test_false_verdicts_on_these_tasks_are_at_most_5_percent(scenario: Scenario):
    """Each cell of the table in docs/statistics.md, with fewer tables and an exact binomial bound."""
    for num_tasks, num_seeds in itertools.product(NUMBERS_OF_TASKS, NUMBERS_OF_SEEDS):
        found = simulate(scenario, num_tasks, num_seeds, NUM_TABLES)
        assert scipy.stats.binom.sf(found.on_these_tasks - 1, NUM_TABLES, 0.05) > 1e-4


@pytest.mark.parametrize("scenario", WITHOUT_EFFECT_ON_OTHERS, ids=lambda scenario: scenario.name)
def test_false_verdicts_on_other_tasks_are_at_most_5_percent(scenario: Scenario):
    for num_seeds in NUMBERS_OF_SEEDS:
        found = simulate(scenario, 9, num_seeds, NUM_TABLES)
        assert scipy.stats.binom.sf(found.on_other_tasks - 1, NUM_TABLES, 0.05) > 1e-4


def test_the_simulation_leaves_out_only_tables_without_a_verdict():
    tables = WITHOUT_EFFECT[2].draw(numpy.random.default_rng(0), 200, 3, 10)
    for table, is_possible in zip(tables, may_have_a_verdict(tables), strict=True):
        assert is_possible or gain_of(table).verdict is Verdict.NO_DIFFERENCE


def test_nothing_is_refused():
    with pytest.raises(ValueError, match="at least one task"):
        gain_across_tasks({})
    with pytest.raises(ValueError, match="at least one value"):
        interquartile_mean([])
