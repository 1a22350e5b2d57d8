"""A named task's rows: built in, from a local folder, or from the hub at the pinned revision."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from headstart.data.examples import Split, TaskData
from headstart.errors import DataError, DataFault, UsageError
from headstart.tasks.catalogue import TASKS
from headstart.tasks.demo import DEMO, demo_rows
from headstart.tasks.task import HubSource, Task


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
    rows = {split: _rows(task, split, data_root) for split in dict.fromkeys(wanted)}
    splits = {split: _split(task, split, each) for split, each in rows.items()}
    return TaskData(task=task, splits=splits, fingerprint=fingerprint(task, splits))


def fingerprint(task: Task, splits: Mapping[str, Split]) -> str:
    """Return the SHA-256 over label names, texts and labels of all splits."""
    whole = hashlib.sha256()
    for part in (task.labels, *((name, split.texts, split.labels) for name, split in sorted(splits.items()))):
        whole.update(json.dumps(part, ensure_ascii=False).encode())
    return whole.hexdigest()


def _rows(task: Task, split: str, data_root: Path | None) -> list[dict[str, Any]]:
    if task is DEMO:
        columns = (*task.text_columns, task.label_column)
        return [dict(zip(columns, (*texts, label), strict=True)) for texts, label in demo_rows(split)]
    if data_root is not None:
        return _local_rows(data_root / task.name / f"{split}.jsonl", task)
    if task.source is None:
        raise UsageError(f"the task {task.name!r} has no rows on the hub")
    return _hub_rows(task, task.source, split)


def _local_rows(path: Path, task: Task) -> list[dict[str, Any]]:
    if not path.is_file():
        raise UsageError(
            f"{path} is missing: --data-root holds no {task.name!r}",
            allowed="  The folder holds <suite>/<task>/<split>.jsonl, one JSON object a line.",
        )
    rows = []
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            try:
                rows.append(json.loads(line))
            except json.JSONDecodeError as error:
                raise DataError([DataFault(file=str(path), line=number, message=f"is not JSON: {error}")]) from error
    return rows


def _hub_rows(task: Task, source: HubSource, split: str) -> list[dict[str, Any]]:
    from datasets import load_dataset

    try:
        loaded = load_dataset(source.repository, source.configuration, revision=source.revision, split=split)
    except (OSError, ValueError) as error:
        raise UsageError(
            f"the rows of {task.name!r} could not be fetched from the hub: {error}",
            remedy="  Give --data-root, a folder with <suite>/<task>/<split>.jsonl.",
        ) from error
    return list(loaded)


def _split(task: Task, name: str, rows: Iterable[Mapping[str, Any]]) -> Split:
    texts, labels, faults = [], [], []
    for number, row in enumerate(rows, 1):
        missing = [column for column in (*task.text_columns, task.label_column) if column not in row]
        label = row.get(task.label_column)
        if missing:
            faults.append(DataFault(file=f"{task.name} {name}", line=number, message=f"lacks {', '.join(missing)}"))
        elif not isinstance(label, int) or not 0 <= label < task.num_labels:
            faults.append(DataFault(file=f"{task.name} {name}", line=number, message=f"has the label {label!r}"))
        else:
            texts.append(tuple(str(row[column]) for column in task.text_columns))
            labels.append(label)
    if faults:
        raise DataError(faults)
    return Split(texts=tuple(texts), labels=tuple(labels))
