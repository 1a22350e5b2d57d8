"""The budget: never overspent, hardly underspent, composed over stages as opacus's own accountant does it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from headstart.errors import UsageError
from headstart.experiments.methods import check_method
from headstart.registry import Spec
from headstart.strategies.catalogue import build_strategy
from headstart.strategies.strategy import Budget, Optimizer, Stage, StageOptimizers
from headstart.training.config import PrivacyConfig
from headstart.training.private.accounting import Mechanism, plan_mechanisms, private_stages, spent_epsilon
from tests.support.privacy import by_opacus
from tests.support.runs import tiny_choices

opacus = pytest.importorskip("opacus", reason="private training needs the extra 'dp'")

BUDGET = PrivacyConfig(epsilon=3.0, delta=1e-5)
RATES = Optimizer(learning_rate=1e-3)


def plan_of(strategy: str, num_steps: int = 100) -> tuple[Stage, ...]:
    budget = Budget(num_steps=num_steps, stage1_fraction=0.3)
    return build_strategy(Spec(strategy)).plan(budget, StageOptimizers(finetune=RATES, probe=RATES))


@pytest.mark.parametrize("strategy", ["finetune", "lp_ft"])
def test_what_is_spent_is_opacus_s_and_just_within_the_budget(strategy: str) -> None:
    found = list(plan_mechanisms(BUDGET, plan_of(strategy), num_rows=1000, batch_size=20).values())
    spent = spent_epsilon(found, BUDGET.delta)
    assert spent == pytest.approx(by_opacus(found, BUDGET.delta), rel=1e-9)
    assert 0.99 * BUDGET.epsilon < spent <= BUDGET.epsilon
    assert {each.sample_rate for each in found} == {0.02}
    assert [each.num_steps for each in found] == [stage.num_steps for stage in plan_of(strategy)]


@pytest.mark.filterwarnings("ignore:Optimal order is the:UserWarning")
def test_one_stage_needs_the_noise_that_opacus_finds() -> None:
    from opacus.accountants.utils import get_noise_multiplier

    (found,) = plan_mechanisms(BUDGET, plan_of("finetune"), num_rows=1000, batch_size=20).values()
    theirs = get_noise_multiplier(
        target_epsilon=3.0, target_delta=1e-5, sample_rate=0.02, steps=100, accountant="rdp", epsilon_tolerance=0.001
    )
    assert found.noise_multiplier == pytest.approx(theirs, rel=3e-3)


def test_the_least_noise_by_the_renyi_divergence_of_a_gaussian() -> None:
    """Every row in every update: the divergence of order a is a k / (2 sigma^2), and conversion is Mironov's."""
    import math

    mechanism = Mechanism(noise_multiplier=8.0, sample_rate=1.0, num_steps=10, max_grad_norm=1.0)
    orders = [1 + x / 10 for x in range(1, 100)] + list(range(12, 64))
    loose = min(10 * a / (2 * 64) + math.log(1e5) / (a - 1) for a in orders)
    tight = min(10 * a / (2 * 64) + math.log((a - 1) / a) - (math.log(1e-5) + math.log(a)) / (a - 1) for a in orders)
    assert spent_epsilon([mechanism], 1e-5) == pytest.approx(tight, rel=1e-6)
    assert tight < loose


@pytest.mark.parametrize("fraction", [0.2, 0.8])
def test_the_first_stage_spends_its_share_and_the_second_the_rest(fraction: float) -> None:
    budget = replace(BUDGET, first_fraction=fraction)
    first, second = plan_mechanisms(budget, plan_of("lp_ft"), num_rows=1000, batch_size=20).values()
    alone = spent_epsilon([first], budget.delta)
    assert 0.99 * fraction * budget.epsilon < alone <= fraction * budget.epsilon
    assert spent_epsilon([first, second], budget.delta) <= budget.epsilon
    # Composition of Renyi divergences is better than adding epsilons up.
    assert spent_epsilon([second], budget.delta) > (1 - fraction) * budget.epsilon


@pytest.mark.parametrize(("stages", "names"), [("all", [0, 1]), ("first", [0]), ("last", [1])])
def test_either_stage_or_both_are_private(stages: str, names: list[int]) -> None:
    plan = plan_of("lp_ft")
    budget = replace(BUDGET, stages=stages)
    assert private_stages(budget, plan) == tuple(plan[index] for index in names)
    found = plan_mechanisms(budget, plan, num_rows=1000, batch_size=20)
    assert list(found) == [plan[index].name for index in names]
    assert spent_epsilon(list(found.values()), budget.delta) > 0.99 * budget.epsilon


def test_a_budget_that_no_noise_keeps_is_refused() -> None:
    with pytest.raises(UsageError, match="no amount of noise"):
        plan_mechanisms(PrivacyConfig(epsilon=1e-4, delta=1e-12), plan_of("finetune"), num_rows=1000, batch_size=20)


def test_nothing_trained_has_spent_nothing() -> None:
    assert spent_epsilon([], 1e-5) == 0.0


def test_a_split_without_two_stages_is_refused() -> None:
    options = tiny_choices(Path("model"), "finetune", dp=replace(BUDGET, first_fraction=0.2))
    with pytest.raises(UsageError, match="`first_fraction` would have no effect"):
        check_method(options.method, options.training)


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UsageError, match="needs opacus"):
        plan_mechanisms(BUDGET, plan_of("finetune"), num_rows=1000, batch_size=20)
