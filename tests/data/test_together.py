"""What inner folds hold out whole, and which rows count as one."""

from __future__ import annotations

from headstart.data.examples import Split
from headstart.data.together import independent_units, inner_units


def split(texts: str, *, groups: str | None = None, labels: str | None = None) -> Split:
    """Return a row for each letter, whose text it is."""
    return Split.of(
        tuple((letter,) for letter in texts),
        labels=tuple(map(int, labels or "01" * len(texts)))[: len(texts)],
        groups=None if groups is None else tuple(groups),
    )


def test_rows_of_one_group_and_rows_of_one_text_stand_together() -> None:
    assert inner_units(split("abcdefgh"), 3) == list(range(8))
    assert inner_units(split("abAcdefgh"), 3) == [0, 1, 0, 2, 3, 4, 5, 6, 7]
    assert inner_units(split("abcdefgh", groups="uuvvwwxx"), 3) == [0, 0, 1, 1, 2, 2, 3, 3]
    assert inner_units(split("abcaefghijkl", groups="uuvvwwxxyyzz"), 3) == [0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4]


def test_equal_texts_are_never_torn_and_groups_that_texts_join_where_no_folds_are_left() -> None:
    """Every row of class 1 has one text: a cut would tear it, an inner fold goes without the class."""
    assert inner_units(split("abcdxxx", labels="0000111"), 3) == [0, 1, 2, 3, 4, 4, 4]
    assert inner_units(split("xxxxxxxx", groups="uuvvwwxx"), 3) == [0, 0, 1, 1, 2, 2, 3, 3]


def test_what_counts_as_one_is_a_group_or_else_a_text() -> None:
    assert independent_units(split("abAa")) == [0, 1, 0, 0]
    assert independent_units(split("abAa", groups="uuvw")) == [0, 0, 1, 2]
