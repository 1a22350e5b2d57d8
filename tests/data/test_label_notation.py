"""How the cells of a label column are written: recognised from the column, said, and read."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headstart.data.label_notation import SEPARATORS, Notation, likely_separator, notation_of
from headstart.errors import UsageError
from headstart.kinds.catalogue import kind_named
from headstart.tables.file_options import AS_GUESSED, FileOptions

MULTI_LABEL = kind_named("multi_label")
TAGS = ("food", "price", "staff", "so so")


def cells_of(values: list[object], kind: str | None = None, **options: object) -> list[object]:
    named = None if kind is None else kind_named(kind)
    notation = notation_of(values, named, FileOptions(**options))  # type: ignore[arg-type]
    return [notation.cell(value) for value in values]


@pytest.mark.parametrize("separator", SEPARATORS)
@pytest.mark.parametrize("space", ["", " "])
def test_the_sign_between_labels_is_found_and_said(separator: str, space: str) -> None:
    draw = random.Random(0)
    values = [f"{separator}{space}".join(draw.sample(TAGS, draw.randint(1, 3))) for _ in range(60)]
    notation = notation_of(values, MULTI_LABEL, AS_GUESSED)
    assert notation.separator == separator
    assert notation.notes == (f"`separator` {separator!r} was found between the labels of a cell",)


@pytest.mark.parametrize("values", [["Health, beauty", "Sport", "Music"], ["a", "b"], ["", "a"], []])
def test_a_sign_within_names_is_not_between_labels(values: list[object]) -> None:
    assert likely_separator(values) is None


def test_a_sign_of_which_nobody_knows_is_asked_for() -> None:
    with pytest.raises(UsageError, match="',' stand in labels") as caught:
        notation_of(["Health, beauty", "Sport"], MULTI_LABEL, AS_GUESSED)
    assert "`separator`" in caught.value.remedy
    assert notation_of(["Health, beauty", "Sport"], MULTI_LABEL, FileOptions(separator="|")).separator == "|"


def test_lists_of_0_and_1_hold_classes_by_place() -> None:
    values: list[object] = [[1, 0, 1], "[0, 0, 0]", [True, False, False], [0.0, 1.0, 0.0]]
    assert cells_of(values) == [["0", "2"], [], ["0"], ["1"]]
    (note,) = notation_of(values, None, AS_GUESSED).notes
    assert "0 to 2" in note
    assert "`labels`" in note


@pytest.mark.parametrize(
    ("values", "cells"),
    [
        ([[0, 1], [0, 1]], [[0, 1], [0, 1]]),
        ([[0], [1], [0, 1]], [[0], [1], [0, 1]]),
        ([["0", "1", "1"], ["1", "0", "0"]], [["0", "1", "1"], ["1", "0", "0"]]),
        ([[1, 2, 0], [0, 1, 1]], [[1, 2, 0], [0, 1, 1]]),
    ],
)
def test_other_lists_hold_names(values: list[object], cells: list[object]) -> None:
    assert cells_of(values) == cells


def test_lists_of_one_label_hold_one_class_unless_several_are_wanted() -> None:
    assert cells_of([["a"], "b", '["b"]']) == ["a", "b", "b"]
    assert cells_of([[0, 1], [1, 0]]) == ["1", "0"]
    assert cells_of([["a"], ["b"]], "multi_label") == [["a"], ["b"]]
    assert cells_of([["a"], []]) == [["a"], []]


def test_missing_is_not_empty() -> None:
    separated = Notation(separator="|")
    assert [separated.is_missing(value) for value in ("", " ", None, float("nan"), [])] == [
        False,
        False,
        True,
        True,
        False,
    ]
    assert [Notation().is_missing(value) for value in ("", None, [], "None")] == [True, True, False, False]


@given(number=st.decimals(-(10**9), 10**9, places=2), sign=st.sampled_from([".", "'", " ", "\u00a0", "\u202f", ""]))
def test_decimal_commas_are_read_with_signs_between_groups(number: object, sign: str) -> None:
    written = f"{number:,.2f}".replace(",", "_").replace(".", ",").replace("_", sign)
    assert float(str(Notation(decimal=",").cell(written))) == float(str(number))


@pytest.mark.parametrize("text", ["a, b", "1,2,3", "12,5 %", "1.5", "", "007,a"])
def test_other_text_keeps_its_commas(text: str) -> None:
    assert Notation(decimal=",").cell(text) == text
