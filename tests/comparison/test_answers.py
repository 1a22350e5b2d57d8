"""The sentences: what they say, and what they leave open."""

from __future__ import annotations

import pytest

from headstart.comparison.answers import Answer, Tone, needed_text
from headstart.comparison.frame import Frame
from headstart.comparison.report import build_report
from headstart.store.declared import DeclaredLooks
from headstart.store.record import RunRecord
from tests.support.stores import make_record

NOISE = (0.0, 0.011, -0.013, 0.004, 0.017, -0.006, 0.009, -0.015)
BASELINE = "demo-finetune"


def records_of(gain: float, num_seeds: int = 8, label: str = "eh_ft(lora)", spread: float = 0.2) -> list[RunRecord]:
    """Fine-tuning and one strategy that gains so much, with noise of which `spread` is the strategy's own."""
    records = []
    for seed in range(num_seeds):
        score = 0.7 + NOISE[seed] / 3
        records.append(make_record("finetune", seed, score))
        records.append(make_record(label, seed, score + gain + NOISE[-seed] * spread, stage1=0.65))
    return records


def answer_to(records: list[RunRecord], declared: dict[str, DeclaredLooks] | None = None) -> Answer:
    (answer,) = build_report(Frame.from_records(records, declared=declared)).answers
    return answer


def plain(text: str) -> str:
    return text.replace("\N{NO-BREAK SPACE}", " ")


def test_a_gain_is_said_with_its_interval_and_both_means():
    answer = answer_to(records_of(0.02))
    assert (answer.verdict, answer.tone) == ("better", Tone.BETTER)
    assert plain(answer.sentence).startswith("eh_ft(lora) beats plain fine-tuning on demo by 2.02 [1.8")
    assert plain(answer.sentence).endswith("points over 8 paired seeds: 72.05 against 70.03 accuracy.")
    assert answer.needed == ""


def test_a_loss_is_said_in_the_same_way():
    answer = answer_to(records_of(-0.02))
    assert answer.tone is Tone.WORSE
    assert plain(answer.sentence).startswith("eh_ft(lora) loses to plain fine-tuning on demo by 1.98 [1.")


def test_what_cannot_be_told_says_what_would_tell():
    answer = answer_to(records_of(0.001, spread=1.5))
    assert "eh_ft(lora) cannot be told apart from plain fine-tuning on demo: +0." in answer.sentence
    assert plain(answer.needed).startswith("About ")
    assert "paired seeds would show a difference of 1.00; these 8 show" in answer.needed
    narrow = answer_to(records_of(0.0, spread=0.3))
    assert plain(narrow.needed).startswith("These 8 paired seeds show a difference of 0.")


def test_few_seeds_are_no_verdict():
    answer = answer_to(records_of(0.02, num_seeds=3))
    assert answer.sentence.startswith("eh_ft(lora) against plain fine-tuning on demo: +1.96 [")
    assert answer.needed.startswith("A verdict needs 6 paired seeds. ")


def test_equal_runs_are_said_to_be_equal():
    records = [make_record(label, seed, 0.7, stage1=0.65) for label in ("finetune", "eh_ft(lora)") for seed in range(6)]
    assert "scores exactly as plain fine-tuning on demo over 6 paired seeds" in answer_to(records).sentence


def test_several_comparisons_are_corrected_for():
    records = records_of(0.02)
    others = [record for number in range(8) for record in _strategy(f"other_{number}", 0.02)]
    assert answer_to(records).checks == ""
    assert answer_to(records + others[:8]).checks == "After Holm's correction over 2 comparisons it holds (p = 0.016)."
    many = answer_to(records + others)
    assert many.checks == "After Holm's correction over 9 comparisons it does not hold (p = 0.070)."


def _strategy(label: str, gain: float) -> list[RunRecord]:
    return [record for record in records_of(gain, label=label) if record.label == label]


@pytest.mark.parametrize(("gain", "needed"), [(0.001, "The next look is at 10 paired seeds."), (0.05, "")])
def test_a_sequential_comparison_says_its_next_look(gain: float, needed: str):
    looks = DeclaredLooks(baseline_digest=BASELINE, looks=(6, 8, 10), confidence=0.95, narrower_than=None)
    answer = answer_to(records_of(gain), {"demo-eh_ft_lora": looks})
    assert answer.needed == needed


def test_where_nothing_is_compared_nothing_is_needed():
    report = build_report(Frame.from_records(records_of(0.02)[::2]))
    (row,) = report.table.rows
    assert needed_text(row) == ""
    assert report.answers[0].sentence.startswith("finetune reached 70.0")
