"""What all tasks say together."""

from __future__ import annotations

import pytest

from headstart.comparison.answers import Tone
from headstart.comparison.comparison_table import ComparisonTable, build_comparison
from headstart.comparison.evidence import ReportEvidence, weigh
from headstart.comparison.frame import Frame
from headstart.comparison.overall import overall_answers
from headstart.reports.evidence_table import evidence_table
from tests.support.stores import make_record

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
    (answer,) = overall_answers(evidence_of({"a": 0.02, "b": 0.03, "c": 0.025}).gains)
    assert (answer.verdict, answer.tone) == ("better over tasks", Tone.BETTER)
    assert "Over 3 tasks, eh_ft(lora) is 2.5" in answer.sentence
    assert "higher on 3, equal on 0, lower on 0" in answer.sentence


def test_tasks_that_do_not_agree_are_none():
    (answer,) = overall_answers(evidence_of({"a": 0.03, "b": -0.03, "c": 0.01}).gains)
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
    assert answer.needed == "A verdict needs 6 paired seeds on every task."
    assert overall_answers(evidence_of({"a": 0.03}).gains) == ()


def test_what_was_not_compared_is_not_joined():
    assert weigh(table_of({"a": 0.03, "b": 0.03}, num_steps=400)).gains == {}


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
