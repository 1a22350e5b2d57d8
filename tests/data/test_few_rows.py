from __future__ import annotations

from collections import Counter

import pytest

from headstart.data.examples import Split, TaskData
from headstart.data.few_rows import with_rows_per_class
from headstart.errors import UsageError
from headstart.kinds.catalogue import kind_named
from headstart.kinds.kind import Label
from headstart.tasks.task import Task


def data_of(labels: tuple[Label, ...], kind: str = "classification") -> TaskData:
    names = tuple("abc") if kind_named(kind).has_classes else ()
    task = Task(name="t", text_columns=("text",), labels=names, kind=kind_named(kind))
    training = Split.of(tuple((f"row {row}",) for row in range(len(labels))), labels=labels)
    return TaskData(task=task, splits={"train": training, "validation": training.take([0])}, fingerprint="f")


LABELS = (*(0, 1) * 20, 2, 2)


def test_each_class_gives_as_many_rows_and_keeps_their_order() -> None:
    data = data_of(LABELS)
    few = with_rows_per_class(data, 5, 0)
    assert Counter(few.training.labels) == {0: 5, 1: 5, 2: 2}
    rows = [int(text.split()[1]) for (text,) in few.training.texts]
    assert rows == sorted(rows)
    assert [LABELS[row] for row in rows] == list(few.training.labels or ())
    assert few.evaluation == data.evaluation
    assert few.fingerprint == data.fingerprint
    assert few.notes == ("1 classes have fewer training rows than `rows_per_class` 5: they keep all",)
    assert with_rows_per_class(data, 2, 0).notes == ()


def test_draws_differ_come_again_and_a_smaller_number_is_inside_a_larger() -> None:
    data = data_of(LABELS)
    draws = [set(with_rows_per_class(data, 5, draw).training.texts) for draw in range(4)]
    assert len({frozenset(draw) for draw in draws}) == 4
    assert set(with_rows_per_class(data, 5, 3).training.texts) == draws[3]
    assert set(with_rows_per_class(data, 3, 3).training.texts) < draws[3]
    assert with_rows_per_class(data, 100, 1).training == data.training


@pytest.mark.parametrize(
    ("kind", "labels"), [("multi_label", ((0, 1), ())), ("regression", (0.5, 1.5)), ("multiple_choice", (0, 1))]
)
def test_rows_without_one_class_each_are_refused(kind: str, labels: tuple[Label, ...]) -> None:
    with pytest.raises(UsageError, match="one class each"):
        with_rows_per_class(data_of(labels, kind), 2, 0)


def test_less_than_one_row_is_refused() -> None:
    with pytest.raises(UsageError, match="1 or more"):
        with_rows_per_class(data_of(LABELS), 0, 0)
