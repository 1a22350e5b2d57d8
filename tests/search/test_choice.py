"""Which candidate is taken: standard errors against a formula, and preference within one of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from headstart.search.choice import Answered, Standing, preferred, standings
from headstart.tasks.task import Task

TASK = Task(name="t", text_columns=("text",), label_column="label", labels=("a", "b"))


def answered(labels: list[int], **decisions: list[int]) -> Answered:
    return Answered(labels=np.array(labels), decisions={name: np.array(each) for name, each in decisions.items()})


def test_standings_are_means_over_the_folds_that_all_answered() -> None:
    folds = [
        answered([0, 0, 1, 1], x=[0, 0, 1, 1], y=[0, 0, 0, 0], z=[0, 0, 1, 0]),
        answered([0, 1], x=[0, 0], z=[0, 1]),
    ]
    found = standings(TASK, folds, ["x", "z"])
    assert [(each.name, each.score) for each in found] == [("x", 0.75), ("z", 0.875)][::-1]
    three = standings(TASK, folds, ["y", "x", "z"])
    assert [(each.name, each.score) for each in three] == [("x", 1.0), ("z", 0.75), ("y", 0.5)]


def test_the_error_of_a_difference_is_that_of_paired_rows() -> None:
    generator = np.random.default_rng(7)
    labels = generator.integers(0, 2, 400)
    best, other = labels.copy(), labels.copy()
    best[:40] = 1 - best[:40]
    other[20:100] = 1 - other[20:100]
    (_, behind) = standings(TASK, [answered(labels, best=best, other=other)], ["best", "other"])
    differences = (best == labels).astype(float) - (other == labels)
    assert behind.behind == pytest.approx(differences.mean())
    assert behind.error == pytest.approx(differences.std() / np.sqrt(400), rel=0.15)


def test_the_first_within_one_standard_error_is_preferred() -> None:
    def standing(name: str, behind: float, error: float) -> Standing:
        return Standing(name=name, score=0.9 - behind, behind=behind, error=error)

    found = [standing("best", 0.0, 0.0), standing("near", 0.01, 0.02), standing("far", 0.05, 0.02)]
    assert preferred(found, ["far", "near", "best"]) == "near"
    assert preferred(found, ["far", "best", "near"]) == "best"
    assert preferred(found[:1], ["far", "near", "best"]) == "best"


def test_equal_scores_stand_in_the_order_of_preference() -> None:
    same = [0, 1, 1]
    found = standings(TASK, [answered(same, b=same, a=same)], ["a", "b"])
    assert [each.name for each in found] == ["a", "b"]


def test_a_table_copied_row_by_row_has_the_error_of_the_table() -> None:
    generator = np.random.default_rng(3)
    labels = generator.integers(0, 2, 50)
    decisions = {name: np.where(generator.random(50) < 0.7, labels, 1 - labels) for name in ("x", "y")}
    units = np.repeat(np.arange(50), 4)
    once = Answered(labels=labels, decisions=decisions)
    copied = Answered(
        labels=labels[units], decisions={name: each[units] for name, each in decisions.items()}, units=units
    )
    (_, expected), (_, found) = standings(TASK, [once], ["x", "y"]), standings(TASK, [copied], ["x", "y"])
    assert (found.behind, found.error) == pytest.approx((expected.behind, expected.error))
    (_, torn) = standings(TASK, [replace(copied, units=None)], ["x", "y"])
    assert torn.error == pytest.approx(expected.error / 2, rel=0.2)


def test_a_fold_of_one_unit_makes_no_difference_certain() -> None:
    """As where a fold holds out one customer of three: drawn whole, its rows would have no error at all."""
    generator = np.random.default_rng(3)
    labels = generator.integers(0, 2, 50)
    decisions = {name: np.where(generator.random(50) < 0.8, labels, 1 - labels) for name in ("x", "y")}
    rows = Answered(labels=labels, decisions=decisions)
    (_, behind) = standings(TASK, [replace(rows, units=np.zeros(50, dtype=np.int64))], ["x", "y"])
    assert behind == standings(TASK, [rows], ["x", "y"])[1]
    assert behind.error > 0.0
