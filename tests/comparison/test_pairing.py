"""Which fine-tuning a cell is compared with, and when with none."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import replace

import pytest

from headstart.comparison.comparison_table import ComparisonRow, build_comparison
from headstart.comparison.frame import Frame
from headstart.comparison.pairing import Pairing
from headstart.store.declared import DeclaredAxis
from headstart.store.record import RunRecord
from headstart.store.setting import Setting
from tests.support.stores import SETTING, make_record

HEADS = ("native", "linear", "fourier_kan")


def runs(label: str, experiment: str, setting: Setting | None = SETTING, score: float = 0.7, **changes: object):
    """Return six runs of one experiment whose scores scatter a little, in an order of its own, around one mean."""
    order = random.Random(experiment).sample(range(6), 6)
    return [
        make_record(
            label, seed, score + (order[seed] * 7 % 5) / 1000, experiment=experiment, setting=setting, **changes
        )
        for seed in range(6)
    ]


def pairing_of(records: Iterable[RunRecord], digest: str, **declared: object) -> Pairing:
    frame = Frame.from_records(records, **declared)
    (cell,) = [cell for cell in frame.cells if cell.experiment_digest == digest]
    pairing = frame.pair(cell)
    assert pairing is not None
    return pairing


def rows_of(records: Iterable[RunRecord], **declared: object) -> dict[str, ComparisonRow]:
    return {row.label: row for row in build_comparison(Frame.from_records(records, **declared)).rows}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"max_length": 512}, "max_length 512 against 128"),
        ({"head": "mlp"}, "head mlp against native"),
        ({"keep_head": True}, "keep_head yes against no"),
        ({"long": "window", "stride": 32}, "long window against longest_first, stride 32 against 0"),
        ({"loss": "focal:gamma=2.0"}, "loss focal:gamma=2.0 against cross_entropy"),
        ({"label_smoothing": 0.1}, "label_smoothing 0.1 against 0.0"),
        ({"class_weights": (0.5, 2.0)}, "class_weights 0.5, 2 against not set"),
        ({"label_units": "standard"}, "label_units standard against not set"),
        ({"optimizer": {"weight_decay": "0.01", "beta2": "0.98"}}, "beta2 0.98 against 0.999"),
        ({"trainer": {"adam_epsilon": "1e-06"}}, "adam_epsilon 1e-06 against not set"),
        ({"batch_size": 32}, "batch_size 32 against 16"),
        ({"precision": "bf16"}, "precision bf16 against fp32"),
        ({"attention": "sdpa"}, "attention sdpa against eager"),
        ({"device": "cuda"}, "device cuda against cpu"),
        ({"folds": 5}, "folds 5 against not set"),
        ({"holdout_fraction": 0.2}, "holdout_fraction 0.2 against 0.0"),
        ({"chosen_on": "holdout"}, "chosen_on holdout against none"),
        ({"rows": "9" * 64}, "rows 99999999 against 3f2a91bc"),
        ({"model_revision": "xxh3:0000000000000000"}, "model revision xxh3:00000000000 against xxh3:8fd7aea7103"),
    ],
)
def test_whatever_else_differs_is_named_and_there_is_no_verdict(change: dict[str, object], said: str):
    """Scores a point apart in each of six pairs would be a verdict where all else is equal."""
    other = runs("eh_ft(lora)", "other", replace(SETTING, **change), 0.8)
    row = rows_of([*runs("finetune", "base"), *other])["eh_ft(lora)"]
    assert (row.verdict, row.difference, row.baseline) == (None, None, "")
    assert row.finding == f"not compared: {said} of the nearest fine-tuning"
    assert rows_of([*runs("finetune", "base"), *runs("eh_ft(lora)", "other", score=0.8)])["eh_ft(lora)"].verdict


def test_a_setting_that_was_not_recorded_gives_no_verdict():
    records = [*runs("finetune", "base", None), *runs("eh_ft(lora)", "other", None, 0.8)]
    row = rows_of(records)["eh_ft(lora)"]
    assert row.verdict is None
    assert row.finding == "not compared: with which settings these runs were made is not recorded"


def test_fine_tuning_of_equal_setting_is_taken_before_any_other_likeness():
    longer = replace(SETTING, max_length=512)
    records = [
        *runs("finetune", "base")[:2],
        *runs("finetune", "longer", longer, num_steps=100),
        *runs("eh_ft(lora)", "other", longer),
    ]
    assert pairing_of(records, "other").baseline.experiment_digest == "longer"


def test_of_equal_settings_equal_updates_then_rates_then_seeds_decide():
    records = [
        *runs("finetune", "zz-longer", num_steps=500),
        *runs("finetune", "yy-faster", learning_rates={"finetune": 1e-3}),
        *runs("finetune", "alike")[:3],
        *runs("finetune", "xx-fewer")[:2],
        *runs("eh_ft(lora)", "other", learning_rates={"adapter": 1e-2, "finetune": 1e-4}),
    ]
    pairing = pairing_of(records, "other")
    assert (pairing.baseline.experiment_digest, pairing.is_fair) == ("alike", True)


def test_the_nearest_is_named_where_none_is_equal():
    records = [
        *runs("finetune", "far", replace(SETTING, head="mlp", precision="bf16")),
        *runs("finetune", "near", replace(SETTING, head="linear")),
        *runs("eh_ft(lora)", "other"),
    ]
    assert (
        rows_of(records)["eh_ft(lora)"].finding == "not compared: head native against linear of the nearest fine-tuning"
    )


def heads(label: str, scores: Iterable[float], declared: tuple[str, ...] = HEADS) -> tuple[list[RunRecord], dict]:
    """Return runs with each head, and the axis that they were declared on."""
    records: list[RunRecord] = []
    varied = {}
    for head, score in zip(declared, scores, strict=True):
        digest = f"{label}-{head}".replace("(", "_").replace(")", "_")
        records += runs(label, digest, replace(SETTING, head=head), score)
        varied[digest] = (DeclaredAxis(axis="head", value=head, values=declared),)
    return records, varied


def test_along_a_declared_axis_each_is_compared_with_its_own_and_fine_tuning_with_the_first():
    """By hand: 0.75 - 0.70 with each head, and fine-tuning 0.60 and 0.80 against its 0.70 with the native one."""
    base, base_axes = heads("finetune", (0.7, 0.6, 0.8))
    ours, our_axes = heads("eh_ft(lora)", (0.75, 0.65, 0.85))
    rows = rows_of([*base, *ours], varied=base_axes | our_axes)
    assert list(rows) == [f"{label} head={head}" for label in ("finetune", "eh_ft(lora)") for head in HEADS]
    assert rows["finetune head=native"].difference is None
    assert rows["finetune head=native"].finding == ""
    for label, baseline, mean, verdict in (
        ("finetune head=linear", "finetune head=native", -0.1, "worse"),
        ("finetune head=fourier_kan", "finetune head=native", 0.1, "better"),
        ("eh_ft(lora) head=native", "finetune head=native", 0.05, "better"),
        ("eh_ft(lora) head=linear", "finetune head=linear", 0.05, "better"),
        ("eh_ft(lora) head=fourier_kan", "finetune head=fourier_kan", 0.05, "better"),
    ):
        row = rows[label]
        assert row.difference is not None
        assert (row.baseline, row.finding, row.difference.mean) == (baseline, verdict, pytest.approx(mean, abs=0.004))


def test_without_fine_tuning_at_its_value_one_that_differs_as_declared_is_taken():
    base, base_axes = heads("finetune", (0.7, 0.6, 0.8))
    ours, our_axes = heads("eh_ft(lora)", (0.75, 0.65, 0.85))
    kept = [record for record in base if record.experiment_digest != "finetune-fourier_kan"]
    row = rows_of([*kept, *ours], varied=base_axes | our_axes)["eh_ft(lora) head=fourier_kan"]
    assert (row.baseline, row.finding) == ("finetune head=native", "better")


def test_an_axis_that_only_one_side_was_declared_on_allows_nothing():
    ours, our_axes = heads("eh_ft(lora)", (0.75, 0.85), ("linear", "fourier_kan"))
    row = rows_of([*runs("finetune", "base"), *ours], varied=our_axes)["eh_ft(lora) head=linear"]
    assert row.finding == "not compared: head linear against native of the nearest fine-tuning"


def test_what_an_axis_does_not_change_still_has_to_be_equal():
    base, base_axes = heads("finetune", (0.7,), ("native",))
    base_axes = {"finetune-native": (DeclaredAxis(axis="head", value="native", values=HEADS),)}
    ours = runs("eh_ft(lora)", "other", replace(SETTING, head="linear", max_length=512), 0.8)
    axes = base_axes | {"other": (DeclaredAxis(axis="head", value="linear", values=HEADS),)}
    row = rows_of([*base, *ours], varied=axes)["eh_ft(lora) head=linear"]
    assert row.finding == "not compared: max_length 512 against 128 of the nearest fine-tuning"


def test_fine_tuning_at_a_later_value_without_one_at_the_first_says_so():
    base, base_axes = heads("finetune", (0.7, 0.6, 0.8))
    kept = [record for record in base if record.experiment_digest != "finetune-native"]
    row = rows_of(kept, varied=base_axes)["finetune head=linear"]
    assert row.finding == "no fine-tuning run at head=native to compare with"


def test_a_preset_may_change_all_that_it_decides():
    presets = ("default", "paper")
    axes = {name: (DeclaredAxis(axis="preset", value=name, values=presets),) for name in presets}
    paper = replace(
        SETTING, optimizer={"weight_decay": "0.01", "beta2": "0.98"}, batch_size=32, max_length=512, long="only_first",
        head="mlp",
    )  # fmt: skip
    records = [*runs("finetune", "default"), *runs("finetune", "paper", paper, 0.8)]
    assert rows_of(records, varied=axes)["finetune preset=paper"].finding == "better"
    moved = [*records[:6], *runs("finetune", "paper", replace(paper, device="cuda"), 0.8)]
    assert "device cuda against cpu" in rows_of(moved, varied=axes)["finetune preset=paper"].finding


def test_other_versions_of_libraries_are_compared_and_marked_beside_the_verdict():
    ours = runs("eh_ft(lora)", "other", score=0.8, versions={"torch": "2.8.0"})
    row = rows_of([*runs("finetune", "base"), *ours])["eh_ft(lora)"]
    assert row.verdict == "better"
    assert row.finding == "better (torch 2.8.0 against 2.9.0)"
    unknown = [replace(record, versions={}) for record in ours]
    assert rows_of([*runs("finetune", "base"), *unknown])["eh_ft(lora)"].finding == "better (versions not recorded)"


def test_two_tables_of_one_name_have_headings_that_say_how_they_differ():
    other = replace(SETTING, rows="9bc1aa00" * 8)
    records = [*runs("finetune", "base"), *runs("finetune", "other", other), *runs("eh_ft(lora)", "x", other)]
    groups = build_comparison(Frame.from_records(records)).groups
    assert [group.title for group in groups] == ["demo, rows 3f2a91bc", "demo, rows 9bc1aa00"]
    assert [row.finding for row in groups[1].rows] == ["", "no difference shown"]


def test_a_group_is_named_by_its_model_too_where_another_model_was_trained_on_the_same_task():
    groups = build_comparison(
        Frame.from_records([*runs("finetune", "a"), *runs("finetune", "b", model="roberta-base")])
    ).groups
    assert [group.title for group in groups] == ["demo", "demo"]
    assert [group.name for group in groups] == ["demo, embedded:minilm-l6", "demo, roberta-base"]


def test_namesakes_in_one_group_are_told_apart_by_their_settings():
    records = [*runs("finetune", "base"), *runs("finetune", "longer", replace(SETTING, max_length=512))]
    assert list(rows_of(records)) == ["finetune, max_length=128", "finetune, max_length=512"]
