"""What every strategy's plan must be, and what each one's is."""

from __future__ import annotations

import pytest

from headstart.errors import UsageError
from headstart.registry import Spec
from headstart.strategies.catalogue import STRATEGIES, build_strategy
from headstart.strategies.strategy import Budget, HeadOrigin, Optimizer, Selection, Stage, StageOptimizers, Start

OPTIMIZERS = StageOptimizers(
    finetune=Optimizer(learning_rate=1e-5),
    probe=Optimizer(learning_rate=1e-3),
    adapter=Optimizer(learning_rate=5e-4),
    adapter_alone=Optimizer(learning_rate=6e-4),
)
LORA = Spec("lora")


def plan(text: str, num_steps: int = 100, fraction: float = 0.1) -> tuple[Stage, ...]:
    strategy = build_strategy(Spec.parse(text))
    budget = Budget(num_steps=num_steps, stage1_fraction=fraction)
    return strategy.plan(budget, OPTIMIZERS, LORA if strategy.takes_adapter else None)


@pytest.mark.parametrize("name", STRATEGIES.names())
@pytest.mark.parametrize(("num_steps", "fraction"), [(1, 0.1), (7, 0.5), (100, 0.1), (503, 0.3), (100, 0.0)])
def test_steps_add_up_to_the_budget(name: str, num_steps: int, fraction: float) -> None:
    assert sum(stage.num_steps for stage in plan(name, num_steps, fraction)) == num_steps


@pytest.mark.parametrize("name", STRATEGIES.names())
def test_a_plan_starts_fresh_and_its_stages_have_names_of_their_own(name: str) -> None:
    stages = plan(name)
    assert stages[0].start is Start.PRETRAINED
    assert stages[0].head_from is HeadOrigin.FRESH
    assert len({stage.name for stage in stages}) == len(stages)
    assert all(stage.head_from is HeadOrigin.PREVIOUS for stage in stages[1:])


@pytest.mark.parametrize("name", ["lp_ft", "eh_ft", "eh_ft:reserve"])
def test_without_a_first_stage_it_is_plain_fine_tuning(name: str) -> None:
    assert plan(name, fraction=0.0) == plan("finetune")


def test_eh_ft_restores_the_backbone_and_keeps_the_head() -> None:
    first, second = plan("eh_ft")
    assert (first.trainable, first.adapter, first.num_steps) == (Selection.ADAPTER_AND_HEAD, LORA, 10)
    assert (second.start, second.head_from, second.trainable) == (
        Start.PRETRAINED,
        HeadOrigin.PREVIOUS,
        Selection.ALL,
    )
    assert first.optimizer.learning_rate == 5e-4
    assert second.optimizer.learning_rate == 1e-5


def test_reserve_keeps_what_the_adapter_learned() -> None:
    assert plan("eh_ft:reserve")[1].start is Start.MERGED


def test_stage_2_of_every_two_stage_strategy_is_paired_with_fine_tuning() -> None:
    assert {plan(name)[-1].role for name in ("finetune", "lp_ft", "eh_ft")} == {"finetune"}


def test_lp_ft_trains_the_head_alone_first() -> None:
    first, second = plan("lp_ft")
    assert first.trainable is Selection.HEAD
    assert second.start is Start.PREVIOUS


def test_options_are_checked() -> None:
    with pytest.raises(UsageError, match="did you mean 'reserve'"):
        build_strategy(Spec.parse("eh_ft:reserved"))
    with pytest.raises(UsageError, match="has no options"):
        build_strategy(Spec.parse("finetune:reserve"))
    with pytest.raises(UsageError, match="switched on by its name"):
        build_strategy(Spec.parse("eh_ft:reserve=2"))
