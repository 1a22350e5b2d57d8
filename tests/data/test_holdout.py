"""The held-out part: stratified, disjoint, drawn from its own stream."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headstart.data.examples import Split
from headstart.data.holdout import hold_out
from headstart.errors import UsageError


def numbered(labels: list[int]) -> Split:
    return Split.of(texts=tuple((str(row),) for row in range(len(labels))), labels=tuple(labels))


@settings(deadline=None)
@given(st.lists(st.integers(0, 3), min_size=1, max_size=60), st.floats(0.05, 0.95), st.integers(0, 5))
def test_parts_are_a_partition_in_order_and_no_class_is_lost(labels: list[int], fraction: float, seed: int) -> None:
    split = numbered(labels)
    if max(Counter(labels).values()) == 1:
        with pytest.raises(UsageError, match="too few rows"):
            hold_out(split, fraction, seed)
        return
    rest, held = hold_out(split, fraction, seed)
    assert sorted([*rest.texts, *held.texts], key=lambda texts: int(texts[0])) == list(split.texts)
    for part in (rest, held):
        rows = [int(text) for (text,) in part.texts]
        assert rows == sorted(rows)
        assert part.labels == tuple(labels[row] for row in rows)
    assert rest.labels is not None
    assert held.labels is not None
    for label, count in Counter(labels).items():
        assert label in rest.labels
        assert (label in held.labels) == (count > 1)
        if count > 1:
            assert abs(held.labels.count(label) - fraction * count) <= 1


def test_the_cut_depends_on_the_seed_alone() -> None:
    split = numbered([0, 1] * 40)
    assert hold_out(split, 0.25, 1) == hold_out(split, 0.25, 1)
    assert hold_out(split, 0.25, 1) != hold_out(split, 0.25, 2)


@pytest.mark.parametrize("fraction", [-0.1, 0, 1, 20, float("nan")])
def test_a_share_that_is_none_is_refused(fraction: float) -> None:
    with pytest.raises(UsageError, match="above 0 and under 1"):
        hold_out(numbered([0, 1] * 4), fraction, 0)


def test_rows_without_labels_are_refused() -> None:
    with pytest.raises(ValueError, match="without labels"):
        hold_out(Split(texts=(("a",), ("b",))), 0.5, 0)
