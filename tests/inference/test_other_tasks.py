"""Which tasks a model can be evaluated on, and what their labels are to it."""

from __future__ import annotations

from typing import Any

import pytest

from headstart.data.examples import Split
from headstart.errors import UsageError
from headstart.inference.other_tasks import relabelled, require_same_answers
from headstart.kinds.catalogue import kind_named
from headstart.tasks.task import Task


def task(name: str = "own", **values: Any) -> Task:
    return Task(**{"name": name, "text_columns": ("a", "b"), "label_column": "y", "labels": ("no", "yes")} | values)


def test_labels_are_matched_by_name() -> None:
    other = task("other", labels=("yes", "no"))
    require_same_answers(task(), other)
    split = Split.of(texts=(("a", "b"),) * 3, labels=(0, 1, 1), groups=("x", "y", "z"))
    found = relabelled(split, other, task())
    assert found.labels == (1, 0, 0)
    assert found.groups == split.groups


def test_several_labels_are_matched_one_by_one() -> None:
    own = task(kind=kind_named("multi_label"), labels=("a", "b", "c"))
    other = task(kind=kind_named("multi_label"), labels=("c", "b", "a"))
    split = Split.of(texts=(("a", "b"),) * 2, labels=((0, 1), ()))
    assert relabelled(split, other, own).labels == ((1, 2), ())


def test_numbers_stay_what_they_are() -> None:
    numbers = task(kind=kind_named("regression"), labels=())
    require_same_answers(numbers, numbers)
    split = Split.of(texts=(("a", "b"),), labels=(2.5,))
    assert relabelled(split, numbers, numbers) == split


OTHERS = {
    "other names": (
        task("other", labels=("no", "maybe")),
        r"own has the labels no, yes, other has the labels no, maybe",
    ),
    "another kind": (task("other", kind=kind_named("regression"), labels=()), "answers of kind regression"),
    "one text": (task("other", text_columns=("a",)), "own has two texts, other has one text"),
    "spans": (task("other", has_spans=True), "other has two texts and places in them"),
}


@pytest.mark.parametrize("case", OTHERS)
def test_what_cannot_be_answered_is_refused(case: str) -> None:
    other, message = OTHERS[case]
    with pytest.raises(UsageError, match=message):
        require_same_answers(task(), other)
