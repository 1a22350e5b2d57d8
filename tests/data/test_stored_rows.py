"""Rows that were given in memory come back from the store bit for bit."""

from __future__ import annotations

import math
import os
from pathlib import Path

import pytest

from headstart.data.examples import Span, Split, TaskData
from headstart.data.loading import fingerprint
from headstart.data.stored_rows import read_rows, write_rows
from headstart.errors import CheckpointError, DamageError
from headstart.kinds.catalogue import kind_named
from headstart.manifest import MANIFEST_FILE
from headstart.store.local import LocalStore
from headstart.tables import bounded_bytes
from headstart.tasks.catalogue import TASKS
from headstart.tasks.task import Task

CLASSES = Task(name="t", text_columns=("text",), label_column="label", labels=("no", "yes"))
NUMBERS = Task(name="t", kind=kind_named("regression"), text_columns=("text",), label_column="score")
SEVERAL = Task(
    name="t", kind=kind_named("multi_label"), text_columns=("a", "b"), label_column="l", labels=("x", "y", "z")
)
CHOICES = Task(
    name="t", kind=kind_named("multiple_choice"), text_columns=(), choice_columns=("a", "b"), label_column="l"
)
SPAN = Span(text=0, begin=1, end=2)
ROWS = {
    "classes": (CLASSES, Split.of((("a\r\n\x00 \N{SNOWMAN}",), ("",)), labels=(1, 0))),
    "numbers": (NUMBERS, Split.of((("a",), ("b",), ("c",)), labels=(0.1 + 0.2, -0.0, math.nextafter(1.0, 2.0)))),
    "several": (SEVERAL, Split.of((("a", "b"), ("c", "d")), labels=((0, 2), ()))),
    "no labels at all": (SEVERAL, Split.of((("a", "b"), ("c", "d")), labels=((), ()))),
    "choices": (CHOICES, Split.of(((), ()), labels=(1, 0), choices=(("a", "b"), ("c",)))),
    "spans": (CLASSES, Split.of((("ab",),), labels=(1,), spans=((SPAN, Span(text=0, begin=0, end=2)),))),
    "groups": (CLASSES, Split.of((("ab",), ("c",)), labels=(1, 0), groups=("g", "h"))),
    "a column that nobody knows yet": (CLASSES, Split.of((("ab",), ("c",)), labels=(1, 0), weights=(0.5, 1 / 3))),
    "unlabelled": (CLASSES, Split.of((("ab",),))),
    "none": (CLASSES, Split.of((), labels=())),
}


def data_of(task: Task, **splits: Split) -> TaskData:
    return TaskData(task=task, splits=splits, fingerprint=fingerprint(task, splits), notes=("said",))


@pytest.mark.parametrize("name", ROWS)
def test_rows_come_back_equal(name: str, tmp_path: Path) -> None:
    task, split = ROWS[name]
    data = data_of(task, train=split, validation=split.take(range(min(1, len(split)))))
    again = read_rows(write_rows(LocalStore(tmp_path / "store"), data))
    assert again == data
    assert repr(again) == repr(data), "also types and the signs of zeros"
    assert fingerprint(again.task, again.splits) == data.fingerprint


def test_a_task_by_name_comes_back_with_its_source(tmp_path: Path) -> None:
    data = data_of(TASKS.get("glue/rte"), train=Split.of((("a", "b"),), labels=(1,)))
    assert read_rows(write_rows(LocalStore(tmp_path), data)) == data


def test_rows_are_written_once_and_named_by_what_they_are(tmp_path: Path) -> None:
    store, split = LocalStore(tmp_path / "store"), Split.of((("a",),), labels=(1,))
    folder = write_rows(store, data_of(CLASSES, train=split))
    written = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    assert write_rows(store, data_of(CLASSES, train=split)) == folder
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == written
    assert write_rows(store, data_of(CLASSES, train=split.with_columns(labels=(0,)))) != folder
    assert LocalStore(tmp_path / "store").records() == []


def test_rows_whose_writing_was_cut_off_are_written_again(tmp_path: Path) -> None:
    store, data = LocalStore(tmp_path), data_of(CLASSES, train=Split.of((("a",),), labels=(1,)))
    folder = write_rows(store, data)
    (folder / "task.json").unlink()
    with pytest.raises(CheckpointError, match="missing"):
        read_rows(folder)
    assert read_rows(write_rows(store, data)) == data
    (folder / "train.parquet").write_bytes(b"PAR1")
    with pytest.raises(DamageError, match=r"train\.parquet is damaged: 4 bytes instead of"):
        read_rows(folder)
    assert read_rows(write_rows(store, data)) == data, "and what is damaged, too"


def test_rows_of_a_stranger_are_regular_files_and_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_rows(LocalStore(tmp_path), data_of(CLASSES, train=Split.of((("a" * 1000,),) * 50, labels=(1,) * 50)))
    (folder / MANIFEST_FILE).unlink()
    assert len(read_rows(folder).splits["train"]) == 50
    with monkeypatch.context() as patched:
        patched.setattr(bounded_bytes, "FREE_BYTES", 1)
        patched.setattr(bounded_bytes, "MOST_PACKED_RATIO", 10)
        with pytest.raises(CheckpointError, match=r"missing or damaged: .* unpacks to"):
            read_rows(folder)
    (folder / "train.parquet").unlink()
    os.mkfifo(folder / "train.parquet")
    with pytest.raises(DamageError, match="should be a file, and is a pipe"):
        read_rows(folder)
