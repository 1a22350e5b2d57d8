"""One model as a folder: interrupted and called again, it goes on where it was."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from huggingface_hub import ModelCard
from safetensors.torch import load_file
from scipy.stats import binomtest
from sklearn.metrics import accuracy_score

from headstart.artifacts import working_store as ending
from headstart.artifacts.folder_checks import CARD_FILE
from headstart.artifacts.model_card import model_card
from headstart.artifacts.working_store import working_store
from headstart.errors import UsageError
from headstart.experiments.experiment import Run, TaskSource
from headstart.experiments.run_data import RunData, RunDataCache
from headstart.inference import precision
from headstart.inference.predict import predict
from headstart.inference.saved import load_saved_model
from headstart.inference.user_files import evaluate_file
from headstart.store.json_records import read_record
from headstart.store.local import LocalStore
from headstart.store.record import RunRecord
from headstart.sweeps import card, fitting
from headstart.sweeps.executor import SweepEvent, SweepListener
from headstart.sweeps.fitting import fit_model, plan_fit
from headstart.sweeps.serial import SerialExecutor
from headstart.tables.file_options import FileOptions
from headstart.tables.stored_reading import StoredReading
from headstart.training.config import RunOptions
from tests.support.runs import SOURCE, tiny_choices, tiny_rows

CheckpointMaker = Callable[..., Path]


def fit(run: Run, out: Path, listener: SweepListener) -> None:
    store = LocalStore(working_store(out))
    fit_model(RunData.of(run), store, out, SerialExecutor(store, RunOptions(keep_backbone=True), listener))


def test_an_interrupted_fit_goes_on(tiny_checkpoint: CheckpointMaker, tmp_path: Path) -> None:
    choices = tiny_choices(tiny_checkpoint("bert"), "eh_ft", "lora")
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    fit(plan_fit(choices, SOURCE, 0, whole, RunDataCache()), whole, lambda event: None)

    def interrupt(event: SweepEvent) -> None:
        if event.progress is not None and (event.progress.stage, event.progress.step) == ("finetune", 2):
            raise KeyboardInterrupt

    run = plan_fit(choices, SOURCE, 0, cut, RunDataCache())
    with pytest.raises(KeyboardInterrupt):
        fit(run, cut, interrupt)
    assert not cut.exists()
    (stage_1,) = working_store(cut).rglob("1-adapter/stage.json")
    written = stage_1.stat().st_mtime_ns
    stages: list[str] = []

    def watch(event: SweepEvent) -> None:
        if event.progress is not None:
            assert stage_1.stat().st_mtime_ns == written
            stages.append(event.progress.stage)

    fit(run, cut, watch)
    assert set(stages) == {"finetune"}
    assert not working_store(cut).exists()
    expected, found = (load_file(folder / "model.safetensors") for folder in (whole, cut))
    assert all((found[name] == tensor).all() for name, tensor in expected.items())


@pytest.mark.parametrize("killed_at", ["remove_working_store", "remove_quietly"])
def test_a_fit_that_was_killed_after_its_folder_got_its_name_ends_well(
    killed_at: str, tiny_checkpoint: CheckpointMaker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    choices, out = tiny_choices(tiny_checkpoint("bert"), "linear_probe", steps=2), tmp_path / "model"

    def kill(path: Path) -> None:
        shutil.rmtree(next(path.iterdir()) if killed_at == "remove_working_store" else path, ignore_errors=True)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(fitting if killed_at == "remove_working_store" else ending, killed_at, kill)
        with pytest.raises(KeyboardInterrupt):
            fit(plan_fit(choices, SOURCE, 0, out, RunDataCache()), out, lambda event: None)
    written = (out / "run.json").read_bytes()
    with pytest.raises(UsageError, match="there already"):
        plan_fit(choices, SOURCE, 1, out, RunDataCache())
    events: list[SweepEvent] = []
    fit(plan_fit(choices, SOURCE, 0, out, RunDataCache()), out, events.append)
    assert events == []
    assert (out / "run.json").read_bytes() == written
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_a_folder_that_is_not_empty_is_refused(tiny_checkpoint: CheckpointMaker, tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "file").touch()
    with pytest.raises(UsageError, match="there already"):
        plan_fit(tiny_choices(tiny_checkpoint("bert"), "finetune"), SOURCE, 0, tmp_path / "model", RunDataCache())


def test_the_test_rows_of_a_split_column_are_scored_once_at_the_end(
    tiny_checkpoint: CheckpointMaker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By scikit-learn from the written model's own answers; a comparison never looks at them."""
    parts = ["train"] * 20 + ["validation"] * 8 + ["test"] * 6
    lines = [
        f"{text},{('bad', 'good')[label]},{part}" for (text, label), part in zip(tiny_rows(34), parts, strict=True)
    ]
    (tmp_path / "rows.csv").write_text("\n".join(["text,label,part", *lines]) + "\n")
    source = TaskSource(name="rows", file=str(tmp_path / "rows.csv"), options=FileOptions(split_column="part"))
    out = tmp_path / "model"
    run = plan_fit(tiny_choices(tiny_checkpoint("bert"), "finetune"), source, 0, out, RunDataCache())
    data, store = RunData.of(run), LocalStore(working_store(out))
    seen: list[bool] = []
    monkeypatch.setattr(card, "model_card", lambda facts: (seen.append(out.exists()), model_card(facts))[1])
    record = fit_model(data, store, out, SerialExecutor(store, RunOptions(keep_backbone=True)))
    assert record.test is not None
    assert read_record(RunRecord, out / "run.json") == record
    rows = data.task_data.splits["test"]
    answered = predict(load_saved_model(out), rows).decisions
    assert record.test.num_examples == 6
    assert record.test.scores["accuracy"] == accuracy_score(rows.labels, answered)
    assert record.test.constant_scores["accuracy"] == 0.5
    assert seen == [False], "the card is written once, before the folder is there"
    written = (out / CARD_FILE).read_text()
    assert "On 8 rows of validation:" in written
    assert "On 6 rows of test:" in written
    found = binomtest(int((answered == np.array(rows.labels)).sum()), 6).proportion_ci(method="wilson")
    assert f"{100 * found.low:.2f} to {100 * found.high:.2f}" in written.partition("rows of test:")[2]
    results = ModelCard(written).data.eval_results
    assert {(each.dataset_split, each.metric_name) for each in results} == {
        (split, metric) for split in ("validation", "test") for metric in ("accuracy", "macro_f1")
    }
    for each in results:
        low, high = each.metric_args["interval"]
        assert low <= each.metric_value <= high
    (compared,) = SerialExecutor(LocalStore(tmp_path / "store"), RunOptions()).execute([run])
    assert compared.test is None


@pytest.mark.parametrize(("strategy", "adapter"), [("finetune", None), ("adapter", "prefix")])
def test_the_folder_remembers_how_its_table_was_read_and_what_bf16_changes(
    strategy: str,
    adapter: str | None,
    tiny_checkpoint: CheckpointMaker,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(precision, "computes_bf16", lambda device: True)
    parts = ["train"] * 20 + ["validation"] * 8 + ["test"] * 6
    lines = [
        f"{part},{('bad', 'good')[label]},{text}" for (text, label), part in zip(tiny_rows(34), parts, strict=True)
    ]
    (tmp_path / "rows.csv").write_text("\n".join(lines))
    options = FileOptions(
        no_header=True, columns=("part", "label", "text"), text="text", label="label", split_column="part"
    )
    source = TaskSource(name="rows", file=str(tmp_path / "rows.csv"), options=options)
    out = tmp_path / "model"
    run = plan_fit(tiny_choices(tiny_checkpoint("bert"), strategy, adapter), source, 0, out, RunDataCache())
    fit(run, out, lambda event: None)
    saved = load_saved_model(out)
    assert saved.info.reading == StoredReading(suffix=".csv", options=replace(options, text=None, label=None))
    held_out = RunData.of(run).report
    exact, rough = (predict(saved, held_out, precision=name) for name in ("fp32", "bf16"))
    assert saved.info.bf16 is not None
    assert saved.info.bf16.num_rows == 8
    assert saved.info.bf16.num_changed == (exact.decisions != rough.decisions).sum()
    assert saved.info.bf16.largest_difference == pytest.approx(abs(exact.answers - rough.answers).max(), abs=1e-6)
    found = evaluate_file(out, str(tmp_path / "rows.csv"), precision="fp32")
    assert (found.num_rows, found.notes[0]) == (
        6,
        "read as the model's own table was: `no_header`, `columns` part,label,text, `split_column` 'part'",
    )
