"""Names that a person would read as one, and those that only a careless folding would."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headstart.kinds.spelling import difference, folded

ALIKE = {
    "case": ("Good", "good"),
    "spaces": ("so so", "so  so"),
    "a space that does not break": ("so so", "so\u00a0so"),
    "a space without width": ("good", "go\u200bod"),
    "a mark of direction": ("good", "good\u200f"),
    "a byte-order mark": ("good", "\ufeffgood"),
    "a soft hyphen": ("cooperate", "co\u00adoperate"),
    "a variant of an emoji": ("\u2764", "\u2764\ufe0f"),
    "a filler": ("good", "good\u3164"),
    "a composed letter": ("caf\u00e9", "cafe\u0301"),
    "a hyphen that does not break": ("so-so", "so\u2011so"),
    "a dash": ("1-2", "1\u20132"),
    "a minus sign": ("-1", "\u22121"),
    "an apostrophe": ("can't", "can\u2019t"),
    "quotation marks": ('"so"', "\u201cso\u201d"),
    "wide letters": ("good", "\uff47\uff4f\uff4f\uff44"),
    "a ligature": ("fine", "\ufb01ne"),
}
DIFFERENT = [
    ("m2", "m\u00b2"),
    ("H2O", "H\u2082O"),
    ("1", "\u2460"),
    ("Masse", "Ma\u00dfe"),
    ("cafe", "caf\u00e9"),
    ("so-so", "soso"),
    ("a b", "ab"),
    ("1.0", "10"),
]


@pytest.mark.parametrize("name", ALIKE)
def test_names_that_look_the_same_are_one(name: str) -> None:
    first, second = ALIKE[name]
    assert folded(first) == folded(second)


@pytest.mark.parametrize(("first", "second"), DIFFERENT)
def test_names_that_look_different_are_two(first: str, second: str) -> None:
    assert folded(first) != folded(second)


@given(name=st.text(max_size=12))
def test_a_folded_name_is_folded_and_the_same_from_composed_and_decomposed_letters(name: str) -> None:
    assert folded(folded(name)) == folded(name)
    assert folded(unicodedata.normalize("NFD", name)) == folded(unicodedata.normalize("NFC", name))


def test_a_difference_is_shown_by_its_code_points() -> None:
    assert (
        difference("good", "go\u200bod") == "look the same: nothing more in one, U+200B ZERO WIDTH SPACE in the other"
    )
    assert difference("so-so", "so\u2011so") == (
        "look the same: U+002D HYPHEN-MINUS in one, U+2011 NON-BREAKING HYPHEN in the other"
    )
    assert difference("Good", "good ") == "differ by case or spaces only"
