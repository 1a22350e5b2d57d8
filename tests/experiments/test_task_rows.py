"""Rows by their source: folds are cuts of one reading, and all of it can be made again."""

from __future__ import annotations

from pathlib import Path

import pytest

from headstart.data import table_reading
from headstart.data.file_options import FileOptions
from headstart.data.user_rows import load_file
from headstart.experiments.bounded_cache import BoundedCache
from headstart.experiments.experiment import Evaluation, TaskSource
from headstart.experiments.task_rows import TaskRows
from tests.support.runs import SOURCE, tiny_rows

FOLDS = 10


@pytest.fixture
def source(tmp_path: Path) -> TaskSource:
    rows = (f"{text},{('bad', 'good')[label]}\n" for text, label in tiny_rows(60))
    (tmp_path / "rows.csv").write_text("text,label\n" + "".join(rows))
    return TaskSource(name="rows.csv", file=str(tmp_path / "rows.csv"), options=FileOptions(folds=FOLDS))


@pytest.fixture
def readings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the list to which every opening of a CSV file is added."""
    opened: list[str] = []
    scan = table_reading.SCANS[".csv"]

    def counted(path, options, chunk_rows):  # type: ignore[no-untyped-def]
        opened.append(path.name)
        return scan(path, options, chunk_rows)

    monkeypatch.setitem(table_reading.SCANS, ".csv", counted)
    return opened


def test_ten_folds_read_the_file_once_and_hold_each_row_once(source: TaskSource, readings: list[str]) -> None:
    rows = TaskRows()
    folds = [rows.of(source.at(seed)) for seed in range(2 * FOLDS)]
    assert readings == ["rows.csv"]
    held = {id(texts) for fold in folds for split in fold.splits.values() for texts in split.texts}
    assert len(held) == 60
    assert len({fold.fingerprint for fold in folds}) == FOLDS


def test_a_fold_of_the_cache_is_the_fold_of_a_reading_of_its_own(source: TaskSource) -> None:
    rows = TaskRows()
    for seed in (3, 0, 9):
        at = source.at(seed)
        assert rows.of(at) == load_file(str(at.file), at.options)


def test_what_had_to_go_is_made_again_equal(source: TaskSource, readings: list[str]) -> None:
    small, large = TaskRows(BoundedCache(max_bytes=1)), TaskRows()
    evaluation = Evaluation(holdout_fraction=0.2, selection_fraction=0.1)
    for _ in range(2):
        for seed in (0, 1):
            at = source.at(seed)
            assert small.of(at) == large.of(at)
            assert small.parts(at, evaluation) == large.parts(at, evaluation)
            assert len(small.kept) == 1
    assert readings.count("rows.csv") > 2


def test_the_parts_of_an_evaluation_are_disjoint_and_named(source: TaskSource) -> None:
    rows, everything = TaskRows(), TaskRows().of(SOURCE)
    plain = rows.parts(SOURCE, Evaluation())
    assert (plain.train, plain.report, len(plain.choose)) == (everything.training, everything.evaluation, 0)
    held = rows.parts(SOURCE, Evaluation(split="holdout", holdout_fraction=0.25, selection_fraction=0.25))
    parts = [set(part.texts) for part in (held.train, held.report, held.choose)]
    assert set.union(*parts) == set(everything.training.texts)
    assert sum(map(len, parts)) == len(set(everything.training.texts))
    assert len(rows.parts(SOURCE, Evaluation(split=None)).report) == 0
