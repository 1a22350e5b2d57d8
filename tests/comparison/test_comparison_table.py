"""The numbers and the words of the comparison table."""

from __future__ import annotations

from dataclasses import replace

import pytest

from headstart.comparison.comparison_table import ComparisonRow, ComparisonTable, build_comparison
from headstart.comparison.frame import Frame
from headstart.stats.comparisons import Verdict
from headstart.store.declared import DeclaredLooks
from headstart.store.record import Purpose, RunRecord, RunStatus
from tests.support.stores import SETTING, fail, make_record


def table_of(records: list[RunRecord]) -> ComparisonTable:
    return build_comparison(Frame.from_records(records))


def row_of(records: list[RunRecord], label: str) -> ComparisonRow:
    (row,) = [row for row in table_of(records).rows if row.label == label]
    return row


def pairs(num_seeds: int, gain: float = 0.05, baseline: float = 0.7, **changes: object) -> list[RunRecord]:
    """Fine-tuning and EH-FT(LoRA) at equal seeds, with a little noise that is the same on both sides."""
    records = []
    for seed in range(num_seeds):
        noise = 0.001 * (seed % 3)
        records.append(make_record("finetune", seed, baseline + noise, **changes))
        records.append(make_record("eh_ft(lora)", seed, baseline + gain + 2 * noise, stage1=0.6, **changes))
    return records


def test_numbers_of_a_row():
    row = row_of(pairs(3), "eh_ft(lora)")
    assert row.summary is not None
    assert row.summary.mean == pytest.approx(0.752)
    assert row.n == 3
    assert row.stage1 is not None
    assert row.stage1.mean == pytest.approx(0.6)
    assert row.difference is not None
    assert row.difference.mean == pytest.approx(0.051)
    assert row.seconds == pytest.approx(51.0)
    assert row.num_trained_parameters == 22_714_371


def test_under_six_seeds_no_verdict():
    assert row_of(pairs(5), "eh_ft(lora)").words == ("too few seeds for a verdict",)


def test_from_six_seeds_on_a_verdict():
    assert row_of(pairs(6), "eh_ft(lora)").words == ("better",)
    assert row_of(pairs(6, gain=-0.05), "eh_ft(lora)").words == ("worse",)


def test_an_undertrained_baseline_is_marked_and_not_compared():
    records = pairs(6, baseline=0.36)
    assert row_of(records, "finetune").words[0].startswith("undertrained")
    row = row_of(records, "eh_ft(lora)")
    assert row.difference is None
    assert row.words[0] == "not compared: the baseline is undertrained"


def test_a_baseline_without_a_finished_run_compares_nothing():
    records = [fail(make_record("finetune")), make_record("eh_ft(lora)", stage1=0.6)]
    assert row_of(records, "eh_ft(lora)").words[0] == "no fine-tuning run to compare with"
    assert row_of(records, "finetune").summary is None


def test_divergences_are_counted_and_the_mean_shown_with_them():
    records = pairs(3)
    records[5] = fail(records[5])
    row = row_of(records, "eh_ft(lora)")
    assert (row.n, row.num_diverged, row.num_failed) == (2, 1, 1)
    assert row.mean_with_failures == pytest.approx((0.75 + 0.752 + 0.34) / 3)
    assert "1 of 3 runs diverged: the mean is 61.40 with the best constant answer's score 34.00 for each" in row.words
    assert "1 pair with a missing side" in row.words


def test_errors_are_counted_but_are_no_result():
    records = pairs(3)
    records[5] = fail(records[5], RunStatus.ERROR)
    row = row_of(records, "eh_ft(lora)")
    assert (row.num_diverged, row.num_errors) == (0, 1)
    assert row.mean_with_failures is None
    assert "1 of 3 runs stopped by an error" in row.words


def test_unequal_steps_get_no_verdict():
    records = [record for record in pairs(6) if record.label == "finetune"]
    records += [make_record("eh_ft(lora)", seed, 0.8, stage1=0.6, num_steps=500) for seed in range(6)]
    assert row_of(records, "eh_ft(lora)").words == ("no verdict: unequal steps, 500 against the baseline's 200",)


def two_passes(record: RunRecord) -> RunRecord:
    (stage,) = record.stages
    return replace(record, stages=(replace(stage, num_steps=record.num_steps, passes_per_update=2),))


@pytest.mark.parametrize(("num_steps", "is_fair"), [(200, False), (100, True)])
def test_updates_of_two_passes_cost_twice_as_much(num_steps: int, is_fair: bool):
    """200 updates of three forward passes each are 600."""
    records = [record for record in pairs(6) if record.label == "finetune"]
    records += [two_passes(make_record("r_drop", seed, 0.8 + seed / 100, num_steps=num_steps)) for seed in range(6)]
    row = row_of(records, "r_drop")
    assert (row.verdict is not None) == is_fair
    if not is_fair:
        words = ("no verdict: unequal compute, in forward passes of a batch 1200 against the baseline's 600",)
        assert row.words == words


def test_a_poor_stage_1_is_said():
    records = [make_record(), make_record("eh_ft(lora)", stage1=0.36)]
    assert "Stage 1 is not clearly above the best constant answer" in row_of(records, "eh_ft(lora)").words


@pytest.mark.parametrize("label", ["lp_ft", "linear_probe"])
def test_stage_1_is_held_against_the_linear_probe(label: str):
    probe = make_record("lp_ft", stage1=0.58, stage1_role="probe")
    if label == "linear_probe":
        probe = make_record("linear_probe", score=0.58, stages=probe.stages[:1])
    words = "Stage 1 is not clearly above a linear probe"
    poor = [make_record(), probe, make_record("eh_ft(lora)", stage1=0.60)]
    good = [make_record(), probe, make_record("eh_ft(lora)", stage1=0.70)]
    assert words in row_of(poor, "eh_ft(lora)").words
    assert words not in row_of(good, "eh_ft(lora)").words
    assert words not in row_of(poor, label).words


def test_choosing_and_reporting_on_one_split_is_said_in_the_row():
    row = row_of(pairs(3, chosen_on="validation"), "eh_ft(lora)")
    assert "chosen and reported on the same split, validation" in row.words


def test_captions_name_metric_split_and_what_was_chosen():
    (group,) = table_of(pairs(3, chosen_on="held-out train")).groups
    assert (
        group.caption
        == "Scores are accuracy times 100 on the validation split of demo (300 examples). Chosen on: held-out train."
    )


def test_namesakes_are_told_apart():
    records = [
        make_record(experiment="a", num_steps=200),
        make_record(experiment="b", num_steps=500),
        make_record(experiment="c", num_steps=500, learning_rates={"finetune": 3e-5}),
        make_record(experiment="c2", num_steps=500, learning_rates={"finetune": 3e-5}),
    ]
    assert [row.label for row in table_of(records).rows] == [
        "finetune, 200 steps",
        "finetune, 500 steps, rates 0.0001",
        "finetune, 500 steps, rates 3e-05, c",
        "finetune, 500 steps, rates 3e-05, c2",
    ]


def test_namesakes_are_told_apart_where_the_first_has_not_recorded_its_setting():
    setting = replace(SETTING, rows="", model_revision="")  # as in the oldest stores
    records = [
        make_record(experiment="a", setting=None),
        make_record(experiment="b", setting=setting),
        make_record(experiment="c", setting=replace(setting, max_length=64)),
    ]
    assert [row.label for row in table_of(records).rows] == [
        "finetune, setting not recorded",
        "finetune, max_length=128",
        "finetune, max_length=64",
    ]
    assert [row.label for row in table_of(records[:2]).rows] == ["finetune, setting not recorded", "finetune"]


def test_selection_trials_are_named_in_the_notes():
    table = table_of([make_record(), make_record(experiment="t", purpose=Purpose.SELECTION)])
    assert "Left out: 1 run that only chose a learning rate." in table.notes


def test_classes_that_no_row_shows_are_said_once_a_task_with_the_folds_that_lack_them():
    gap, none = "no validation row of 'billing'", "no training row of 'room'"
    records = [
        make_record(label, seed, folds=3, class_gaps=(gap, none) if seed % 3 == 1 else (gap,))
        for label in ("finetune", "eh_ft(lora)")
        for seed in range(6)
    ]
    said = [note for note in table_of(records).notes if " row of " in note]
    assert said == [f"demo: {gap}.", f"demo: {none} in fold 2."]


def test_each_fold_has_a_best_constant_answer_of_its_own():
    """Folds of whole groups are not alike: of two runs one beats its fold's constant answer, and one does not."""
    constants, scores = (0.4, 0.8), (0.6, 0.7)
    records = [
        make_record(label, fold, score, folds=2, constant_score=constant, num_evaluation_examples=10 + fold)
        for label in ("finetune", "lp_ft")
        for fold, (constant, score) in enumerate(zip(constants, scores, strict=True))
    ]
    table = table_of([*records, fail(make_record("lp_ft", 3, folds=2, constant_score=0.8))])
    for row in table.rows:
        assert row.constant_score == pytest.approx(0.6)
        assert row.outcomes.num_at_constant_score == 1
    assert table.rows[0].is_undertrained
    assert table.rows[1].mean_with_failures == pytest.approx((0.6 + 0.7 + 0.8) / 3)
    assert "on the 2 folds of demo, of which each seed holds one out." in table.groups[0].caption


def test_an_empty_frame_is_an_empty_table():
    assert table_of([]).rows == ()


def test_constant_answers_are_flagged():
    records = pairs(3)
    records[5] = replace(records[5], is_degenerate=True)
    assert "1 of 3 runs answered the same to every row" in row_of(records, "eh_ft(lora)").words


def test_poor_runs_are_counted_and_stay_in_the_mean():
    records = pairs(3)
    records[5] = make_record("eh_ft(lora)", 2, 0.34, stage1=0.6, is_degenerate=True)
    records[3] = make_record("eh_ft(lora)", 1, 0.30, stage1=0.6)
    outcomes = row_of(records, "eh_ft(lora)").outcomes
    assert (outcomes.num_constant, outcomes.num_at_constant_score, outcomes.num_degenerate) == (1, 2, 2)
    assert outcomes.summary is not None
    assert outcomes.summary.mean == pytest.approx((0.75 + 0.30 + 0.34) / 3)
    words = row_of(records, "eh_ft(lora)").words
    assert "2 of 3 runs scored no higher than the best constant answer" in words


def test_median_and_quartiles_stand_in_the_row():
    records = [make_record(seed=seed, score=score) for seed, score in enumerate((0.5, 0.6, 0.7, 0.8, 0.9))]
    summary = row_of(records, "finetune").summary
    assert summary is not None
    assert (summary.lower_quartile, summary.median, summary.upper_quartile) == pytest.approx((0.6, 0.7, 0.8))


@pytest.mark.parametrize(("changes", "verdict"), [({}, Verdict.BETTER), ({"num_steps": 500}, None)])
def test_a_verdict_is_given_only_where_it_may_be(changes: dict[str, int], verdict: Verdict | None):
    records = [record for record in pairs(6) if record.label == "finetune"]
    records += [make_record("eh_ft(lora)", seed, 0.8 + seed / 1000, stage1=0.6, **changes) for seed in range(6)]
    row = row_of(records, "eh_ft(lora)")
    assert row.verdict is verdict
    assert row.difference is not None
    assert row.baseline_digest == row_of(records, "finetune").experiment_digest


def test_a_sequential_design_is_said_and_its_interval_shown():
    looks = DeclaredLooks(baseline_digest="demo-finetune", looks=(6, 8), confidence=0.95, narrower_than=None)
    records = pairs(7)
    frame = Frame.from_records(records, declared={"demo-eh_ft_lora": looks})
    row = build_comparison(frame).rows[1]
    fixed = row_of(records[:12], "eh_ft(lora)")
    assert row.sequential is not None
    assert row.difference is not None
    assert fixed.difference is not None
    assert row.difference.interval is not None
    assert fixed.difference.interval is not None
    assert row.difference.n == 6
    assert row.difference.interval.width > fixed.difference.interval.width
    assert (
        "sequential design with 2 declared looks: stopped at 6 of at most 8 pairs since the interval excludes zero; "
        "its interval is adjusted"
    ) in row.words


def test_seeds_that_were_added_for_another_baseline_are_not_compared():
    looks = DeclaredLooks(baseline_digest="other", looks=(6, 8), confidence=0.95, narrower_than=None)
    row = build_comparison(Frame.from_records(pairs(7), declared={"demo-eh_ft_lora": looks})).rows[1]
    assert (row.sequential, row.difference, row.verdict) == (None, None, None)
    assert row.finding == "not compared: its seeds were added until a comparison with another baseline was decided"


def test_errors_of_numbers_stand_in_the_caption_with_the_constant_answers():
    """By hand: the means of 300 and 320, 200 and 210."""
    records = [
        replace(
            make_record(label, seed, 0.5 + seed / 100, metric="pearson"),
            scores={"pearson": 0.5 + seed / 100, "mae": mae + step * seed, "rmse": 2 * (mae + step * seed)},
            constant_scores={"pearson": 0.0, "mae": 980.26, "rmse": 1000.0},
        )
        for label, mae, step in (("finetune", 300.0, 20.0), ("eh_ft(lora)", 200.0, 10.0))
        for seed in range(2)
    ]
    table = table_of(records)
    assert table.groups[0].caption.endswith(
        "Mean mae, in the labels' unit: finetune 310, eh_ft(lora) 205, the best constant answer 980.3. "
        "Mean rmse, in the labels' unit: finetune 620, eh_ft(lora) 410, the best constant answer 1000."
    )
    assert row_of(records, "finetune").errors == {"mae": 310.0, "rmse": 620.0}
    assert table_of(pairs(2)).rows[0].errors == {}
