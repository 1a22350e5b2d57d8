"""An interval for one model's score over the rows that it was measured on."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest

from headstart import metrics
from headstart.stats.score_interval import interval_of_models, score_interval

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


@pytest.mark.parametrize("metric", ["accuracy", "macro_f1", "matthews", "spearman", "mae"])
def test_a_table_copied_row_by_row_has_the_interval_of_the_table(metric: str) -> None:
    labels, decisions = LABELS[:60], DECISIONS[:60]
    once = score_interval(metric, labels, decisions, num_resamples=200)
    units = np.repeat(np.arange(60), 3)
    copied = score_interval(metric, labels[units], decisions[units], units=units, num_resamples=200)
    torn = score_interval(metric, labels[units], decisions[units], num_resamples=200)
    assert once is not None
    assert copied is not None
    assert torn is not None
    assert (copied.low, copied.high) == pytest.approx((once.low, once.high), rel=1e-9)
    assert torn.high - torn.low < 0.75 * (once.high - once.low)


def test_wilsons_interval_is_scipys() -> None:
    for num_right, number in ((0, 7), (3, 7), (7, 7), (180, 200)):
        interval = score_interval("accuracy", np.ones(number), np.arange(number) < num_right)
        expected = binomtest(num_right, number).proportion_ci(method="wilson")
        assert interval is not None
        assert (interval.low, interval.high) == (expected.low, expected.high)


def test_models_that_say_the_same_are_one_model() -> None:
    for metric, decisions in (("accuracy", DECISIONS), ("accuracy", LABELS), ("macro_f1", DECISIONS)):
        alone = score_interval(metric, LABELS, decisions, units=np.arange(200) // 2)
        three = interval_of_models(metric, LABELS, np.stack([decisions] * 3), units=np.arange(200) // 2)
        assert alone is not None
        assert three == alone
        assert alone.low < alone.high


@pytest.mark.parametrize("metric", ["macro_f1", "matthews", "pearson", "spearman"])
def test_a_perfect_score_does_not_mean_that_it_will_always_be(metric: str) -> None:
    """Whichever rows are drawn, all are right: an interval from 1 to 1 would say that no row could be wrong."""
    numbers = LABELS.astype(np.float64)
    assert score_interval(metric, numbers, numbers, num_resamples=50) is None
    assert interval_of_models(metric, numbers, np.stack([numbers, numbers]), num_resamples=50) is None


def test_a_few_odd_draws_make_no_interval_either() -> None:
    """One draw in a hundred has no row of the class, and so an F1 of 0: both ends are 1 all the same."""
    labels = np.array([1, 1, 1, 0, 0])
    assert score_interval("f1", labels, labels) is None


def test_one_unit_has_no_interval() -> None:
    assert score_interval("accuracy", np.zeros(9), np.zeros(9), units=[4] * 9) is None
