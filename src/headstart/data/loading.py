"""A named task's rows: built in, from a local folder, or from the hub at the pinned revision."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import astuple
from pathlib import Path
from typing import Any

from headstart.data.examples import Split, TaskData
from headstart.data.formats import read_split
from headstart.errors import UsageError, unknown_name
from headstart.tables.reading import read_as_written
from headstart.tables.table import Table
from headstart.tasks.catalogue import TASKS
from headstart.tasks.demo import DEMO, demo_rows
from headstart.tasks.demo_requests import DEMO_REQUESTS, request_rows
from headstart.tasks.task import HubSource, Task

DATA_ROOT_REMEDY = "  Give `data_root`, a folder with <suite>/<task>/<split>.jsonl, one JSON object per line."


def load_task(name: str, *, data_root: Path | None = None, splits: Sequence[str] | None = None) -> TaskData:
    """Return a named task with its rows.

    Args:
        name: such as `glue/rte`.
        data_root: a folder with `<suite>/<task>/<split>.jsonl`; None means the hub.
        splits: to read; by default the training split, where there is one, and the one to report on. The labels of the
            test split of a task are not public and not read, but where it is the one to report on.

    Raises:
        UsageError: if the name of the task or a split is unknown, or the rows cannot be found or fetched.
        DataError: with all faults of the first file that has some: columns, texts, places in texts or labels.
    """
    task = TASKS.get(name)
    usual = [split for split in (task.train_split, task.evaluation_split) if split is not None]
    read = {
        split: read_split(task, load_table(task, split, data_root=data_root), labelled=split in usual)
        for split in dict.fromkeys(splits or usual)
    }
    return TaskData(task=task, splits=read, fingerprint=fingerprint(task, read), notes=_size_notes(task, read))


def load_table(task: Task, split: str, *, data_root: Path | None = None) -> Table:
    """Return one of the splits that a task gives sizes for, with all its columns; `data_root` is as in `load_task`.

    Raises:
        UsageError: if the task does not have the split, or the rows cannot be found or fetched.
    """
    known = [name for name, _ in task.num_rows]
    if split not in known:
        raise unknown_name(f"split of {task.name}", split, known)
    if task in (DEMO, DEMO_REQUESTS):
        return _built_in_rows(task, split)
    if data_root is not None:
        return _local_rows(data_root / (task.folder or task.name) / f"{split}.jsonl", task)
    if task.source is None:
        raise UsageError(f"the task {task.name!r} has no rows on the hub", remedy=DATA_ROOT_REMEDY)
    return _hub_rows(task, task.source, split)


def fingerprint(task: Task, splits: Mapping[str, Split]) -> str:
    """Return the SHA-256 over label names, texts and labels of all splits, and over what else their examples have."""
    whole = hashlib.sha256()
    for part in (task.labels, *(_parts(name, split) for name, split in sorted(splits.items()))):
        whole.update(json.dumps(part, ensure_ascii=False, default=astuple).encode())
    return whole.hexdigest()


def _parts(name: str, split: Split) -> tuple[object, ...]:
    extras = {key: _said(key, split.columns[key]) for key in sorted(split.columns) if key != "labels"}
    return (name, split.texts, split.labels, *([extras] if extras else []))


def _said(name: str, column: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return what a column says: of files what they hold, wherever they lie."""
    return tuple(file.digest for file in column) if name == "files" else column


def _built_in_rows(task: Task, split: str) -> Table:
    rows: list[tuple[str | int, ...]] = (
        [(*texts, label) for texts, label in demo_rows(split)]
        if task is DEMO
        else [(text, label) for text, label in request_rows(split)]
    )
    columns = zip((*task.text_columns, task.label_column), zip(*rows, strict=True), strict=True)
    return Table(path=Path(task.name) / split, columns=dict(columns))


def _local_rows(path: Path, task: Task) -> Table:
    if not path.is_file():
        raise UsageError(
            f"{path} is missing: `data_root` does not hold this split of {task.name!r}", remedy=DATA_ROOT_REMEDY
        )
    return read_as_written(path)


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


def _size_notes(task: Task, splits: Mapping[str, Split]) -> tuple[str, ...]:
    """Return a sentence for each split that is not as large as the official one."""
    return tuple(
        f"the {name} split of {task.name} has {len(splits[name])} rows here, officially {official}"
        for name, official in task.num_rows
        if name in splits and len(splits[name]) != official
    )
