"""Names of classes as rows to train on."""

from __future__ import annotations

from dataclasses import replace

import pytest

from headstart.data.examples import Split
from headstart.data.label_rows import has_label_rows, with_label_rows
from headstart.errors import UsageError
from headstart.kinds.catalogue import kind_named
from headstart.tasks.task import Task

TASK = Task(name="t", text_columns=("text",), labels=("card_arrival", "lost card"))
ROWS = Split.of((("where is it",), ("I lost it",)), labels=(0, 1), numbers=(4, 7), weights=(0.5, 1.5))


def test_each_class_has_one_row_more_with_its_name() -> None:
    rows = with_label_rows(ROWS, TASK)
    assert rows.texts == (*ROWS.texts, ("card arrival",), ("lost card",))
    assert rows.labels == (0, 1, 0, 1)
    assert rows.weights == (0.5, 1.5, 1.0, 1.0)
    assert rows.take(range(2)) == ROWS
    assert with_label_rows(ROWS.with_columns(weights=None), TASK).weights is None


@pytest.mark.parametrize(
    "task",
    [
        replace(TASK, kind=kind_named("multi_label")),
        replace(TASK, kind=kind_named("regression"), labels=()),
        replace(TASK, text_columns=("text", "pair")),
        replace(TASK, has_spans=True),
    ],
)
def test_other_rows_have_no_names(task: Task) -> None:
    assert not has_label_rows(task)
    with pytest.raises(UsageError, match="`label_names` would have no effect on t"):
        with_label_rows(ROWS, task)


@pytest.mark.parametrize("name", ["", " ", "_", "_ _"])
def test_a_blank_name_is_no_row(name: str) -> None:
    task = replace(TASK, labels=("lost card", name))
    assert not has_label_rows(task)
    with pytest.raises(UsageError, match="says nothing as a text"):
        with_label_rows(ROWS, task)
