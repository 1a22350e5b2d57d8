"""An interval for one model's score over the rows that it was measured on."""

from __future__ import annotations

import numpy as np
import pytest

from headstart import metrics
from headstart.stats.score_interval import score_interval

GENERATOR = np.random.default_rng(7)
LABELS = GENERATOR.integers(0, 3, 200)
DECISIONS = np.where(GENERATOR.random(200) < 0.8, LABELS, (LABELS + 1) % 3)


def test_accuracy_has_wilsons_interval() -> None:
    """8 of 10 right: Wilson's limits, as in Newcombe (1998) and every calculator."""
    interval = score_interval("accuracy", np.zeros(10), np.array([0] * 8 + [1] * 2))
    assert interval is not None
    assert (interval.low, interval.high) == pytest.approx((0.4902, 0.9433), abs=1e-4)


def test_all_right_does_not_mean_that_all_will_be() -> None:
    interval = score_interval("accuracy", np.ones(20), np.ones(20))
    assert interval is not None
    assert interval.low == pytest.approx(20 / (20 + 1.96**2), abs=1e-3)
    assert interval.high == 1.0


@pytest.mark.parametrize("metric", ["macro_f1", "matthews"])
def test_the_bootstrap_by_means_is_the_plain_bootstrap(metric: str) -> None:
    generator = np.random.default_rng(0)
    rows = generator.integers(0, 200, (150, 200))
    plain = [metrics.compute((metric,), LABELS[row], DECISIONS[row])[metric] for row in rows]
    interval = score_interval(metric, LABELS, DECISIONS)
    assert interval is not None
    assert (interval.low, interval.high) == pytest.approx(np.quantile(plain, [0.025, 0.975]), abs=0.025)
    assert interval == score_interval(metric, LABELS, DECISIONS)


def test_errors_sets_and_ranks_have_one_too() -> None:
    numbers = GENERATOR.normal(size=40)
    answers = numbers + GENERATOR.normal(size=40) / 4
    for metric in ("pearson", "spearman", "mae", "rmse"):
        interval = score_interval(metric, numbers, answers, num_resamples=60)
        assert interval is not None
        assert interval.low < metrics.compute((metric,), numbers, answers)[metric] < interval.high
    sets = GENERATOR.integers(0, 2, (40, 3))
    for metric in ("accuracy", "micro_f1"):
        interval = score_interval(
            metric, sets, np.where(GENERATOR.random((40, 3)) < 0.9, sets, 1 - sets), num_resamples=60
        )
        assert interval is not None
        assert 0.0 < interval.low < interval.high < 1.0


def test_one_row_has_no_interval() -> None:
    assert score_interval("accuracy", np.zeros(1), np.zeros(1)) is None


def test_metrics_of_groups_are_refused() -> None:
    with pytest.raises(ValueError, match="groups"):
        score_interval("exact_match", LABELS, DECISIONS)
