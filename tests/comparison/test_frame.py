"""Which runs stand together, and which may be paired."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from headstart.comparison.comparison_table import build_comparison
from headstart.comparison.frame import Frame
from headstart.errors import UsageError
from headstart.store.record import Purpose, RunRecord, RunStatus
from tests.support.stores import fail, make_record, write_store


def test_runs_of_one_experiment_are_one_cell_sorted_by_seed(tmp_path: Path):
    store = write_store(tmp_path / "runs", [make_record(seed=seed, score=seed / 10) for seed in (2, 0, 10, 1)])
    (cell,) = Frame.from_store(store).cells
    assert cell.scores == {0: 0.0, 1: 0.1, 2: 0.2, 10: 1.0}


def test_the_baseline_comes_first():
    frame = Frame.from_records([make_record("eh_ft(lora)", stage1=0.5), make_record("finetune")])
    assert [cell.first.label for cell in frame.cells] == ["finetune", "eh_ft(lora)"]


def test_a_missing_store_is_an_error_of_the_user(tmp_path: Path):
    with pytest.raises(UsageError, match="nowhere"):
        Frame.from_store(tmp_path / "nowhere")


def test_trials_that_chose_a_learning_rate_are_left_out_and_counted():
    records = [make_record(), make_record(experiment="trial", purpose=Purpose.SELECTION)]
    frame = Frame.from_records(records)
    assert [cell.experiment_digest for cell in frame.cells] == ["demo-finetune"]
    assert frame.num_selection_runs == 1


def test_only_the_experiments_asked_for():
    records = [make_record(), make_record("eh_ft(lora)")]
    frame = Frame.from_records(records, digests={"demo-eh_ft_lora"})
    assert [cell.first.label for cell in frame.cells] == ["eh_ft(lora)"]


def test_failed_runs_have_no_score_and_are_counted_by_kind():
    records = [make_record(seed=0), fail(make_record(seed=1)), fail(make_record(seed=2), RunStatus.ERROR)]
    (cell,) = Frame.from_records(records).cells
    assert cell.scores == {0: 0.75}
    assert (cell.num_diverged, cell.num_errors) == (1, 1)
    assert cell.first.status is RunStatus.FINISHED


def test_a_success_stands_above_an_earlier_failure_of_the_same_run():
    (cell,) = Frame.from_records([make_record(), fail(make_record())]).cells
    assert [record.status for record in cell.records] == [RunStatus.FINISHED]


@pytest.mark.parametrize(
    "change", [{"task": "other"}, {"model": "other"}, {"metric": "f1"}, {"reported_split": "test"}]
)
def test_another_question_is_never_compared(change: dict[str, str]):
    other = replace(make_record("eh_ft(lora)", experiment="x"), scores={"accuracy": 0.5, "f1": 0.4}, **change)
    frame = Frame.from_records([make_record(), other])
    (cell,) = [cell for cell in frame.cells if not cell.is_baseline]
    assert frame.pair(cell) is None


def test_stage_1_has_a_score_only_where_there_are_two_stages():
    frame = Frame.from_records([make_record(), make_record("eh_ft(lora)", stage1=0.61)])
    assert [cell.first_stage_scores() for cell in frame.cells] == [{}, {0: 0.61}]


def test_a_damaged_record_is_left_out_with_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    store = write_store(tmp_path / "runs", [make_record(seed=0), make_record(seed=1)])
    (store / "demo-finetune" / "seed-1" / "run.json").write_text('{"status": "fini')
    (cell,) = Frame.from_store(store).cells
    assert list(cell.scores) == [0]
    assert f"{store / 'demo-finetune' / 'seed-1' / 'run.json'}: " in caplog.text


def test_at_equal_compute_the_baseline_is_the_matched_one_and_its_fewer_updates_are_fair():
    """By hand: 20 adapter updates and 180 of fine-tuning cost 2 x 20 + 3 x 180 = 580, 193 of fine-tuning cost 579."""
    matched = [
        replace(record, stages=(replace(record.stages[0], num_steps=193),), num_steps=193)
        for record in (make_record("finetune:match_compute", seed, 0.6 + seed / 100) for seed in range(6))
    ]
    records = [
        *(make_record(seed=seed, score=0.5 + seed / 100) for seed in range(6)),
        *matched,
        *(make_record("eh_ft(lora)", seed, 0.7 + seed / 90, stage1=0.5) for seed in range(6)),
        *(make_record("lp_ft", seed, 0.7, stage1=0.5, stage1_role="probe") for seed in range(6)),
    ]
    frame = Frame.from_records(records)
    plain = {row.label: row for row in build_comparison(frame).rows}
    equal = {row.label: row for row in build_comparison(frame.at_equal_compute()).rows}
    assert plain["eh_ft(lora)"].difference.mean == pytest.approx(0.2 + 2.5 / 90 - 0.025)
    assert plain["finetune:match_compute"].words == ("no verdict: unequal steps, 193 against the baseline's 200",)
    assert equal["finetune:match_compute"].is_baseline
    assert equal["eh_ft(lora)"].difference.mean == pytest.approx(0.1 + 2.5 / 90 - 0.025)
    assert equal["eh_ft(lora)"].words[0] == "better"
    assert equal["lp_ft"].words[0].startswith("no verdict: unequal steps"), "its probe costs nothing"


def test_an_update_on_a_larger_batch_counts_as_several():
    """By hand: 30 updates of 64 rows are 120 of 16; with 80 of fine-tuning they are as many as the baseline's 200."""

    def contrastive(seed: int, num_finetuned: int) -> RunRecord:
        record = make_record("contrastive", seed, 0.7 + seed / 90, experiment=f"c{num_finetuned}", stage1=0.5)
        first, second = record.stages
        stages = (
            replace(first, role="contrastive", num_steps=30, own_batch_size=64),
            replace(second, num_steps=num_finetuned),
        )
        return replace(record, label=f"{num_finetuned}", stages=stages, num_steps=30 + num_finetuned)

    plain = [make_record(seed=seed, score=0.5 + seed / 100) for seed in range(6)]
    frame = Frame.from_records([*plain, *(contrastive(seed, n) for n in (80, 170) for seed in range(6))])
    rows = {row.label: row for row in build_comparison(frame).rows}
    assert rows["80"].words[0] == "better"
    assert rows["170"].words[0].endswith("unequal compute, in forward passes of a batch 870 against the baseline's 600")
    costs = {cell.first.label: cell.cost for cell in frame.cells}
    assert (costs["80"], costs["170"]) == (600, 870)


def test_every_fits_pass_over_the_rows_counts():
    """By hand: two passes of 480 rows are 60 batches of 16 without a way back; 80 updates are 240 passes of a batch."""
    record = make_record("contrastive", 0, 0.7, stage1=0.5)
    first, second = record.stages
    fits = [replace(first, role=role, num_steps=0, num_examples_seen=480) for role in ("fit", "fit/2")]
    stages = (fits[0], replace(second, num_steps=80), fits[1])
    frame = Frame.from_records([make_record(), replace(record, stages=stages)])
    costs = {cell.first.label: cell.cost for cell in frame.cells}
    assert costs["contrastive"] == pytest.approx(240 + 60)


def test_without_a_matched_run_equal_compute_is_an_error():
    with pytest.raises(UsageError, match="compare` with `match_compute` first"):
        Frame.from_records([make_record()]).at_equal_compute()
