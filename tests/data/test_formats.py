"""Rows to examples, format by format: against sentences written by hand, and every fault of a row."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest

from headstart.data.examples import Span, Split
from headstart.data.formats import FORMATS, read_split
from headstart.errors import DataError
from headstart.kinds.catalogue import kind_named
from headstart.tables.table import Table
from headstart.tasks.catalogue import TASKS
from headstart.tasks.task import RowFormatName, Task

COPA = {"premise": "The man fell. ", "choice1": "He slipped.", "choice2": "I ran.", "question": "cause", "label": 0}
WIC = {
    "word": "board",
    "sentence1": "Room and board .",
    "sentence2": 'He nailed "boards" up .',
    "start1": 9,
    "end1": 14,
    "start2": 11,
    "end2": 17,
    "label": 0,
}
WSC = {
    "text": 'My "Uncle  Tom" met\nBob, and he (my uncle) waved.',
    "span1_index": 1,
    "span1_text": "uncle Tom",
    "span2_index": 6,
    "span2_text": "He",
    "label": 1,
}
MULTIRC = {
    "paragraph": "It rained.",
    "question": "What fell?",
    "answer": "Rain",
    "idx": {"paragraph": 3, "question": 7, "answer": 0},
    "label": 1,
}
AXG = {"premise": "She left.", "hypothesis": "Somebody left.", "idx": 5, "label": 0}
STSB = {"sentence1": "a", "sentence2": "b", "label": 2.5}
ROWS: dict[str, dict[str, object]] = {
    "super_glue/copa": COPA,
    "super_glue/wic": WIC,
    "super_glue/wic_marked": WIC,
    "super_glue/wsc": WSC,
    "super_glue/wsc_marked": WSC,
    "super_glue/multirc": MULTIRC,
    "super_glue/axg": AXG,
    "glue/stsb": STSB,
}


def table(*rows: dict[str, object]) -> Table:
    names = dict.fromkeys(name for row in rows for name in row)
    columns = {name: tuple(row.get(name) for row in rows) for name in names}
    return Table(path=Path("rows.jsonl"), columns=columns, lines=tuple(range(1, len(rows) + 1)))


def read(name: str, *rows: dict[str, object], labelled: bool = True) -> Split:
    return read_split(TASKS.get(name), table(*rows), labelled=labelled)


def test_every_format_is_tested_here() -> None:
    assert {TASKS.get(name).row_format for name in ROWS} == set(FORMATS) == set(get_args(RowFormatName))


def test_copa_choices_are_whole_sentences() -> None:
    split = read("super_glue/copa", COPA, {**COPA, "question": "effect", "label": 1})
    assert split == Split.of(
        texts=((), ()),
        choices=(
            ("The man fell because he slipped.", "The man fell because i ran."),
            ("The man fell so he slipped.", "The man fell so i ran."),
        ),
        labels=(0, 1),
    )


def test_wic_points_at_both_words() -> None:
    split = read("super_glue/wic", WIC)
    assert split.texts == (("Room and board .", 'He nailed "boards" up .'),)
    assert split.spans == ((Span(text=0, begin=9, end=14), Span(text=1, begin=11, end=17)),)
    assert split.texts[0][1][11:17] == "boards"


def test_wsc_counts_words_at_spaces_and_folds_case_and_spaces() -> None:
    split = read("super_glue/wsc", WSC)
    assert split.spans is not None
    text, (first, second) = split.texts[0][0], split.spans[0]
    assert (text[first.begin : first.end], text[second.begin : second.end]) == ("Uncle  Tom", "he")
    assert {first.text, second.text} == {0}


@pytest.mark.parametrize("index", [5, 6, 7])
def test_a_wsc_index_may_be_wrong_by_one_word(index: int) -> None:
    assert read("super_glue/wsc", {**WSC, "span2_index": index}).spans == read("super_glue/wsc", WSC).spans


def test_marks_stand_around_the_places() -> None:
    assert read("super_glue/wic_marked", WIC).texts == (("Room and * board * .", 'He nailed "* boards *" up .'),)
    (texts,) = read("super_glue/wsc_marked", WSC).texts
    assert texts == ('My "* Uncle  Tom *" met\nBob, and # he # (my uncle) waved.',)


def test_marks_of_a_place_inside_another_stay_whole() -> None:
    row = {**WSC, "text": "His dog ran.", "span1_index": 0, "span1_text": "his dog", "span2_index": 0}
    (texts,) = read("super_glue/wsc_marked", {**row, "span2_text": "dog", "span2_index": 1}).texts
    assert texts == ("* His # dog # * ran.",)


def test_answers_to_one_question_are_a_group() -> None:
    other = {**MULTIRC, "answer": "Snow", "label": 0}
    third = {**MULTIRC, "idx": {"paragraph": 4, "question": 7, "answer": 0}}
    split = read("super_glue/multirc", MULTIRC, other, third)
    assert split.texts[:2] == (("It rained.", "What fell? Rain"), ("It rained.", "What fell? Snow"))
    assert split.groups == ("3/7", "3/7", "4/7")


def test_neighbours_of_axg_are_a_group() -> None:
    rows = [{**AXG, "idx": number} for number in range(4)]
    assert read("super_glue/axg", *rows).groups == ("0", "0", "1", "1")


def test_numbers_are_labels_of_regression() -> None:
    assert read("glue/stsb", STSB, {**STSB, "label": 4}).labels == (2.5, 4.0)


@pytest.mark.parametrize("name", ROWS)
def test_hidden_labels_are_not_looked_at(name: str) -> None:
    row = ROWS[name]
    without = {key: value for key, value in row.items() if key != "label"}
    assert read(name, {**row, "label": -1}, labelled=False) == read(name, without, labelled=False)
    assert read(name, without, labelled=False).labels is None


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("super_glue/copa", {"choice2": None}, "'choice2' is not text but None"),
        ("super_glue/copa", {"choice2": " "}, "'choice2' is empty"),
        ("super_glue/copa", {"question": "why"}, "'question' is 'why', and neither 'cause' nor 'effect'"),
        ("super_glue/copa", {"label": 2}, "the label is 2, and not one of 0 to 1"),
        ("super_glue/wic", {"end2": 99}, "the span 11 to 99 is not a place in its text of 23 characters"),
        ("super_glue/wic", {"start1": 14}, "the span 14 to 14 is not a place"),
        ("super_glue/wic", {"start1": -1}, "the span -1 to 14 is not a place"),
        ("super_glue/wic", {"start1": 8, "end1": 9}, "the span 8 to 9 is not a place"),
        ("super_glue/wic", {"start1": "9"}, "'start1' is not a whole number but '9'"),
        ("super_glue/wic", {"start1": True}, "'start1' is not a whole number but True"),
        ("super_glue/wsc", {"span2_index": 40}, "the word 40 of the span 'He' is outside its text of 10 words"),
        ("super_glue/wsc", {"span2_index": -1}, "the word -1 of the span 'He' is outside"),
        ("super_glue/wsc", {"span2_text": "Bob"}, "the span 'Bob' does not stand at word 6, where its text says 'he"),
        ("super_glue/wsc", {"span1_text": "unc"}, "the span 'unc' does not stand at word 1"),
        ("super_glue/multirc", {"idx": 4}, "'idx' is 4, and does not name paragraph and question"),
        ("super_glue/multirc", {"answer": ""}, "'answer' is empty"),
        ("super_glue/axg", {"idx": None}, "'idx' is not a whole number but None"),
        ("super_glue/axg", {"label": -1}, "the label is -1, and not one of 0 to 1"),
        ("glue/stsb", {"label": "good"}, "the label is 'good', and not a finite number"),
        ("glue/stsb", {"label": float("nan")}, "the label is nan, and not a finite number"),
        ("glue/stsb", {"label": float("inf")}, "the label is inf, and not a finite number"),
        ("glue/stsb", {"label": None}, "the label is None, and not a finite number"),
        ("glue/stsb", {"sentence2": 3}, "'sentence2' is not text but 3"),
    ],
)
def test_faults_of_rows_are_said_with_their_lines(name: str, change: dict[str, object], message: str) -> None:
    good, bad = ROWS[name], {**ROWS[name], **change}
    with pytest.raises(DataError) as caught:
        read(name, good, bad, good, bad)
    assert [fault.line for fault in caught.value.faults] == [2, 4]
    assert all(fault.message.startswith(message) for fault in caught.value.faults)


@pytest.mark.parametrize("name", ROWS)
def test_missing_columns_are_said_together(name: str) -> None:
    with pytest.raises(DataError) as caught:
        read(name, {"unrelated": "x"})
    messages = [fault.message for fault in caught.value.faults]
    task = TASKS.get(name)
    wanted = {*task.text_columns, *task.choice_columns, *FORMATS.get(task.row_format).columns, task.label_column}
    assert set(messages) == {f"has no column {column!r}" for column in wanted}


CHOICES = Task(
    name="quiz",
    kind=kind_named("multiple_choice"),
    text_columns=("text",),
    choice_columns=("a", "b", "c"),
    label_column="right",
)


def test_examples_may_differ_in_their_number_of_choices() -> None:
    rows = table({"text": "x", "a": "1", "b": "2", "c": "3"}, {"text": "y", "a": "1", "b": "2", "c": None})
    assert read_split(CHOICES, rows, labelled=False).choices == (("1", "2", "3"), ("1", "2"))


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        ({"a": "1", "b": None, "c": "3"}, "the choice 'b' is missing, though one after it is not: None"),
        ({"a": "1", "b": 2, "c": "3"}, "the choice 'b' is missing"),
        ({"a": "1", "b": None, "c": None}, "has 1 choices of a, b, c; two are needed"),
    ],
)
def test_a_missing_choice_is_said(choices: dict[str, object], message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_split(CHOICES, table({"text": "x", **choices}), labelled=False)


def test_a_label_beyond_its_own_choices_is_refused() -> None:
    row: dict[str, object] = {"text": "x", "a": "1", "b": "2", "c": None, "right": 2}
    with pytest.raises(DataError, match="the label is 2, and not one of 0 to 1"):
        read_split(CHOICES, table(row))


def test_rows_without_places_are_no_rows_of_a_model_that_reads_them() -> None:
    task = Task(name="tiny", text_columns=("text",), labels=("no", "yes"), has_spans=True)
    with pytest.raises(DataError, match="it marks no two places"):
        read_split(task, table({"text": "A word."}, {"text": "Another."}), labelled=False)
