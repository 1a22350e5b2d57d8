"""Records of somebody else's store pass the checks of the command line, and nothing is written through a link."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from headstart.atomic_files import write_json
from headstart.data.examples import Split, TaskData
from headstart.data.stored_rows import write_rows
from headstart.errors import CheckpointError, DamageError
from headstart.experiments.experiment import Experiment, StoredExperiment, TaskSource
from headstart.registry import Spec
from headstart.store.declared import DeclaredAxis, DeclaredLooks, declare_axis, declare_looks
from headstart.store.experiments import write_experiment
from headstart.store.json_records import dump, load, read_record
from headstart.store.local import LocalStore
from headstart.store.record import RunRecord
from headstart.strategies.catalogue import build_strategy
from headstart.strategies.strategy import Budget, Optimizer, StageOptimizers
from headstart.tasks.task import Task
from headstart.temporary import temporary_path
from headstart.training.config import TrainerOverride, TrainingConfig
from tests.support.records import run_record, stage_record

Change = Callable[[dict[str, Any]], Any]


def stored_experiment() -> StoredExperiment:
    """Return a small experiment as a store has it."""
    rate = Optimizer(learning_rate=1e-4)
    plan = build_strategy(Spec("finetune")).plan(Budget(num_steps=4), StageOptimizers(finetune=rate, probe=rate))
    experiment = Experiment(
        task="rows",
        task_fingerprint="0" * 64,
        model="tiny",
        model_revision="xxh3:0",
        head=Spec("native"),
        strategy=Spec("finetune"),
        adapter=None,
        plan=plan,
        training=TrainingConfig(),
    )
    return StoredExperiment(experiment=experiment, source=TaskSource(name="rows"))


def overridden(name: str, value: object, stage: str | None = None) -> Change:
    overrides = [{"field": name, "value": value, "stage": stage}]
    return lambda values: values["experiment"]["training"].update(overrides=overrides)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda v: v["experiment"]["plan"][0].update(name="x/../../../../TARGET"), "a stage's name is letters"),
        (lambda v: v["experiment"]["plan"][0].update(name="/tmp/TARGET"), "a stage's name is letters"),
        (lambda v: v["experiment"]["training"].update(attention="somebody/kernel"), "`attention` is letters"),
        (overridden("output_dir", "/tmp/TARGET"), "`trainer` output_dir is set by headstart itself"),
        (overridden("push_to_hub", True), "`trainer` push_to_hub is set by headstart itself"),
        (overridden("hub_model_id", "a/b", "finetune"), "`trainer` hub_model_id is set by headstart itself"),
        (overridden("report_to", "wandb"), "`trainer` report_to changes no result"),
        (overridden("run_name", "x"), "`trainer` run_name changes no result"),
    ],
)
def test_an_experiment_of_somebody_else_is_held_to_what_the_command_line_takes(
    change: Change, said: str, tmp_path: Path
) -> None:
    values = dump(stored_experiment())
    assert load(StoredExperiment, values, tmp_path / "experiment.json") == stored_experiment()
    change(values)
    write_json(tmp_path / "experiment.json", values)
    with pytest.raises(CheckpointError, match=said) as error:
        read_record(StoredExperiment, tmp_path / "experiment.json")
    assert str(error.value).startswith(str(tmp_path / "experiment.json"))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"experiment_digest": "../victim"}, "an experiment's digest is letters"),
        ({"experiment_digest": "/etc"}, "an experiment's digest is letters"),
        ({"seed": -1}, "a seed is a whole number from 0"),
        ({"seed": 2**63}, "a seed is a whole number from 0|integer"),
        ({"reported_split": "\0"}, "a split's name has 1 to 200 bytes"),
        ({"stages": [dump(stage_record()) | {"name": "../../x"}]}, "a stage's name is letters"),
    ],
)
def test_a_record_names_nothing_outside_its_folder(changes: dict[str, Any], said: str) -> None:
    values = dump(run_record()) | changes
    for stage in values["stages"]:
        stage.pop("schema_version", None)
    with pytest.raises(CheckpointError, match=said):
        load(RunRecord, values, Path("run.json"))


def test_what_the_command_line_takes_is_taken() -> None:
    TrainingConfig(attention="sdpa", overrides=(TrainerOverride(field="optim", value="sgd"),))


@pytest.mark.parametrize("where", ["digest", "digest/seed-0", "digest/seed-0/1-probe", "digest/seed-0/.lock"])
def test_nothing_is_written_through_a_link(where: str, tmp_path: Path) -> None:
    store, outside = LocalStore(tmp_path / "store"), tmp_path / "outside"
    store.mark()
    outside.mkdir()
    kept = outside / ".tmp-kept"
    kept.write_text("mine")
    link = store.root / where
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(outside)
    with pytest.raises(DamageError, match=f"{link} is damaged: it is a link"), store.claim("digest", 0):
        pass
    assert [path.name for path in outside.iterdir()] == [".tmp-kept"]


def test_a_store_behind_a_link_is_a_store(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "store").symlink_to(tmp_path / "disk")
    with LocalStore(tmp_path / "store").claim("digest", 0) as is_ours:
        assert is_ours


def test_a_record_that_is_a_pipe_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "run.json")
    with pytest.raises(CheckpointError, match="a pipe"):
        read_record(RunRecord, tmp_path / "run.json")


def test_a_field_that_is_read_no_more_keeps_no_experiment_from_being_read(tmp_path: Path) -> None:
    write_json(tmp_path / "experiment.json", dump(stored_experiment()) | {"source_checksum": "0" * 32})
    assert read_record(StoredExperiment, tmp_path / "experiment.json") == stored_experiment()


@pytest.mark.parametrize("what", ["experiment", "looks", "axis", "rows"])
def test_nothing_is_declared_through_a_link(what: str, tmp_path: Path) -> None:
    store, outside = LocalStore(tmp_path / "store"), tmp_path / "outside"
    store.mark()
    outside.mkdir()
    (outside / "experiment.json").write_text("mine")
    link = store.root / ("rows" if what == "rows" else "digest")
    link.symlink_to(outside)
    split = Split.of((("a",), ("b",)), labels=(0, 1))
    task = Task(name="t", text_columns=("text",), label_column="label", labels=("no", "yes"))
    looks = DeclaredLooks(baseline_digest="b" * 32, looks=(6,), confidence=0.95, narrower_than=None)
    write = {
        "experiment": lambda: write_experiment(store, "digest", stored_experiment()),
        "looks": lambda: declare_looks(store, "digest", looks),
        "axis": lambda: declare_axis(store, "digest", DeclaredAxis(axis="head", value="native", values=("native",))),
        "rows": lambda: write_rows(store, TaskData(task=task, splits={"train": split}, fingerprint="0", notes=())),
    }[what]
    with pytest.raises(DamageError, match=f"{link} is damaged: it is a link"):
        write()
    assert [(path.name, path.read_text()) for path in outside.iterdir()] == [("experiment.json", "mine")]


def test_nothing_behind_a_link_is_tidied(tmp_path: Path) -> None:
    store, outside = LocalStore(tmp_path / "store"), tmp_path / "outside"
    store.mark()
    left = outside / temporary_path(outside).name.replace(str(os.getpid()), "1", 1)
    left.mkdir(parents=True)
    (store.root / "digest").symlink_to(outside)
    store.tidy([("digest", 0)])
    assert left.exists()
    (store.root / "digest").unlink()
    left.rename(store.root / left.name)
    store.tidy([("digest", 0)])
    assert not (store.root / left.name).exists()
