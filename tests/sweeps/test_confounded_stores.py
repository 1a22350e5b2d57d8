"""Stores as sweeps write them whose runs differ in more than strategy and adapter: no verdict, and why.

Every experiment is run once at one seed; six records of it with scores of our own then stand for six seeds.
"""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from headstart.comparison.report import Report, read_report
from headstart.experiments.experiment import Run, TaskSource
from headstart.experiments.options import Options
from headstart.experiments.run_data import RunDataCache
from headstart.reports.latex import as_latex
from headstart.reports.renderings import as_markdown, as_text
from headstart.reports.values import as_csv, as_json
from headstart.store.declared import DeclaredAxis, declare_axis
from headstart.store.local import LocalStore
from headstart.store.record import RunRecord
from headstart.sweeps.serial import SerialExecutor
from headstart.training.config import RunOptions
from tests.support import tiny
from tests.support.pages import render_html
from tests.support.runs import tiny_choices, tiny_experiment, tiny_rows

SCATTER = (0.000, 0.004, 0.001, 0.005, 0.002, 0.003)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return make_model(tmp_path / "model", 1)


@pytest.fixture
def source(tmp_path: Path) -> TaskSource:
    return table(tmp_path / "first", 0)


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "runs")


def make_model(folder: Path, seed: int) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    tiny.make_checkpoint(folder, "bert", seed=seed)
    return folder


def table(folder: Path, seed: int) -> TaskSource:
    """Return the source of a table that is called reviews.csv, in a folder of its own."""
    folder.mkdir()
    rows = "".join(f"{text},{('bad', 'good')[label]}\n" for text, label in tiny_rows(20, seed))
    (folder / "reviews.csv").write_text(f"text,label\n{rows}")
    return TaskSource(name="reviews.csv", file=str(folder / "reviews.csv"))


def add(store: LocalStore, options: Options, source: TaskSource, score: float) -> RunRecord:
    """Run an experiment at seed 0, as a sweep does, and keep six records of it whose scores lie around `score`."""
    experiment = tiny_experiment(options, source)
    (record,) = SerialExecutor(store, RunOptions(diagnostics=False), cache=RunDataCache()).execute(
        [Run(experiment, 0, source)]
    )
    for seed, scatter in enumerate(random.Random(experiment.digest).sample(SCATTER, len(SCATTER))):
        scores = dict.fromkeys(record.scores, score + scatter)
        store.finish(replace(record, seed=seed, scores=scores, constant_score=0.2, num_evaluation_examples=4000))
    return record


def finetune(model: Path, **options: object) -> Options:
    return tiny_choices(model, "finetune", steps=2, **options)


def eh_ft(model: Path, **options: object) -> Options:
    return tiny_choices(model, "eh_ft", "bitfit", steps=2, **options)


def findings(report: Report) -> dict[str, str]:
    return {row.label: row.finding for row in report.table.rows}


def formats(report: Report) -> Iterator[tuple[str, str]]:
    for write in (as_text, as_markdown, as_latex, as_csv, as_json, render_html):
        yield write.__name__, " ".join(write(report).replace("\\_", "_").split())


def test_where_all_else_is_equal_there_is_a_verdict(model: Path, source: TaskSource, store: LocalStore) -> None:
    add(store, finetune(model), source, 0.6)
    add(store, eh_ft(model), source, 0.7)
    assert findings(read_report(store.root)) == {"finetune": "", "eh_ft(bitfit)": "better"}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"max_length": 16}, "max_length 16 against 32"),
        ({"head": "linear"}, "head linear against native"),
        pytest.param({"long": "head_tail"}, "long head_tail against longest_first", marks=pytest.mark.slow),
        pytest.param({"loss": "focal:gamma=1.0"}, "loss focal:gamma=1.0 against cross_entropy", marks=pytest.mark.slow),
        pytest.param({"batch_size": 2}, "batch_size 2 against 4", marks=pytest.mark.slow),
        ({"trainer": ("adam_beta2=0.9",)}, "adam_beta2 0.9 against not set"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_another_setting_is_named_and_there_is_no_verdict(
    options: dict[str, object], said: str, model: Path, source: TaskSource, store: LocalStore
) -> None:
    add(store, finetune(model), source, 0.6)
    add(store, eh_ft(model, **options), source, 0.7)
    assert findings(read_report(store.root))["eh_ft(bitfit)"] == f"not compared: {said} of the nearest fine-tuning"


def test_every_format_says_why_and_gives_neither_difference_nor_verdict(
    model: Path, source: TaskSource, store: LocalStore
) -> None:
    add(store, finetune(model), source, 0.6)
    add(store, eh_ft(model, max_length=16), source, 0.7)
    report = read_report(store.root)
    for name, text in formats(report):
        assert "max_length 16 against 32" in text, name
        assert "+10.0" not in text, name
    assert all(row.verdict is None for row in report.table.rows)


def test_another_table_of_the_same_name_is_another_task(
    model: Path, source: TaskSource, store: LocalStore, tmp_path: Path
) -> None:
    rows = [
        add(store, finetune(model), source, 0.6),
        add(store, eh_ft(model), other := table(tmp_path / "second", 1), 0.7),
    ]
    report = read_report(store.root)
    shown = {record.label: record.setting.rows[:8] for record in rows if record.setting}
    assert {group.title for group in report.table.groups} == {f"reviews.csv, rows {each}" for each in shown.values()}
    said = f"rows {shown['eh_ft(bitfit)']} against {shown['finetune']}"
    assert findings(report)["eh_ft(bitfit)"] == f"not compared: {said} of the nearest fine-tuning"
    for name, text in formats(report):
        assert f"rows {shown['finetune']}" in text or name == "as_csv", name
    add(store, finetune(model), other, 0.6)
    assert "better" in findings(read_report(store.root)).values()


def test_a_model_folder_that_was_retrained_is_another_model(model: Path, source: TaskSource, store: LocalStore) -> None:
    first = add(store, finetune(model), source, 0.6)
    second = add(store, eh_ft(make_model(model, 2)), source, 0.7)
    assert first.setting is not None
    assert second.setting is not None
    report = read_report(store.root)
    before, now = (record.setting.model_revision[:16] for record in (first, second) if record.setting)
    titles = {f"reviews.csv, model revision {revision}" for revision in (before, now)}
    assert {group.title for group in report.table.groups} == titles
    said = f"model revision {now} against {before}"
    assert findings(report)["eh_ft(bitfit)"] == f"not compared: {said} of the nearest fine-tuning"


def test_a_declared_axis_is_compared_along(model: Path, source: TaskSource, store: LocalStore) -> None:
    scores = {("finetune", "native"): 0.6, ("finetune", "linear"): 0.5}
    scores |= {("eh_ft", "native"): 0.7, ("eh_ft", "linear"): 0.7}
    ways = {"finetune": finetune, "eh_ft": eh_ft}
    for (way, head), score in scores.items():
        digest = add(store, ways[way](model, head=head), source, score).experiment_digest
        declare_axis(store, digest, DeclaredAxis(axis="head", value=head, values=("native", "linear")))
    rows = {row.label: row for row in read_report(store.root).table.rows}
    assert rows["finetune head=native"].finding == ""
    assert rows["eh_ft(bitfit) head=native"].baseline == "finetune head=native"
    assert rows["eh_ft(bitfit) head=linear"].baseline == "finetune head=linear"
    assert {label: row.finding for label, row in rows.items() if row.baseline} == {
        "finetune head=linear": "worse",
        "eh_ft(bitfit) head=native": "better",
        "eh_ft(bitfit) head=linear": "better",
    }
