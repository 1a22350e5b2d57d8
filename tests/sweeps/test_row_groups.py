"""Strategies of a comparison, scored on groups of their held-out rows: by scikit-learn, found by the rows' texts."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from sklearn.metrics import accuracy_score

from headstart.comparison.report import Report, read_report
from headstart.errors import CheckpointError, DataError, UsageError
from headstart.experiments.experiment import TaskSource
from headstart.experiments.run_data import RunData, RunDataCache
from headstart.experiments.stored_answers import read_answers
from headstart.reports.html import write_html
from headstart.reports.renderings import as_markdown, as_text
from headstart.reports.values import as_json
from headstart.store.local import LocalStore
from headstart.sweeps.plan import check_sweep, run_sweep
from headstart.sweeps.row_groups import read_groups, with_groups
from headstart.sweeps.serial import SerialExecutor
from headstart.tables.file_options import FileOptions
from headstart.training.config import RunOptions
from tests.conftest import CheckpointMaker
from tests.support.runs import tiny_choices, tiny_rows, tiny_sweep

OPTIONS = FileOptions(text="text", label="label", drop_incomplete=True)
SHOWN = "Groups of rows"


def write(path: Path, order: int = 1) -> TaskSource:
    """Write 45 rows of three languages twice, the fifth line without a text, in order or from behind."""
    rows = [(f"{text} {row}", label, ("de", "en", "")[row % 3]) for row, (text, label) in enumerate(tiny_rows(45))]
    rows = [row for row in rows for _ in range(2)]
    rows.insert(4, ("", 1, "de"))
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("text", "label", "lang"), *rows[::order]])
    return TaskSource(name=path.name, file=str(path), options=OPTIONS)


@pytest.fixture(scope="module")
def reported(
    tiny_checkpoint: CheckpointMaker, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Report, TaskSource, dict[str, dict[str, float]]]:
    """Return the report of two strategies at two seeds, where their rows are, and the scores of groups by hand."""
    folder = tmp_path_factory.mktemp("groups")
    source, cache, store = write(folder / "rows.csv"), RunDataCache(), LocalStore(folder / "runs")
    options = tiny_choices(tiny_checkpoint("bert"), "finetune", steps=4, stage1_fraction=None)
    sweep = tiny_sweep(options, "finetune", "linear_probe", sources=(source,), seeds=(0, 1))
    runs = check_sweep(sweep, cache)
    run_sweep(sweep, SerialExecutor(store, RunOptions(), cache=cache), cache)
    with open(str(source.file), encoding="utf-8", newline="") as file:
        languages = {row["text"]: row["lang"] or "(missing)" for row in csv.DictReader(file)}
    by_hand: dict[str, dict[str, list[float]]] = {}
    for run in runs:
        rows = RunData.of(run, cache).report
        answers = read_answers(store.run_folder(*run.key).predictions("validation"))
        assert answers is not None
        of_rows = np.array([languages[text] for (text,) in rows.texts])
        for name in sorted(set(of_rows)):
            score = accuracy_score(np.array(rows.labels)[of_rows == name], answers.decisions[of_rows == name])
            by_hand.setdefault(run.experiment.digest, {}).setdefault(name, []).append(score)
    means = {digest: {name: float(np.mean(each)) for name, each in found.items()} for digest, found in by_hand.items()}
    return read_report(store.root), source, means


def test_each_group_has_the_mean_over_seeds(
    reported: tuple[Report, TaskSource, dict[str, dict[str, float]]], tmp_path: Path
) -> None:
    report, _, expected = reported
    found = with_groups(report, "lang")
    assert len(found.by_group) == len(expected) == 2
    for (digest, _), scores in found.by_group.items():
        assert {each.name: each.score for each in scores.groups} == pytest.approx(expected[digest])
        assert sum(each.num_rows for each in scores.groups) == 18
        assert sum(each.num_units for each in scores.groups) == 9
    rows = json.loads(as_json(found))["groups"][0]["rows"]
    assert [row["by_group"]["column"] for row in rows] == ["lang", "lang"]
    write_html(found, tmp_path / "groups.html")
    page = (tmp_path / "groups.html").read_text(encoding="utf-8")
    for text in (page, as_text(found), as_markdown(found)):
        assert SHOWN.lower() in text.lower()
        assert "(missing)" in text
        assert f"{100 * expected[next(iter(expected))]['de']:.2f}" in text


def test_older_runs_do_not_say_which_rows_are_one_and_the_table_does(
    reported: tuple[Report, TaskSource, dict[str, dict[str, float]]],
) -> None:
    report, *_ = reported
    assert report.store is not None
    as_written = with_groups(report, "lang").by_group
    whole = {path: path.read_bytes() for path in report.store.root.glob("*/seed-*/predictions.validation.parquet")}
    try:
        for path in whole:
            pq.write_table(pq.read_table(path).drop(["unit"]), path)
        assert with_groups(report, "lang").by_group == as_written
        for path in whole:
            pq.write_table(pq.read_table(path).slice(1), path)
        with pytest.raises(CheckpointError, match="have not answered the rows"):
            with_groups(report, "lang")
    finally:
        for path, content in whole.items():
            path.write_bytes(content)


def test_nothing_is_shown_where_no_groups_were_asked_for(
    reported: tuple[Report, TaskSource, dict[str, dict[str, float]]], tmp_path: Path
) -> None:
    report, *_ = reported
    write_html(report, tmp_path / "plain.html")
    page = (tmp_path / "plain.html").read_text(encoding="utf-8")
    for text in (page, as_text(report), as_markdown(report), as_json(report)):
        assert SHOWN.lower() not in text.lower()
        assert "by_group" not in text


def test_rows_whose_groups_are_not_known_are_refused(
    reported: tuple[Report, TaskSource, dict[str, dict[str, float]]], tmp_path: Path
) -> None:
    report, source, _ = reported
    with pytest.raises(DataError, match="no column 'tongue'"):
        with_groups(report, "tongue")
    with pytest.raises(UsageError, match="is not one"):
        read_groups(TaskSource(name="demo"), "lang")
    folds = TaskSource(name="rows.csv", file=source.file, options=FileOptions(folds=3))
    with pytest.raises(UsageError, match="`folds`"):
        read_groups(folds, "lang")
    whole = Path(str(source.file)).read_bytes()
    write(Path(str(source.file)), order=-1)
    try:
        with pytest.raises(UsageError, match="has changed since"):
            with_groups(report, "lang")
    finally:
        Path(str(source.file)).write_bytes(whole)
