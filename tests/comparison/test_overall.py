"""What all tasks say together."""

from __future__ import annotations

import pytest

from headstart.comparison.answers import Tone
from headstart.comparison.comparison_table import ComparisonTable, build_comparison
from headstart.comparison.evidence import ReportEvidence, weigh
from headstart.comparison.frame import Frame
from headstart.comparison.overall import overall_answers
from headstart.reports.evidence_table import evidence_table
from headstart.store.declared import DeclaredLooks
from headstart.store.record import OtherResult, RunRecord
from tests.support.stores import make_record

NOISE = (0.0, 0.011, -0.013, 0.004, 0.017, -0.006, 0.009, -0.015)


def records_of(gains: dict[str, float], num_seeds: int = 8, **changes: object) -> list[RunRecord]:
    """Return the runs of tasks on each of which EH-FT gains so much over fine-tuning."""
    records = []
    for task, gain in gains.items():
        for seed in range(num_seeds):
            score = 0.7 + NOISE[seed] / 3
            of_both = {name: value for name, value in changes.items() if name != "num_steps"}
            records.append(make_record("finetune", seed, score, task=task, **of_both))
            better = score + gain + NOISE[-seed] / 5
            records.append(make_record("eh_ft(lora)", seed, better, task=task, stage1=0.65, **changes))
    return records


def table_of(gains: dict[str, float], num_seeds: int = 8, **changes: object) -> ComparisonTable:
    return build_comparison(Frame.from_records(records_of(gains, num_seeds, **changes)))


def evidence_of(gains: dict[str, float], num_seeds: int = 8) -> ReportEvidence:
    return weigh(table_of(gains, num_seeds))


SIX_TASKS = {"a": 0.02, "b": 0.03, "c": 0.025, "d": 0.021, "e": 0.028, "f": 0.024}


def test_six_tasks_that_agree_speak_for_others_like_them():
    (answer,) = overall_answers(evidence_of(SIX_TASKS).gains)
    assert (answer.verdict, answer.tone, answer.needed) == ("better over tasks", Tone.BETTER, "")
    assert answer.sentence.startswith("Over 6 tasks, eh_ft(lora) is 2.4")
    assert "plain fine-tuning on average, over the 8 paired seeds that all of them share" in answer.sentence
    assert "(higher on 6, equal on 0, lower on 0)" in answer.sentence
    assert "on other tasks like these" in answer.sentence


def test_fewer_tasks_or_tasks_that_do_not_agree_speak_for_themselves_alone():
    for gains in ({"a": -0.03, "b": -0.03, "c": -0.02}, SIX_TASKS | {"a": -0.09, "b": -0.06, "c": -0.13}):
        (answer,) = overall_answers(evidence_of(gains).gains)
        assert (answer.verdict, answer.tone) == ("worse on these tasks", Tone.WORSE)
        assert answer.needed == "One on other tasks like these needs more of them, at least 6, not more seeds."
    (answer,) = overall_answers(evidence_of({"a": 0.03, "b": -0.03}).gains)
    assert (answer.verdict, answer.tone) == ("no difference shown on these tasks", Tone.OPEN)
    assert answer.needed == "A verdict on these tasks needs more paired seeds that all of them share."


def test_few_seeds_and_one_task_give_no_verdict():
    (answer,) = overall_answers(evidence_of({"a": 0.03, "b": 0.03, "c": 0.03}, num_seeds=5).gains)
    assert answer.verdict == "too few seeds for a verdict"
    assert answer.needed == "A verdict needs 6 paired seeds that all tasks share."
    assert overall_answers(evidence_of({"a": 0.03}).gains) == ()


def test_a_task_counts_once_for_each_model():
    table = table_of({"a": 0.03, "b": 0.03})
    other = table_of({"a": 0.03, "b": 0.03, "c": 0.03}, model="other")
    both = ComparisonTable(groups=(*table.groups, *other.groups), notes=())
    gains = weigh(both).gains
    assert [(joint.model, joint.gain.num_tasks) for joint in gains] == [("embedded:minilm-l6", 2), ("other", 3)]
    first, second = overall_answers(gains)
    assert first.sentence.startswith("Over 2 tasks with embedded:minilm-l6, ")
    assert second.sentence.startswith("Over 3 tasks with other, ")


def test_scores_on_other_rows_are_not_a_task_of_their_own():
    """One model scored twice is one run, not two."""
    other = OtherResult(
        name="b", split="test", metric="accuracy", scores={"accuracy": 0.8}, constant_score=0.3, num_examples=100,
        fingerprint="f" * 64,
    )  # fmt: skip
    table = table_of({"a": 0.03}, others=(other,))
    assert {group.task for group in table.groups} == {"a", "a \N{RIGHTWARDS ARROW} b"}
    assert weigh(table).gains == ()


def test_a_comparison_that_added_seeds_until_it_was_decided_is_not_joined():
    looks = DeclaredLooks(baseline_digest="b-finetune", looks=(6, 7, 8), confidence=0.95, narrower_than=None)
    records = records_of({"a": 0.03, "b": 0.03})
    frame = Frame.from_records(records, declared={"b-eh_ft_lora": looks})
    assert weigh(build_comparison(frame)).gains == ()


def test_the_unit_of_folds_is_the_fold():
    gains = weigh(table_of({"a": 0.03, "b": 0.03}, folds=4)).gains
    assert [(joint.gain.num_seeds, joint.gain.num_folds) for joint in gains] == [(4, 4)]
    (answer,) = overall_answers(gains)
    assert answer.verdict == "too few folds for a verdict"
    assert "over the 4 folds that all of them share" in answer.sentence


def test_a_strategy_that_is_called_much_like_eh_ft_is_another():
    records = [
        make_record(label, seed, 0.7 + seed % 3 / 100 + gain, task=task)
        for task in ("a", "b")
        for label, gain in (("finetune", 0.0), ("eh_ft_of_mine", 0.02), ("lp_ft", 0.01))
        for seed in range(8)
    ]
    answers = overall_answers(weigh(build_comparison(Frame.from_records(records))).gains)
    assert sorted(answer.label for answer in answers) == ["eh_ft_of_mine", "lp_ft"]


def test_what_was_not_compared_is_not_joined():
    assert weigh(table_of({"a": 0.03, "b": 0.03}, num_steps=400)).gains == ()


def test_the_table_of_evidence_corrects_for_all_comparisons():
    table = table_of({"a": 0.03, "b": 0.02})
    evidence = weigh(table)
    found = evidence_table(table.groups[0], evidence)
    assert found is not None
    by_name = {row[0]: row[1] for row in found.rows}
    p_value = 2 / 2**8  # every difference has the same sign
    assert by_name["sign-flip test, p"] == f"{p_value:.3f}"
    assert by_name["the same after Holm, over 2 comparisons"] == f"{2 * p_value:.3f}"
    assert by_name["wins / ties / losses of pairs"] == "8 / 0 / 0"
    assert by_name["95 % interval, BCa bootstrap"].startswith("[+")
    assert by_name["what such an interval covers"].endswith(" %")


@pytest.mark.parametrize("num_seeds", [1, 2])
def test_few_seeds_are_no_trouble(num_seeds: int):
    table = table_of({"a": 0.03}, num_seeds)
    assert (evidence_table(table.groups[0], weigh(table)) is None) == (num_seeds == 1)
