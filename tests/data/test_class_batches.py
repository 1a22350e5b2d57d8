"""Batches of several rows a class."""

from __future__ import annotations

from collections import Counter

import pytest

from headstart.data.class_batches import ClassBatchSampler


def batches(classes: list[int], batch_size: int, num_batches: int, seed: int = 0) -> list[list[int]]:
    sampler = ClassBatchSampler(classes, batch_size, num_batches=num_batches, root_seed=seed, role="contrastive")
    rows = list(sampler)
    assert len(rows) == len(sampler) == batch_size * num_batches
    return [rows[begin : begin + batch_size] for begin in range(0, len(rows), batch_size)]


@pytest.mark.parametrize(
    ("num_classes", "batch_size", "in_a_batch"), [(2, 64, [32, 32]), (3, 64, [22, 21, 21]), (77, 64, [4] * 16)]
)
def test_a_batch_has_as_many_rows_of_each_of_its_classes(
    num_classes: int, batch_size: int, in_a_batch: list[int]
) -> None:
    classes = [row % num_classes for row in range(num_classes * 40)]
    for batch in batches(classes, batch_size, 5):
        assert sorted(Counter(classes[row] for row in batch).values(), reverse=True) == in_a_batch
        assert len(set(batch)) == batch_size


def test_all_classes_and_all_rows_of_a_class_come_in_turn() -> None:
    classes = [row % 10 for row in range(80)]
    drawn = batches(classes, 16, 10)  # Four classes of four rows each: 40 classes, 160 rows.
    counts = Counter(row for batch in drawn for row in batch)
    assert set(counts.values()) == {2}
    assert len(counts) == 80


def test_rare_classes_come_as_often_as_others() -> None:
    """Nine tenths of the rows are of one class; the three of the other are seen again and again, evenly."""
    classes = [0] * 27 + [1] * 3
    drawn = batches(classes, 8, 6)
    counts = Counter(row for batch in drawn for row in batch)
    assert all(sum(classes[row] for row in batch) == 4 for batch in drawn)
    assert [counts[row] for row in (27, 28, 29)] == [8, 8, 8]
    assert max(counts[row] for row in range(27)) == 1


def test_the_order_is_the_seeds() -> None:
    classes = [row % 3 for row in range(30)]
    assert batches(classes, 12, 4) == batches(classes, 12, 4)
    assert batches(classes, 12, 4) != batches(classes, 12, 4, seed=1)
    longer = batches(classes, 12, 8)
    assert longer[:4] == batches(classes, 12, 4)
