"""What all tasks say together."""

from __future__ import annotations

from dataclasses import replace

import pytest

from headstart.comparison.answers import Tone
from headstart.comparison.comparison_table import ComparisonTable, build_comparison
from headstart.comparison.evidence import JointGain, ReportEvidence, weigh
from headstart.comparison.frame import Frame
from headstart.comparison.overall import overall_answers
from headstart.reports.evidence_table import evidence_table
from headstart.store.declared import DeclaredLooks
from headstart.store.record import OtherResult, RunRecord
from tests.support.stores import SETTING, make_record

NOISE = (0.0, 0.011, -0.013, 0.004, 0.017, -0.006, 0.009, -0.015)


def table_of(gains: dict[str, float], num_seeds: int = 8, **changes: object) -> ComparisonTable:
    """Return a table of tasks on each of which EH-FT gains so much over fine-tuning."""
    records = []
    for task, gain in gains.items():
        for seed in range(num_seeds):
            score = 0.7 + NOISE[seed] / 3
            records.append(make_record("finetune", seed, score, task=task))
            better = score + gain + NOISE[-seed] / 5
            records.append(make_record("eh_ft(lora)", seed, better, task=task, stage1=0.65, **changes))
    return build_comparison(Frame.from_records(records))


def evidence_of(gains: dict[str, float], num_seeds: int = 8) -> ReportEvidence:
    return weigh(table_of(gains, num_seeds))


def test_tasks_that_agree_are_an_answer():
    gains = {"a": 0.02, "b": 0.03, "c": 0.025, "d": 0.02, "e": 0.03, "f": 0.025}
    (answer,) = overall_answers(evidence_of(gains).gains)
    assert (answer.verdict, answer.tone) == ("better over tasks", Tone.BETTER)
    assert "Over 6 tasks, eh_ft(lora) is 2.5" in answer.sentence
    assert "points above plain fine-tuning on average (higher on 6, equal on 0, lower on 0)" in answer.sentence


def test_tasks_that_do_not_agree_are_none():
    gains = {"a": 0.03, "b": -0.03, "c": 0.04, "d": -0.03, "e": 0.05, "f": 0.01}
    (answer,) = overall_answers(evidence_of(gains).gains)
    assert (answer.verdict, answer.tone) == ("no difference shown over tasks", Tone.OPEN)
    assert answer.needed == "These tasks have a verdict; for others like them more tasks are needed, not more seeds."
    (answer,) = overall_answers(evidence_of({"a": 0.0, "b": 0.0, "c": 0.0}).gains)
    assert answer.needed.startswith("A verdict on these tasks needs more paired seeds")


def test_two_tasks_speak_for_themselves_alone():
    (answer,) = overall_answers(evidence_of({"a": -0.03, "b": -0.03}).gains)
    assert (answer.verdict, answer.tone) == ("worse on these tasks", Tone.WORSE)
    assert "other tasks" not in answer.sentence


def test_few_seeds_and_one_task_give_no_verdict():
    (answer,) = overall_answers(evidence_of({"a": 0.03, "b": 0.03, "c": 0.03}, num_seeds=5).gains)
    assert answer.verdict == "too few seeds for a verdict"
    assert answer.needed == "A verdict needs 6 paired seeds that all tasks share."
    assert overall_answers(evidence_of({"a": 0.03}).gains) == ()


def test_what_was_not_compared_is_not_joined():
    assert weigh(table_of({"a": 0.03, "b": 0.03}, num_steps=400)).gains == ()


def on_other_rows(record: RunRecord) -> RunRecord:
    """Return the record with the same score on another task's rows."""
    other = OtherResult(
        name="axb", split="test", metric="accuracy", scores=record.scores, constant_score=0.34, num_examples=100
    )
    return replace(record, others=(other,))


def runs(gain: float, *, stage1: float | None = 0.65, **changes: object) -> list[RunRecord]:
    """Return eight runs of fine-tuning and as many of EH-FT, better by `gain`."""
    pairs = [(seed, 0.7 + NOISE[seed] / 3, NOISE[-seed] / 5) for seed in range(8)]
    return [
        record
        for seed, score, noise in pairs
        for record in (
            make_record("finetune", seed, score, **changes),
            make_record("eh_ft(lora)", seed, score + gain + noise, stage1=stage1, **changes),
        )
    ]


def gains_of(records: list[RunRecord], **declared: object) -> tuple[JointGain, ...]:
    return weigh(build_comparison(Frame.from_records(records, **declared))).gains


def test_scores_on_other_rows_are_no_task_of_their_own():
    records = runs(0.03)
    assert gains_of([on_other_rows(record) for record in records]) == ()
    two = [*records, *runs(0.02, task="b")]
    (alone,), (beside,) = gains_of(two), gains_of([on_other_rows(record) for record in two])
    assert alone == beside
    assert alone.gain.num_tasks == 2


def test_a_task_counts_once_a_model():
    """One task with two models is one task for each of them."""
    other = {"model": "roberta-base", "setting": replace(SETTING, model_revision="r1")}
    base, roberta = (
        runs(0.03),
        [replace(each, experiment_digest=f"r{each.experiment_digest}") for each in runs(0.01, **other)],
    )
    assert gains_of([*base, *roberta]) == ()
    second = [
        *runs(0.02, task="b"),
        *[replace(each, experiment_digest=f"r{each.experiment_digest}") for each in runs(0.04, task="b", **other)],
    ]
    gains = gains_of([*base, *roberta, *second])
    assert [(each.model, each.gain.num_tasks) for each in gains] == [("embedded:minilm-l6", 2), ("roberta-base", 2)]
    assert [round(each.gain.mean, 2) for each in gains] == [0.03, 0.03]
    answers = overall_answers(gains)
    assert [answer.label for answer in answers] == ["eh_ft(lora), embedded:minilm-l6", "eh_ft(lora), roberta-base"]


def test_two_tables_of_one_name_are_two_tasks():
    other = [
        replace(each, experiment_digest=f"o{each.experiment_digest}")
        for each in runs(0.01, setting=replace(SETTING, rows="9" * 64))
    ]
    (gain,) = gains_of([*runs(0.03), *other])
    assert gain.gain.num_tasks == 2


def test_seeds_that_were_added_until_it_was_decided_are_not_joined():
    records = [*runs(0.03), *runs(0.03, task="b")]
    looks = DeclaredLooks(baseline_digest="b-finetune", looks=(6, 8), confidence=0.95, narrower_than=None)
    assert len(gains_of(records)) == 1
    assert gains_of(records, declared={"b-eh_ft_lora": looks}) == ()


def test_the_table_of_evidence_corrects_for_all_comparisons():
    table = table_of({"a": 0.03, "b": 0.02})
    evidence = weigh(table)
    found = evidence_table(table.groups[0], evidence)
    assert found is not None
    by_name = {row[0]: row[1] for row in found.rows}
    p_value = 2 / 2**8  # every difference has the same sign
    assert by_name["sign-flip test, p"] == f"{p_value:.3f}"
    assert by_name["the same after Holm, over 2 comparisons"] == f"{2 * p_value:.3f}"
    assert by_name["wins / ties / losses of paired seeds"] == "8 / 0 / 0"
    assert by_name["95 % interval, BCa bootstrap"].startswith("[+")
    assert by_name["what such an interval covers"].endswith(" %")


@pytest.mark.parametrize("num_seeds", [1, 2])
def test_few_seeds_are_no_trouble(num_seeds: int):
    table = table_of({"a": 0.03}, num_seeds)
    assert (evidence_table(table.groups[0], weigh(table)) is None) == (num_seeds == 1)
