"""Scores of groups: what scikit-learn says of each, and how often chance makes such a gap."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import permutation_test
from sklearn.metrics import accuracy_score, f1_score

from headstart.stats.group_scores import GroupScore, group_scores, mean_group_scores

RANDOM = np.random.default_rng(5)
LABELS = RANDOM.integers(0, 2, 120)
groups = np.array(["de"] * 40 + ["en"] * 60 + ["fr"] * 20)
ANSWERS = np.where(RANDOM.random(120) < np.where(groups == "fr", 0.5, 0.9), LABELS, 1 - LABELS)


def limits(group: GroupScore) -> tuple[float, float]:
    assert group.interval is not None
    return group.interval.low, group.interval.high


def test_each_group_has_scikit_learns_score_and_the_worst_is_first() -> None:
    found = group_scores("macro_f1", LABELS, ANSWERS, list(groups))
    expected = {
        name: f1_score(LABELS[groups == name], ANSWERS[groups == name], average="macro") for name in ("de", "en", "fr")
    }
    assert {each.name: each.score for each in found.groups} == pytest.approx(expected)
    assert found.groups[0].name == "fr" == min(expected, key=expected.__getitem__)
    assert [each.num_rows for each in found.groups if each.name == "en"] == [60]
    assert found.gap is not None
    assert found.gap.gap == pytest.approx(max(expected.values()) - min(expected.values()))


def test_several_models_have_the_means_of_their_scores() -> None:
    others = np.where(RANDOM.random(120) < 0.7, LABELS, 1 - LABELS)
    models = np.stack([ANSWERS, others])
    found = mean_group_scores("macro_f1", LABELS, models, list(groups))
    expected = {
        name: np.mean([f1_score(LABELS[groups == name], each[groups == name], average="macro") for each in models])
        for name in ("de", "en", "fr")
    }
    assert {each.name: each.score for each in found.groups} == pytest.approx(expected)
    assert found.gap is not None
    assert found.gap.gap == pytest.approx(max(expected.values()) - min(expected.values()))
    assert (found.gap.worst, found.groups[0].name) == (min(expected, key=expected.__getitem__),) * 2


def test_intervals_of_several_models_are_of_their_rows() -> None:
    """Twice the same model is as sure as that model; two that err on different rows are surer than either."""
    one, twice = (
        mean_group_scores("macro_f1", LABELS, np.stack([ANSWERS] * number), list(groups)).groups for number in (1, 2)
    )
    assert one == twice == group_scores("macro_f1", LABELS, ANSWERS, list(groups)).groups
    rows = np.arange(400)
    right = np.zeros(400, dtype=np.int64)
    models = np.stack([rows % 2, 1 - rows % 2])
    (alike,) = mean_group_scores("accuracy", right, models, ["all"] * 400).groups
    assert alike.interval is not None
    assert (alike.score, alike.interval.width) == (0.5, pytest.approx(0.0, abs=1e-12))


def test_what_chance_does_stands_in_plain_digits() -> None:
    """Both groups are answered alike, so every shuffle has as large a gap."""
    all_right = group_scores("accuracy", LABELS, LABELS, list(groups))
    assert "over the rows 100 % of the gaps" in all_right.gap_text
    found = group_scores("accuracy", LABELS, ANSWERS, list(groups), num_shuffles=999)
    assert found.gap is not None
    assert f"over the rows {100 * found.gap.p:.2g} % of the gaps" in found.gap_text


def test_p_is_that_of_a_permutation_test() -> None:
    right = (LABELS == ANSWERS).astype(float)

    def gap(*parts: np.ndarray) -> float:
        means = [part.mean() for part in parts]
        return max(means) - min(means)

    parts = [right[groups == name] for name in ("de", "en", "fr")]
    expected = permutation_test(parts, gap, n_resamples=4000, alternative="greater", rng=1)
    found = group_scores("accuracy", LABELS, ANSWERS, list(groups), num_shuffles=4000)
    assert found.gap is not None
    assert found.gap.gap == pytest.approx(expected.statistic)
    assert found.gap.p == pytest.approx(expected.pvalue, abs=0.01)
    worst = found.groups[0]
    assert worst.score == accuracy_score(LABELS[groups == worst.name], ANSWERS[groups == worst.name])
    assert worst.interval is not None
    assert worst.interval.low < worst.score < worst.interval.high


@pytest.mark.parametrize("metric", ["accuracy", "macro_f1"])
def test_repeats_make_nothing_surer(metric: str) -> None:
    """Each row three times: without a word on what belongs together three times as many rows would have spoken."""
    names = np.array(["a", "b", "c"])[np.arange(120) % 3]
    thrice = (LABELS.repeat(3), ANSWERS.repeat(3), list(names.repeat(3)))
    once = group_scores(metric, LABELS, ANSWERS, list(names))
    found = group_scores(metric, *thrice, units=np.arange(120).repeat(3))
    assert found.gap is not None
    assert found.gap == once.gap
    for each, single in zip(found.groups, once.groups, strict=True):
        assert limits(each) == pytest.approx(limits(single))
        assert (each.num_rows, each.num_units) == (3 * single.num_rows, single.num_rows)
    as_rows = group_scores(metric, *thrice)
    assert as_rows.gap is not None
    assert as_rows.gap.p < found.gap.p
    two = mean_group_scores(metric, thrice[0], np.stack([thrice[1]] * 2), thrice[2], units=np.arange(120).repeat(3))
    two_once = mean_group_scores(metric, LABELS, np.stack([ANSWERS] * 2), list(names))
    assert two.gap == two_once.gap
    assert [limits(each) for each in two.groups] == [pytest.approx(limits(each)) for each in two_once.groups]


def test_what_a_unit_has_in_one_group_is_shuffled_as_one() -> None:
    """Units of four rows, two in each group: as a permutation test on the means of these pairs."""
    right = np.where(RANDOM.random(60) < np.tile([0.8, 0.5], 30), 1, 0).repeat(2)
    names = np.tile(["here", "here", "there", "there"], 30)
    pairs = right.reshape(60, 2).mean(axis=1)

    def gap(here: np.ndarray, there: np.ndarray) -> float:
        return abs(float(here.mean() - there.mean()))

    expected = permutation_test((pairs[::2], pairs[1::2]), gap, n_resamples=4000, alternative="greater", rng=1)
    found = group_scores("accuracy", np.ones(120), right, list(names), units=np.arange(120) // 4, num_shuffles=4000)
    assert found.gap is not None
    assert found.gap.p == pytest.approx(expected.pvalue, abs=0.01)


def test_rows_are_told_with_what_they_count_as() -> None:
    whole, shared = (
        group_scores("accuracy", LABELS, ANSWERS, ["all"] * 120, units=units).groups[0]
        for units in (None, np.arange(120) // 4)
    )
    assert (whole.rows_text, shared.rows_text) == ("120", "120, as 30")


def test_a_group_of_few_units_decides_nothing_however_many_rows_it_has() -> None:
    units = np.where(np.arange(120) < 40, np.arange(120) // 5, np.arange(120))
    found = group_scores(
        "accuracy", LABELS, ANSWERS, ["few" if row < 40 else "rest" for row in range(120)], units=units
    )
    assert found.gap is None
    assert "ten independent rows" in found.gap_text
    assert {each.name: each.num_units for each in found.groups} == {"few": 8, "rest": 80}


def test_groups_that_are_alike_are_called_chance() -> None:
    rows = np.arange(300)
    answers = np.where(rows % 10 == 0, 1 - rows % 2, rows % 2)
    found = group_scores("accuracy", rows % 2, answers, [f"group {row % 3}" for row in rows])
    assert found.gap is not None
    assert found.gap.p > 0.9


def test_a_few_rows_are_shown_and_decide_nothing() -> None:
    found = group_scores("accuracy", LABELS, ANSWERS, ["rare" if row < 5 else "rest" for row in range(120)])
    assert found.gap is None
    assert {each.name: each.num_rows for each in found.groups} == {"rare": 5, "rest": 115}


def test_a_table_of_many_groups_shows_the_worst_ones_and_the_best() -> None:
    right = np.ones(60, dtype=np.int64)
    answers = np.where(np.arange(60) < 40, np.arange(60) % 2, 1)  # Twenty groups are half right, the others right.
    found = group_scores("accuracy", right, answers, [f"g{row // 2:02}" for row in range(60)], num_shuffles=1)
    assert [each.name for each in found.shown] == [*(f"g{number:02}" for number in range(19)), "g29"]
    few = group_scores("accuracy", right, answers, [f"g{row // 3:02}" for row in range(60)], num_shuffles=1)
    assert few.shown == few.groups


def test_of_errors_the_largest_is_the_worst() -> None:
    values = np.arange(40.0)
    halves = ["near"] * 20 + ["far"] * 20
    found = group_scores("mae", values, values + np.repeat([1.0, 3.0], 20), halves)
    assert [(each.name, each.score) for each in found.groups] == [("far", 3.0), ("near", 1.0)]
    assert found.gap is None
