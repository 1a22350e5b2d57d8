"""Gains over tasks against sums by hand, SciPy's trimmed mean, the paper's table and known variances."""

from __future__ import annotations

import math

import numpy
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from headstart.stats.across_tasks import gain_across_tasks, interquartile_mean

PUBLISHED_GAINS = {
    "rte": [88.68 - 87.52],
    "boolq": [86.69 - 86.32],
    "copa": [94.5 - 93.75],
    "cb": [99.12 - 94.64],
    "wic": [74.65 - 73.90],
    "mrpc": [91.00 - 90.81],
    "qnli": [94.73 - 94.75],
    "cola": [69.00 - 68.72],
    "stsb": [92.24 - 92.27],
}
"""EH-FT(LoRA) less fine-tuning on RoBERTa-large, the official repository's table."""


def test_published_table():
    """Mean gain 0.89 as printed (87.85 less 86.96); CB alone is half of it, and the middle half leaves it out."""
    gain = gain_across_tasks(PUBLISHED_GAINS)
    assert gain.mean == pytest.approx(0.89, abs=0.01)
    assert (gain.wins, gain.ties, gain.losses) == (7, 0, 2)
    assert gain.interquartile_mean == pytest.approx((0.19 + 0.28 + 0.37 + 0.75 + 0.75) / 5, abs=1e-9)


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=40))
def test_interquartile_mean_agrees_with_scipy(values: list[float]):
    assert interquartile_mean(values) == pytest.approx(scipy.stats.trim_mean(values, 0.25), abs=1e-12)


def test_every_task_counts_the_same():
    gain = gain_across_tasks({"large": [0.0] * 30, "small": [0.3]})
    assert gain.mean == pytest.approx(0.15)
    assert (gain.wins, gain.ties, gain.losses) == (1, 1, 0)


def test_other_tasks_are_less_certain_than_these():
    generator = numpy.random.default_rng(0)
    tasks = {f"task {number}": list(0.1 * number + 0.01 * generator.standard_normal(10)) for number in range(9)}
    gain = gain_across_tasks(tasks)
    assert gain.interval_for_other_tasks is not None
    assert gain.interval_for_other_tasks.width > 5 * gain.interval_for_these_tasks.width


def test_intervals_have_the_widths_of_both_levels():
    """Tasks 0.5 apart in spread, seeds 1: variance over tasks of the task means, plus seeds' within, over the tasks."""
    generator = numpy.random.default_rng(1)
    values = 0.5 * generator.standard_normal((12, 1)) + generator.standard_normal((12, 8))
    gain = gain_across_tasks({str(number): list(row) for number, row in enumerate(values)}, num_resamples=20_000)
    within = values.var(axis=1).mean() / 8
    between = values.mean(axis=1).var()
    assert gain.interval_for_these_tasks.width == pytest.approx(2 * 1.96 * math.sqrt(within / 12), rel=0.04)
    assert gain.interval_for_other_tasks is not None
    assert gain.interval_for_other_tasks.width == pytest.approx(2 * 1.96 * math.sqrt((within + between) / 12), rel=0.04)


def test_two_tasks_say_nothing_of_others():
    assert gain_across_tasks({"a": [0.1, 0.2], "b": [0.0]}).interval_for_other_tasks is None


@pytest.mark.parametrize("differences", [{}, {"a": [0.1], "b": []}])
def test_nothing_is_refused(differences: dict[str, list[float]]):
    with pytest.raises(ValueError, match="at least one task"):
        gain_across_tasks(differences)
    with pytest.raises(ValueError, match="at least one value"):
        interquartile_mean([])
