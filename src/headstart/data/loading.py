"""A named task's rows: built in, from a local folder, or from the hub at the pinned revision."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from headstart.data.examples import Split, TaskData
from headstart.data.tables import Table, read_table
from headstart.errors import DataError, UsageError
from headstart.tasks.catalogue import TASKS
from headstart.tasks.demo import DEMO, demo_rows
from headstart.tasks.task import HubSource, Task

DATA_ROOT_REMEDY = "  Give --data-root, a folder with <suite>/<task>/<split>.jsonl, one JSON object a line."


def load_task(name: str, *, data_root: Path | None = None) -> TaskData:
    """Return a named task with its training and evaluation rows.

    Args:
        name: such as `glue/rte`.
        data_root: a folder with `<suite>/<task>/<split>.jsonl`; None means the hub.

    Raises:
        UsageError: if the name is unknown, or the rows cannot be found or fetched.
        DataError: if rows lack a column or hold an unknown label.
    """
    task = TASKS.get(name)
    wanted = (task.train_split, task.evaluation_split)
    splits = {split: _split(task, _rows(task, split, data_root)) for split in dict.fromkeys(wanted)}
    return TaskData(task=task, splits=splits, fingerprint=fingerprint(task, splits), notes=_size_notes(task, splits))


def fingerprint(task: Task, splits: Mapping[str, Split]) -> str:
    """Return the SHA-256 over label names, texts and labels of all splits."""
    whole = hashlib.sha256()
    for part in (task.labels, *((name, split.texts, split.labels) for name, split in sorted(splits.items()))):
        whole.update(json.dumps(part, ensure_ascii=False).encode())
    return whole.hexdigest()


def _rows(task: Task, split: str, data_root: Path | None) -> Table:
    if task is DEMO:
        return _demo_rows(task, split)
    if data_root is not None:
        return _local_rows(data_root / task.name / f"{split}.jsonl", task)
    if task.source is None:
        raise UsageError(f"the task {task.name!r} has no rows on the hub", remedy=DATA_ROOT_REMEDY)
    return _hub_rows(task, task.source, split)


def _demo_rows(task: Task, split: str) -> Table:
    rows = [(*texts, label) for texts, label in demo_rows(split)]
    columns = zip((*task.text_columns, task.label_column), zip(*rows, strict=True), strict=True)
    return Table(path=Path(task.name) / split, columns=dict(columns))


def _local_rows(path: Path, task: Task) -> Table:
    if not path.is_file():
        raise UsageError(f"{path} is missing: --data-root holds no {task.name!r}", remedy=DATA_ROOT_REMEDY)
    return read_table(path)


def _hub_rows(task: Task, source: HubSource, split: str) -> Table:
    from datasets import load_dataset

    try:
        rows = load_dataset(source.repository, source.configuration, revision=source.revision, split=split)
    except (OSError, ValueError) as error:
        raise UsageError(
            f"the rows of {task.name!r} could not be fetched from the hub: {error}", remedy=DATA_ROOT_REMEDY
        ) from error
    path = Path(source.repository) / source.configuration / split
    return Table(path=path, columns={name: rows[name][:] for name in rows.column_names})


def _split(task: Task, table: Table) -> Split:
    """Return a split whose labels are the hub's: integers that count the task's labels from 0."""
    wanted = (*task.text_columns, task.label_column)
    missing = [f"has no column {name!r}" for name in wanted if name not in table.columns]
    faults = [*table.faults, *(table.fault(message) for message in missing if table.columns)]
    if missing:
        raise DataError(faults)
    *texts, labels = (table.columns[name] for name in wanted)
    faults += [
        table.fault(f"the label is {label!r}, and not one of 0 to {task.num_labels - 1}", row)
        for row, label in enumerate(labels)
        if isinstance(label, bool) or label not in range(task.num_labels)
    ]
    faults += [
        table.fault(f"{name!r} is not text but {text!r}", row)
        for name, column in zip(task.text_columns, texts, strict=True)
        for row, text in enumerate(column)
        if not isinstance(text, str)
    ]
    if faults:
        raise DataError(faults)
    return Split(
        texts=tuple(tuple(map(str, row)) for row in zip(*texts, strict=True)),
        labels=tuple(int(str(label)) for label in labels),
    )


def _size_notes(task: Task, splits: Mapping[str, Split]) -> tuple[str, ...]:
    """Return a sentence for each split that is not as large as the official one."""
    return tuple(
        f"the {name} split of {task.name} has {len(splits[name])} rows here, officially {official}"
        for name, official in task.num_rows
        if name in splits and len(splits[name]) != official
    )
