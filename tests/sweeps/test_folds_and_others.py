"""Folds as runs of a sweep, and scores on other rows than those of the task."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet
import pytest

from headstart.comparison.comparison_table import build_comparison
from headstart.comparison.frame import Frame
from headstart.errors import UsageError
from headstart.experiments.experiment import TaskSource
from headstart.experiments.run_data import RunDataCache
from headstart.store.local import LocalStore
from headstart.store.record import RunRecord
from headstart.sweeps.plan import Sweep, check_sweep, run_sweep
from headstart.sweeps.serial import SerialExecutor
from headstart.sweeps.stored_runs import find_run
from headstart.tables import reading as table_reading
from headstart.tables.file_options import FileOptions
from tests.support.records import as_stored
from tests.support.runs import tiny_choices, tiny_rows, tiny_sweep

CheckpointMaker = Callable[..., Path]


def rows_file(path: Path, num_rows: int, seed: int = 0) -> Path:
    rows = (f"{text},{('bad', 'good')[label]}\n" for text, label in tiny_rows(num_rows, seed))
    path.write_text("text,label\n" + "".join(rows))
    return path


def run(sweep: Sweep, store: Path) -> list[RunRecord]:
    cache = RunDataCache()
    check_sweep(sweep, cache)
    return run_sweep(sweep, SerialExecutor(LocalStore(store), cache=cache), cache)


def test_seeds_go_through_the_folds_and_stay_paired(
    tiny_checkpoint: CheckpointMaker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = rows_file(tmp_path / "rows.csv", 30)
    file.write_text(file.read_text() + "a class of one row,odd\n")
    source = TaskSource(name="rows.csv", file=str(file), options=FileOptions(folds=3))
    choices = tiny_choices(tiny_checkpoint("bert"), "eh_ft", "lora", steps=4)
    sweep = tiny_sweep(choices, "eh_ft", "finetune", sources=(source,), seeds=(0, 1, 2))
    readings: list[Path] = []
    scan = table_reading.SCANS[".csv"]
    monkeypatch.setitem(table_reading.SCANS, ".csv", lambda path, *rest: (readings.append(path), scan(path, *rest))[1])
    records = run(sweep, tmp_path / "store")
    assert readings == [file], "planning, all folds and both strategies share one reading"
    store = LocalStore(tmp_path / "store")
    held_out = []
    for seed in range(3):
        (planned,) = [each for each in check_sweep(sweep, RunDataCache()) if each.seed == seed][:1]
        data = RunDataCache().rows.of(planned.source)
        held_out += list(data.evaluation.texts)
        assert set(data.evaluation.texts).isdisjoint(data.training.texts)
        again = find_run(store, f"{planned.experiment.digest}/{seed}")
        assert again.source == planned.source
    assert sorted(held_out) == sorted((text,) for text, _ in tiny_rows(30))
    frame = Frame.from_records(records)
    _, head_start = frame.cells
    pairing = frame.pair(head_start)
    assert pairing is not None
    assert pairing.difference is not None
    assert pairing.difference.n == 3
    notes = build_comparison(frame).notes
    assert any("folds" in note for note in notes)
    assert "rows.csv: no validation row of 'odd'." in notes


def test_a_finished_model_is_scored_on_other_rows(tiny_checkpoint: CheckpointMaker, tmp_path: Path) -> None:
    other = TaskSource(name="shifted.csv", file=str(rows_file(tmp_path / "shifted.csv", 14, seed=5)))
    source = TaskSource(name="rows.csv", file=str(rows_file(tmp_path / "rows.csv", 30)), evaluate_on=(other,))
    sweep = tiny_sweep(tiny_choices(tiny_checkpoint("bert"), "finetune", steps=4), sources=(source,), seeds=(0, 1))
    records = run(sweep, tmp_path / "store")
    for record in records:
        (result,) = record.others
        assert (result.name, result.num_examples, tuple(result.scores)) == ("shifted.csv", 14, ("accuracy", "macro_f1"))
        assert as_stored(record) == record
    (path,) = (tmp_path / "store").glob("*/seed-0/predictions.shifted.csv.parquet")
    stored = pyarrow.parquet.read_table(path).to_pydict()
    assert records[0].others[0].is_degenerate == (len(set(stored["predicted"])) == 1)
    assert [each.is_degenerate for each in records[0].on_other_rows()] == [records[0].others[0].is_degenerate]
    right = sum(a == b for a, b in zip(stored["label"], stored["predicted"], strict=True))
    assert records[0].others[0].scores["accuracy"] == pytest.approx(right / 14)
    tasks = [group.task for group in build_comparison(Frame.from_records(records)).groups]
    assert tasks == ["rows.csv", "rows.csv \N{RIGHTWARDS ARROW} shifted.csv"]


def test_other_rows_with_other_answers_are_refused_before_training(
    tiny_checkpoint: CheckpointMaker, tmp_path: Path
) -> None:
    source = TaskSource(
        name="rows.csv",
        file=str(rows_file(tmp_path / "rows.csv", 30)),
        evaluate_on=(TaskSource(name="demo"),),
    )
    sweep = tiny_sweep(tiny_choices(tiny_checkpoint("bert"), "finetune"), sources=(source,))
    with pytest.raises(UsageError, match="their answers differ"):
        check_sweep(sweep, RunDataCache())


def test_smoke_runs_are_never_reported(tiny_checkpoint: CheckpointMaker, tmp_path: Path) -> None:
    options = tiny_choices(tiny_checkpoint("bert"), "finetune", steps=2, max_length=64)
    sweep = tiny_sweep(options, sources=(TaskSource(name="demo"),), is_smoke=True)
    records = run(sweep, tmp_path / "store")
    assert [record.purpose for record in records] == ["smoke"]
    assert Frame.from_records(records).cells == ()
