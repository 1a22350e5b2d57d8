"""Who takes part in a race."""

from __future__ import annotations

from dataclasses import replace

import pytest

from headstart.experiments.options import Options
from headstart.kinds.catalogue import kind_named
from headstart.registry import Spec
from headstart.search.candidates import NATIVE, Setting, candidates_for
from headstart.search.trials import Candidate

LINEAR = Spec("linear")
FITTED = Candidate(name="fitted head", strategy=Spec("linear_probe", (("fit", "lda"),)), head=LINEAR)
SETTING = Setting(
    kind=kind_named("classification"),
    num_classes=2,
    num_rows=500,
    usual_epochs=20.0,
    updates_per_epoch=32,
    gentle_rate=5e-5,
    head=LINEAR,
    fitted=FITTED,
    fits_native=True,
)


def test_names_and_ranks_are_distinct_and_every_recipe_is_there() -> None:
    found = candidates_for(SETTING)
    assert len({each.name for each in found}) == len(found)
    assert sorted(each.rank for each in found) == list(range(len(found)))
    strategies = {each.strategy.name for each in found}
    assert strategies == {"lp_ft", "contrastive", "linear_probe", "eh_ft", "finetune", "adapter"}


def test_a_native_head_is_preferred_and_tried_after_our_own() -> None:
    found = candidates_for(SETTING)
    assert found[0].head == NATIVE
    assert min(found, key=lambda each: each.rank).head == LINEAR


def test_a_plain_folder_has_native_heads_only() -> None:
    native = replace(FITTED, head=NATIVE)
    found = candidates_for(replace(SETTING, head=NATIVE, fitted=native, only_native=True))
    assert {each.head for each in found} == {NATIVE}
    unfitted = candidates_for(replace(SETTING, head=NATIVE, fitted=None, only_native=True))
    assert {each.head for each in unfitted} == {NATIVE}


@pytest.mark.parametrize(
    ("num_classes", "first", "rate"), [(2, "lp_ft", None), (20, "lp_ft", None), (77, "contrastive", 5e-5)]
)
def test_many_classes_are_first_drawn_apart_and_fine_tuned_gently(
    num_classes: int, first: str, rate: float | None
) -> None:
    found = candidates_for(replace(SETTING, num_classes=num_classes))
    assert min(found, key=lambda each: each.rank).strategy.name == first
    short = next(each for each in found if each.name == "fitted head, short fine-tuning")
    assert (short.learning_rate, short.options(Options()).method.learning_rate) == (rate, rate)


def test_large_tables_are_not_trained_longer_than_usual() -> None:
    found = candidates_for(replace(SETTING, usual_epochs=1.5, num_rows=100_000))
    assert all(each.epochs is None or each.epochs <= 1.5 for each in found)


def test_no_two_candidates_are_one_recipe() -> None:
    for epochs in (1.5, 4.0, 20.0):
        found = candidates_for(replace(SETTING, usual_epochs=epochs))
        recipes = [replace(each, name="", rank=0) for each in found]
        assert len(recipes) == len(set(recipes))


def test_few_rows_are_seen_more_often() -> None:
    def short_epochs(updates_per_epoch: int) -> set[float | None]:
        found = candidates_for(replace(SETTING, updates_per_epoch=updates_per_epoch))
        return {each.epochs for each in found if "short" in each.name}

    assert [short_epochs(updates) for updates in (5, 16, 32, 1_000)] == [{20.0}, {8.0}, {4.0}, {4.0}]


def test_another_vector_than_the_checkpoints_is_fine_tuned_too() -> None:
    joined = replace(FITTED, head=Spec("linear", (("layers", 4), ("pooling", "mean"))))
    heads = [each.head for each in candidates_for(replace(SETTING, fitted=joined)) if each.strategy.name == "lp_ft"]
    assert joined.head in heads


def test_kinds_without_fitted_heads_race_what_trains() -> None:
    found = candidates_for(replace(SETTING, kind=kind_named("multiple_choice"), num_classes=0, fitted=None))
    assert {each.strategy.name for each in found} == {"eh_ft", "finetune", "adapter"}


def test_contrastive_training_is_for_one_class_of_several() -> None:
    found = candidates_for(replace(SETTING, kind=kind_named("multi_label")))
    assert "contrastive" not in {each.strategy.name for each in found}
