"""Plans of races: they fit the time, whoever gets how far, and follow from what was measured alone."""

from __future__ import annotations

import heapq
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headstart.registry import Spec
from headstart.search.schedule import LEAST_SHORTENED, Cost, plan_race
from headstart.search.trials import Candidate, RacePlan

HEAD = Spec("linear")
NO_UPDATES = Candidate(name="fitted", strategy=Spec("linear_probe"), head=HEAD, rank=9)


def candidate(name: str, rank: int, epochs: float = 4.0) -> Candidate:
    return Candidate(name=name, strategy=Spec("finetune"), head=HEAD, epochs=epochs, rank=rank)


def cost(trial: float, fixed: float = 1.0, num_updates: int = 2_000) -> Cost:
    """Of a training on 4 of 5 folds, then all training rows, then all rows: 4, 5 and 6 parts."""
    return Cost(
        trial=fixed + 4 * trial,
        end=2 * fixed + 11 * trial,
        again=fixed + 6 * trial,
        fixed=fixed,
        num_updates=num_updates,
    )


def plan(candidates: list[Candidate], costs: dict[str, Cost], left: float) -> RacePlan:
    return plan_race(candidates, costs, limit=2 * left, left=left, num_folds=5)


def longest(plan: RacePlan, costs: dict[str, Cost], epochs: float) -> float:
    """Return the seconds where the most expensive candidates stay to the end and win."""
    costs = {each.name: costs[each.name].shortened((each.epochs or epochs) / epochs) for each in plan.candidates}
    trials = sorted((each.trial for each in costs.values()), reverse=True)
    in_rounds = sum(len(rung.folds) * sum(trials[: rung.num_candidates]) for rung in plan.rungs)
    return in_rounds + max(each.end for each in costs.values())


@settings(max_examples=200, deadline=None)
@given(st.lists(st.floats(0.1, 50), min_size=1, max_size=7), st.floats(1, 2000))
def test_a_race_fits_the_time_whoever_wins(trials: list[float], left: float) -> None:
    candidates = [NO_UPDATES, *(candidate(str(rank), rank) for rank in range(len(trials)))]
    costs = {"fitted": cost(0.0)} | {str(rank): cost(trial) for rank, trial in enumerate(trials)}
    found = plan(candidates, costs, left)
    assert NO_UPDATES in found.candidates
    assert {each.name for each in found.candidates} | set(found.left_out) == {each.name for each in candidates}
    if any(each.epochs is not None for each in found.candidates):
        assert longest(found, costs, 4.0) <= left * (1 + 1e-9)
    folds = [fold for rung in found.rungs for fold in rung.folds]
    assert folds == sorted(set(folds))
    assert set(folds) <= set(range(5))
    numbers = [rung.num_candidates for rung in found.rungs]
    assert numbers == sorted(numbers, reverse=True)
    assert numbers[0] == len(found.candidates)


def test_with_much_time_every_candidate_is_tried_and_the_last_two_on_all_folds() -> None:
    candidates = [candidate(str(rank), rank) for rank in range(7)]
    found = plan(candidates, {str(rank): cost(1.0) for rank in range(7)}, 10_000)
    assert [(rung.num_candidates, rung.folds) for rung in found.rungs] == [(7, (0,)), (4, (1,)), (2, (2, 3, 4))]
    assert found.left_out == ()
    assert found.final_seeds == 3
    assert [each.epochs for each in found.candidates] == [4.0] * 7


def test_candidates_keep_their_order_of_preference_and_are_admitted_by_rank() -> None:
    late, early = candidate("late", 1), candidate("early", 0)
    found = plan([late, early], {"late": cost(10.0), "early": cost(10.0)}, 160)
    assert [each.name for each in found.candidates] == ["early"]
    assert found.left_out == ("late",)
    both = plan([late, early], {"late": cost(10.0), "early": cost(10.0)}, 1_000)
    assert [each.name for each in both.candidates] == ["late", "early"]


def test_too_little_time_for_the_first_candidate_makes_it_shorter_and_far_too_little_leaves_it_out() -> None:
    costs = {"fitted": cost(0.0), "a": cost(10.0)}  # 40 + 110 seconds of updates, and three times a second beside
    shorter = plan([NO_UPDATES, candidate("a", 0)], costs, 78)
    (found,) = (each.epochs for each in shorter.candidates if each.name == "a")
    assert found is not None
    assert LEAST_SHORTENED * 4 <= found <= 2.0
    assert plan([NO_UPDATES, candidate("a", 0)], costs, 20).left_out == ("a",)


def test_where_nothing_is_without_updates_the_preferred_one_is_tried_whatever_it_takes() -> None:
    candidates = [candidate("second", 1), candidate("first", 0)]
    found = plan(candidates, {"first": cost(10), "second": cost(1)}, left=0.1)
    assert [each.name for each in found.candidates] == ["first"]
    assert found.candidates[0].epochs == 4.0 * LEAST_SHORTENED
    assert any("longer than the limit" in sentence for sentence in found.sentences())


@pytest.mark.parametrize(("num_updates", "share"), [(2_000, 0.25), (200, 0.375), (100, 0.5), (0, 0.5)])
def test_few_updates_are_not_made_fewer_than_would_show_anything(num_updates: int, share: float) -> None:
    assert cost(10.0, num_updates=num_updates).least_share == share


def test_an_expensive_candidate_is_left_out_without_those_behind_it() -> None:
    candidates = [candidate("cheap", 0), candidate("dear", 1), candidate("also cheap", 2)]
    costs = {"cheap": cost(1.0), "dear": cost(40.0), "also cheap": cost(1.0)}
    assert plan(candidates, costs, 200).left_out == ("dear",)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.floats(0.1, 50), min_size=1, max_size=7), st.floats(1, 2000), st.integers(2, 5), st.randoms())
def test_trials_at_once_fit_the_time_in_whatever_order(
    trials: list[float], left: float, jobs: int, order: Random
) -> None:
    candidates = [NO_UPDATES, *(candidate(str(rank), rank) for rank in range(len(trials)))]
    costs = {"fitted": cost(0.0)} | {str(rank): cost(trial) for rank, trial in enumerate(trials)}
    found = plan_race(candidates, costs, limit=2 * left, left=left, num_folds=5, jobs=jobs)
    assert {each.name for each in found.candidates} >= {"fitted"}
    seconds = {each.name: costs[each.name].shortened((each.epochs or 4.0) / 4.0) for each in found.candidates}
    longest_trials = sorted((each.trial for each in seconds.values()), reverse=True)
    spent = max(each.end for each in seconds.values())
    for rung in found.rungs:
        in_round = len(rung.folds) * longest_trials[: rung.num_candidates]
        order.shuffle(in_round)
        spent += makespan(in_round, jobs)
    if any(each.epochs is not None for each in found.candidates):
        assert spent <= left * (1 + 1e-9)


def makespan(seconds: list[float], jobs: int) -> float:
    """Return when the last trial ends, if each is begun once one of `jobs` places is free."""
    free = [0.0] * jobs
    for each in seconds:
        heapq.heapreplace(free, free[0] + each)
    return max(free)


def test_trials_at_once_are_more_trials() -> None:
    candidates = [candidate(str(rank), rank) for rank in range(6)]
    costs = {each.name: cost(10.0) for each in candidates}
    plans = [plan_race(candidates, costs, limit=900.0, left=600.0, num_folds=5, jobs=jobs) for jobs in (1, 2, 4)]
    numbers = [found.num_trials for found in plans]
    assert numbers == sorted(numbers)
    assert numbers[0] < numbers[2]
