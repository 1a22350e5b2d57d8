from __future__ import annotations

import pytest

from headstart.data.loading import load_task
from headstart.metrics import KNOWN
from headstart.tasks.catalogue import TASKS
from tests.support.paths import SHARED_DATA, needs_shared_data

NAMES = TASKS.names()


@pytest.mark.parametrize("name", NAMES)
def test_a_task_is_described_in_full(name: str) -> None:
    task = TASKS.get(name)
    assert task.name == name
    assert 1 <= len(task.text_columns) <= 2
    assert len({*task.text_columns, task.label_column}) == len(task.text_columns) + 1
    assert len(set(task.labels)) == task.num_labels >= 2
    assert task.metrics
    assert set(task.metrics) <= set(KNOWN)
    assert task.main_metric == task.metrics[0]
    assert {task.train_split, task.evaluation_split} <= dict(task.num_rows).keys()
    assert task.licence
    assert task.citation
    assert (task.source is None) == ("/" not in name)


@pytest.mark.parametrize("name", NAMES)
def test_a_hub_task_is_pinned_to_a_commit(name: str) -> None:
    source = TASKS.get(name).source
    assert source is None or (len(source.revision) == 40 and set(source.revision) <= set("0123456789abcdef"))


@pytest.mark.real
@needs_shared_data
@pytest.mark.parametrize("name", NAMES)
def test_the_rows_are_as_described(name: str) -> None:
    data = load_task(name, data_root=SHARED_DATA)
    task = data.task
    for split, rows in data.splits.items():
        assert len(rows) == dict(task.num_rows)[split]
        assert rows.labels is not None
        assert set(rows.labels) == set(range(task.num_labels))
        assert all(len(texts) == len(task.text_columns) and all(texts) for texts in rows.texts)
