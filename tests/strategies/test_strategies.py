"""What every strategy's plan must be, and what each one's is."""

from __future__ import annotations

import dataclasses

import pytest

from headstart.errors import UsageError
from headstart.registry import Registry, Spec
from headstart.strategies import catalogue
from headstart.strategies.catalogue import STRATEGIES, build_strategy
from headstart.strategies.finetune import Finetune
from headstart.strategies.head_origins import (
    FirstHead,
    FittedHead,
    FreshHead,
    HeadOfStart,
    MeanHead,
    PreviousHead,
    ScaledHead,
)
from headstart.strategies.selections import AdapterAndHead, All, Head, Nothing
from headstart.strategies.starts import AnyStart, GreedySoup, Merged, Pretrained, Previous, Reinitialised
from headstart.strategies.strategy import Budget, Optimizer, Stage, StageOptimizers, Strategy

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
@pytest.mark.parametrize(("num_steps", "fraction"), [(7, 0.1), (100, 0.1), (503, 0.3), (100, 0.0)])
def test_steps_add_up_to_the_budget(name: str, num_steps: int, fraction: float) -> None:
    if name != "contrastive":  # It counts rows: see below.
        assert sum(stage.num_steps for stage in plan(name, num_steps, fraction)) == num_steps


@pytest.mark.parametrize("name", STRATEGIES.names())
def test_a_plan_starts_fresh_and_its_stages_have_names_of_their_own(name: str) -> None:
    stages = plan(name)
    assert stages[0].start in (Pretrained(), Reinitialised(2))
    assert stages[0].head_from == FreshHead()
    assert len({stage.name for stage in stages}) == len(stages)
    assert all(stage.num_steps > 0 for stage in stages if stage.trainable != Nothing())


@pytest.mark.parametrize("name", ["lp_ft", "eh_ft", "eh_ft:reserve", "eh_ft:head_calibration", "head_soup"])
def test_without_a_first_stage_it_is_plain_fine_tuning(name: str) -> None:
    assert plan(name, fraction=0.0) == plan("finetune")


@pytest.mark.parametrize(
    "text",
    [
        *STRATEGIES.names(),
        "finetune:match_compute",
        "fisher_unfreezing:head_start",
        "eh_ft:reserve",
        "mixout:head=adapter",
        "mixout:head=probe",
        "mixout:head=fitted",
        "linear_probe:fit",
        "lp_ft:fit",
        "eh_ft:refit",
        "contrastive:finetune",
        "contrastive:on=adapter",
        "eh_ft:stage2=adapter",
    ],
)
def test_traits_say_what_the_plan_does(text: str) -> None:
    """They decide which options could have an effect: a rate that no stage takes is refused."""
    strategy, stages = build_strategy(Spec.parse(text)), plan(text)
    rates = {stage.optimizer.learning_rate for stage in stages if stage.num_steps}
    assert strategy.tunes_backbone == any(stage.trainable.trains_backbone for stage in stages)
    assert strategy.tunes_backbone == (OPTIMIZERS.finetune.learning_rate in rates)
    assert strategy.tunes_head_first == bool(rates - {OPTIMIZERS.finetune.learning_rate})
    assert strategy.takes_updates == bool(rates)
    assert strategy.has_head_start == (strategy.has_first_stage or (stages[0].role == "fit" and len(stages) > 1))
    assert strategy.takes_loss == any(stage.trains_head for stage in stages)
    assert strategy.takes_adapter == any(stage.adapter is not None for stage in stages)
    trains_twice = strategy.tunes_backbone or text == "eh_ft:stage2=adapter"
    assert strategy.has_first_stage == (strategy.tunes_head_first and trains_twice) or text.endswith("compute")


@pytest.mark.parametrize(
    ("text", "num_steps", "expected"),
    [
        ("contrastive", 500, {"contrastive": 50, "fit": 0}),  # 3,200 of 8,000 rows: more would do harm.
        ("contrastive", 100, {"contrastive": 25, "fit": 0}),
        ("contrastive", 1, {"contrastive": 1, "fit": 0}),
        ("contrastive:rows=20", 500, {"contrastive": 50, "fit": 0}),
        ("contrastive:finetune", 500, {"contrastive": 50, "fit": 0, "finetune": 300}),
        ("contrastive:finetune", 100, {"contrastive": 12, "fit": 0, "finetune": 52}),
        ("contrastive:finetune:refit", 100, {"contrastive": 12, "fit": 0, "finetune": 52, "fit-2": 0}),
        ("contrastive:finetune:rows=20", 9, {"contrastive": 3, "fit": 0, "finetune": 5}),
        ("contrastive:on=adapter:finetune:restore", 300, {"adapter": 37, "fit": 0, "finetune": 152}),
    ],
)
def test_a_contrastive_update_takes_the_place_of_as_many_rows(
    text: str, num_steps: int, expected: dict[str, int]
) -> None:
    assert {stage.name: stage.num_steps for stage in plan(text, num_steps)} == expected


def test_the_fit_of_a_contrastive_run_is_paid_from_its_updates() -> None:
    """300 rows through the backbone cost as much as 300 / 16 / 3 = 6 updates of fine-tuning: 94 of 16 rows are left."""
    stages = build_strategy(Spec("contrastive")).plan(Budget(num_steps=100, num_rows=300), OPTIMIZERS)
    assert {stage.name: stage.num_steps for stage in stages} == {"contrastive": 94 * 16 // 64, "fit": 0}
    with pytest.raises(UsageError, match="leaves none of the 6"):
        build_strategy(Spec("contrastive")).plan(Budget(num_steps=6, num_rows=300), OPTIMIZERS)


@pytest.mark.parametrize(
    ("text", "starts"),
    [
        ("contrastive:finetune", [Pretrained(), Previous(), Previous()]),
        ("contrastive:on=adapter:finetune", [Pretrained(), Merged(1.0), Previous()]),
        ("contrastive:on=adapter:finetune:restore", [Pretrained(), Merged(1.0), Pretrained()]),
    ],
)
def test_a_head_is_fitted_to_contrastive_features_and_handed_over(text: str, starts: list[AnyStart]) -> None:
    stages = plan(text, 400)
    assert [stage.start for stage in stages] == starts
    assert [stage.head_from for stage in stages] == [FreshHead(), FittedHead("auto"), PreviousHead()]
    assert [stage.trains_head for stage in stages] == [False, False, True]


def test_eh_ft_restores_the_backbone_and_keeps_the_head() -> None:
    first, second = plan("eh_ft")
    assert (first.trainable, first.adapter, first.num_steps) == (AdapterAndHead(LORA), LORA, 10)
    assert (second.start, second.head_from, second.trainable) == (
        Pretrained(),
        PreviousHead(),
        All(),
    )
    assert first.optimizer.learning_rate == 5e-4
    assert second.optimizer.learning_rate == 1e-5


def test_reserve_keeps_what_the_adapter_learned() -> None:
    assert plan("eh_ft:reserve")[1].start == Merged(1.0)


def test_stage_2_of_every_two_stage_strategy_is_paired_with_fine_tuning() -> None:
    assert {plan(name)[-1].role for name in ("finetune", "lp_ft", "eh_ft")} == {"finetune"}


def test_lp_ft_trains_the_head_alone_first() -> None:
    first, second = plan("lp_ft")
    assert first.trainable == Head()
    assert second.start == Previous()


def test_options_are_checked() -> None:
    with pytest.raises(UsageError, match="did you mean 'reserve'"):
        build_strategy(Spec.parse("eh_ft:reserved"))
    with pytest.raises(UsageError, match="has no options"):
        build_strategy(Spec.parse("adapter:reserve"))
    with pytest.raises(UsageError, match="on by its name alone"):
        build_strategy(Spec.parse("eh_ft:reserve=2"))


VARIANTS = ("mixout", "child_tuning", "top_k", "layerwise_decay", "reinit", "gradual_unfreezing", "ema", "r_drop")
VARIANTS += ("wise_ft", "dropout")


@pytest.mark.parametrize("name", VARIANTS)
def test_a_variant_changes_one_thing_about_fine_tuning(name: str) -> None:
    (stage,), (plain,) = plan(name), plan("finetune")
    differing = {
        field.name for field in dataclasses.fields(Stage) if getattr(stage, field.name) != getattr(plain, field.name)
    }
    assert differing in (
        {"regulariser"},
        {"optimizer"},
        {"start"},
        {"trainable"},
    )


@pytest.mark.parametrize("name", VARIANTS)
@pytest.mark.parametrize(("head", "first"), [("probe", "probe"), ("fitted", "fit"), ("adapter", "adapter")])
def test_a_variant_takes_a_pretrained_head_on_the_restored_backbone(name: str, head: str, first: str) -> None:
    stages = plan(f"{name}:head={head}")
    assert [stage.role for stage in stages] == [first, "finetune"]
    (alone,) = plan(name)
    assert (stages[1].start, stages[1].head_from) == (alone.start, PreviousHead())
    assert dataclasses.replace(stages[1], num_steps=100, head_from=FreshHead()) == alone


@pytest.mark.parametrize("off", ["ema:decay=0", "r_drop:alpha=0", "wise_ft:interpolation=1"])
def test_a_variant_that_is_off_is_plain_fine_tuning(off: str) -> None:
    assert plan(off) == plan("finetune")
    assert plan(f"{off}:head=adapter") == plan("eh_ft")


def test_a_fitted_head_goes_over_as_it_is_or_scaled_and_eh_ft_refits_where_it_says() -> None:
    assert plan("lp_ft:fit")[1].head_from == PreviousHead()
    assert plan("lp_ft:fit=ridge:head_scale=0.3")[1].head_from == ScaledHead(0.3)
    assert plan("lp_ft:fit=ridge")[0].head_from == FittedHead("ridge")
    assert [stage.start for stage in plan("eh_ft:refit")] == [Pretrained(), Merged(1.0), Pretrained()]
    assert [stage.start for stage in plan("eh_ft:refit:refit_on=restored")] == [Pretrained()] * 3
    assert plan("eh_ft:refit", fraction=0.0) == plan("lp_ft:fit")


def test_r_drop_at_matched_compute_has_half_the_updates() -> None:
    assert [stage.num_steps for stage in plan("r_drop:match_compute", num_steps=60)] == [30]
    assert [stage.num_steps for stage in plan("r_drop:match_compute:head=probe", num_steps=60)] == [6, 27]
    assert plan("r_drop:match_compute:alpha=0") == plan("finetune")


def test_kept_fraction_of_one_is_reserve_and_of_zero_the_reset() -> None:
    assert plan("eh_ft:adapter_kept_fraction=1") == plan("eh_ft:reserve")
    assert plan("eh_ft:adapter_kept_fraction=0") == plan("eh_ft")
    half = plan("eh_ft:adapter_kept_fraction=0.5")[1]
    assert half.start == Merged(0.5)


def test_matched_compute_counts_an_adapter_update_as_two_thirds() -> None:
    (stage,) = plan("finetune:match_compute", num_steps=100, fraction=0.3)
    assert stage.num_steps == round((2 * 30 + 3 * 70) / 3) == 90


def test_head_soup_averages_stage_1s_that_differ_in_their_streams_alone() -> None:
    *first, last = plan("head_soup:heads=2", num_steps=100, fraction=0.1)
    assert [stage.num_steps for stage in (*first, last)] == [10, 10, 80]
    assert [stage.role for stage in first] == ["adapter", "adapter/2"]
    assert {stage.kind for stage in first} == {"adapter"}
    assert last.head_from == MeanHead()
    assert last.start == Pretrained()


def test_head_soup_without_steps_for_stage_2_is_refused() -> None:
    with pytest.raises(UsageError, match="leave none of 100 for Stage 2"):
        plan("head_soup:heads=5", num_steps=100, fraction=0.2)


def test_a_soup_has_one_head_start_and_ends_without_updates() -> None:
    first, *tuned, last = plan("soup:ingredients=3", num_steps=100, fraction=0.1)
    assert first.kind == "adapter"
    assert [stage.num_steps for stage in tuned] == [30, 30, 30]
    assert {(stage.start, stage.head_from) for stage in tuned} == {(Pretrained(), FirstHead())}
    assert len({stage.role for stage in tuned}) == 3
    assert (last.num_steps, last.trainable, last.start) == (0, Nothing(), GreedySoup())
    assert last.head_from == HeadOfStart()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("mixout:probability=1", "from 0 to under 1"),
        ("mixout:head=lora", "Known: fresh, probe, fitted, adapter"),
        ("child_tuning:variant=e", "Known: d"),
        ("child_tuning:fraction=0", "from above 0 to 1"),
        ("top_k:layers=0", "at least 1"),
        ("top_k:layers=1.5", "a whole number"),
        ("layerwise_decay:decay=1.1", "from above 0 to 1"),
        ("reinit:layers=-1", "at least 1"),
        ("gradual_unfreezing:unfreezing_fraction=2", "from above 0 to 1"),
        ("fisher_unfreezing:unfreezing_fraction=0", "from above 0 to 1"),
        ("eh_ft:adapter_kept_fraction=1.5", "from 0 to 1"),
        ("eh_ft:reserve:adapter_kept_fraction=0.5", "give one of them"),
        ("eh_ft:stage2=head", "Known: finetune, adapter"),
        ("eh_ft:stage2=adapter:reserve", "leave the others out"),
        ("eh_ft:stage2=adapter:refit", "leave the others out"),
        ("head_soup:heads=1", "at least 2"),
        ("soup:ingredients=1", "at least 2"),
        ("ema:decay=1.1", "from 0 to 1"),
        ("ema:tail=0", "from above 0 to 1"),
        ("r_drop:alpha=-1", "0 or more"),
        ("wise_ft:interpolation=2", "from 0 to 1"),
        ("dropout:probability=1", "from 0 to under 1"),
    ],
)
def test_options_out_of_range_are_refused(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        build_strategy(Spec.parse(text))


def test_what_is_registered_is_built_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    strategies: Registry[type[Strategy]] = Registry("strategy")
    monkeypatch.setattr(catalogue, "STRATEGIES", strategies)
    with pytest.raises(UsageError, match="'mine'"):
        build_strategy(Spec("mine"))
    mine = strategies.add("mine", type("Mine", (Finetune,), {}))
    assert type(build_strategy(Spec("mine"))) is mine


def test_a_second_adapter_stands_on_the_restored_backbone_as_adapter_tuning_alone_would() -> None:
    first, second = plan("eh_ft:stage2=adapter")
    (alone,) = plan("adapter", num_steps=90)
    assert first == plan("eh_ft")[0]
    assert dataclasses.replace(second, name=alone.name, head_from=FreshHead()) == alone
    assert second.head_from == PreviousHead()
    assert plan("eh_ft:stage2=adapter:head_calibration")[1].head_from == PreviousHead(calibrated=True)
    assert plan("eh_ft:stage2=adapter", fraction=0.0) == plan("adapter")
    assert plan("eh_ft:stage2=finetune") == plan("eh_ft")
