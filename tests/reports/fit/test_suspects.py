"""Suspects: the flipped labels are found, ranked, written, and stay as they are written."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import pytest

from headstart.reports.fit.facts import AnsweredRows
from headstart.reports.fit.html import render_fit_report
from headstart.reports.fit.page import build_fit_page
from headstart.reports.fit.suspects import suspects, why_unjudged, write_suspects
from tests.support.fit_facts import make_facts, rows_of


@pytest.mark.parametrize("kind", ["classification", "multiple_choice", "multi_label", "regression"])
def test_labels_that_were_changed_come_first(kind: str) -> None:
    found = suspects(make_facts(kind))
    assert len(found) >= 3
    assert {each.number for each in found[:3]} < {0, 1, 2, 3}
    assert [each.quality for each in found] == sorted(each.quality for each in found)
    assert all(each.label != each.suggested for each in found)


def test_a_suspect_is_written_in_the_words_of_the_table() -> None:
    assert {suspect.suggested for suspect in suspects(make_facts())} <= {"angry", "calm", "glad"}
    several = {suspect.suggested for suspect in suspects(make_facts("multi_label"))[:4]}
    assert several <= {
        "angry, calm, glad",
        "angry, calm",
        "angry, glad",
        "angry",
        "calm, glad",
        "calm",
        "glad",
        "(none)",
    }
    assert suspects(make_facts("multiple_choice"))[0].label.startswith("choice ")


def test_the_file_holds_all_of_them_with_rows_counted_from_1(tmp_path: Path) -> None:
    odd = 'a "quoted", long\ntext'
    rows = rows_of("classification", 120, wrong=4)
    named = replace(rows, texts=[(odd, "b")] * 120, numbers=range(1000, 1120))
    facts = make_facts(out_of_fold=named, text_columns=("first", "second"))
    path = tmp_path / "suspects.csv"
    assert write_suspects(facts, path) == len(suspects(facts)) >= 3
    with path.open(encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file))
    assert list(lines[0]) == ["row", "first", "second", "label", "suggested_label", "quality"]
    assert {int(line["row"]) for line in lines[:3]} < {1001, 1002, 1003, 1004}
    assert lines[0]["first"] == odd


def test_the_choices_of_a_row_have_columns_of_their_own(tmp_path: Path) -> None:
    rows = replace(rows_of("multiple_choice", 120, wrong=4), texts=[("question", "yes", "no", "maybe")] * 120)
    path = tmp_path / "suspects.csv"
    write_suspects(make_facts("multiple_choice", out_of_fold=rows), path)
    with path.open(encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file))
    assert list(lines[0])[:5] == ["row", "text", "choice 1", "choice 2", "choice 3"]
    assert lines[0]["choice 3"] == "maybe"


def test_without_answers_out_of_fold_there_are_none(tmp_path: Path) -> None:
    assert suspects(make_facts(out_of_fold=None)) == []
    assert suspects(make_facts(out_of_fold=rows_of("classification", 9, wrong=4))) == []
    assert write_suspects(make_facts(out_of_fold=None), tmp_path / "none.csv") == 0
    assert (tmp_path / "none.csv").read_text() == "row,text,label,suggested_label,quality\n"


def test_rows_of_different_lengths_are_refused() -> None:
    rows = rows_of("classification", 5)
    with pytest.raises(ValueError, match="one length"):
        AnsweredRows(numbers=range(4), texts=rows.texts, labels=rows.labels, answers=rows.answers)
    with pytest.raises(ValueError, match="table"):
        AnsweredRows(numbers=range(5), texts=rows.texts, labels=rows.labels, answers=rows.labels)


def test_labels_that_nobody_judged_are_not_said_to_be_right() -> None:
    assert why_unjudged(make_facts()) == ""
    assert "fewer than 10 training rows" in why_unjudged(make_facts(out_of_fold=None))
    assert "fewer than 10 training rows" in why_unjudged(make_facts(out_of_fold=rows_of("classification", 9)))


def test_where_every_class_has_few_rows_labels_are_not_said_to_be_right() -> None:
    whole = rows_of("classification", 120, wrong=4)
    few = [row for each in range(3) for row in [row for row in range(120) if whole.labels[row] == each][:4]]
    facts = make_facts(
        out_of_fold=AnsweredRows(
            numbers=range(12),
            texts=[whole.texts[row] for row in few],
            labels=whole.labels[few],
            answers=whole.answers[few],
        )
    )
    assert "each class has fewer than 5" in why_unjudged(facts)
    page = render_fit_report(facts)
    assert "Labels were not judged, since" in page
    assert "of 12 training rows" not in page


def test_no_label_of_a_class_with_few_rows_is_judged() -> None:
    whole = rows_of("classification", 120, wrong=4)
    few = [row for row in range(120) if whole.labels[row] == 2][:4]
    kept = [row for row in range(120) if whole.labels[row] != 2 or row in few]
    wrong = whole.answers.copy()
    wrong[few] = [0.98, 0.01, 0.01]
    rows = AnsweredRows(
        numbers=kept, texts=[whole.texts[row] for row in kept], labels=whole.labels[kept], answers=wrong[kept]
    )
    facts = make_facts(out_of_fold=rows)
    found = {each.number for each in suspects(facts)}
    assert found
    assert not found & set(few)
    page = build_fit_page(facts)
    assert page.num_judged == len(kept) - 4
    others = [place for place, row in enumerate(kept) if row not in few]
    agreement = (rows.answers.argmax(axis=1) == rows.labels)[others].mean()
    assert page.agreement == f"{100 * agreement:.0f} %"
