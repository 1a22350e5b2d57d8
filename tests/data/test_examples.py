"""A column is a name: whatever it is called, it is taken, cut and stored together with the texts."""

from __future__ import annotations

import pytest

from headstart.data.examples import Split
from headstart.data.holdout import hold_out

ROWS = Split.of(tuple((str(row),) for row in range(10)), labels=(0, 1) * 5, weights=tuple(row / 8 for row in range(10)))


def test_every_column_is_taken_with_its_row() -> None:
    taken = ROWS.take([7, 0])
    assert taken == Split(texts=(("7",), ("0",)), columns={"labels": (1, 0), "weights": (7 / 8, 0.0)})


def test_every_column_is_cut_with_its_row() -> None:
    for part in hold_out(ROWS, 0.3, 0):
        assert part.columns["weights"] == tuple(int(text) / 8 for (text,) in part.texts)


def test_a_column_that_is_none_is_not_there() -> None:
    assert Split.of((("a",),), labels=None, groups=("g",)).columns == {"groups": ("g",)}
    assert ROWS.with_columns(weights=None, groups=("g",) * 10).columns.keys() == {"labels", "groups"}
    assert Split(texts=(("a",),)).labels is None


def test_a_column_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="1 examples have 2 labels"):
        Split.of((("a",),), labels=(0, 1))
