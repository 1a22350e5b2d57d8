"""Rows that were given in memory, written once into a store, where any process finds them again."""

from __future__ import annotations

import hashlib
import json
from dataclasses import astuple
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet

from headstart.atomic_files import atomic_path, json_text, write_text
from headstart.data.examples import Span, Split, TaskData
from headstart.errors import CheckpointError
from headstart.manifest import FileMark, Manifest, check_manifest, require_whole
from headstart.safe_files import read_json, require_file
from headstart.store.layout import ROWS_FOLDER, TASK_FILE
from headstart.store.local import LocalStore
from headstart.tables.arrow_bounds import parquet_batches
from headstart.tasks.task import Task
from headstart.temporary import remove_abandoned

TEXTS = "texts"
CHUNK_ROWS = 1 << 16


def write_rows(store: LocalStore, data: TaskData) -> Path:
    """Write a task and its rows into the store, and return their folder, whose name is a digest of all of it.

    `read_rows` gives the same back, bit for bit. What is there already is not written again, unless it is damaged.
    """
    from pydantic import TypeAdapter

    values = {
        "task": TypeAdapter(Task).dump_python(data.task, mode="json"),
        "fingerprint": data.fingerprint,
        "notes": data.notes,
        "splits": list(data.splits),
    }
    digest = hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:32]
    folder = store.root.absolute() / ROWS_FOLDER / digest
    if not (folder / TASK_FILE).is_file() or check_manifest(folder):
        store.begin_writing(store.root / ROWS_FOLDER / digest)
        remove_abandoned(folder)
        for name, split in data.splits.items():
            with atomic_path(folder / f"{name}.parquet") as temporary:
                pyarrow.parquet.write_table(_table(split), temporary)
        text = json_text(values)
        tables = {f"{name}.parquet": FileMark.of(folder / f"{name}.parquet") for name in data.splits}
        Manifest({**tables, TASK_FILE: FileMark.of_bytes(text.encode())}).write(folder)
        # Written last: a folder with this file is whole.
        write_text(folder / TASK_FILE, text)
    return folder


def read_rows(folder: Path) -> TaskData:
    """Return what `write_rows` wrote to this folder.

    Raises:
        CheckpointError: if the folder is missing or damaged, or asks for more memory than rows of its size can need.
    """
    from pydantic import TypeAdapter

    require_whole(folder, remedy="  Call again with the rows: they are written anew.")
    try:
        values = read_json(folder / TASK_FILE)
        return TaskData(
            task=TypeAdapter(Task).validate_python(values["task"]),
            splits={name: _split(_read(folder / f"{name}.parquet")) for name in values["splits"]},
            fingerprint=values["fingerprint"],
            notes=tuple(values["notes"]),
        )
    except (OSError, pa.ArrowException, KeyError, ValueError) as error:
        raise CheckpointError(f"the rows in {folder} are missing or damaged: {error}") from error


def _table(split: Split) -> pa.Table:
    columns = {name: pa.array([_plain(value) for value in column]) for name, column in split.columns.items()}
    return pa.table({TEXTS: pa.array(split.texts, pa.list_(pa.string())), **columns})


def _read(path: Path) -> pa.Table:
    require_file(path)
    return pa.Table.from_batches(parquet_batches(path, CHUNK_ROWS), pyarrow.parquet.read_schema(path))


def _split(table: pa.Table) -> Split:
    columns = {name: tuple(_value(name, value) for value in table[name].to_pylist()) for name in table.column_names}
    return Split(texts=columns.pop(TEXTS), columns=columns)


def _plain(value: Any) -> Any:
    """Return a value as Arrow has it; of a row's two spans, three numbers each."""
    is_spans = isinstance(value, tuple) and value and isinstance(value[0], Span)
    return [astuple(span) for span in value] if is_spans else value


def _value(name: str, value: Any) -> Any:
    if name == "spans":
        return tuple(Span(text=text, begin=begin, end=end) for text, begin, end in value)
    return tuple(value) if isinstance(value, list) else value
