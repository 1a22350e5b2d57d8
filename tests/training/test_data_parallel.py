"""Several processes that train one model together, held to one process that does the same."""

from __future__ import annotations

import json
import os
import time
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest
import torch
from safetensors.torch import load_file

from headstart.experiments.experiment import Run
from headstart.store.local import LocalStore
from headstart.sweeps.serial import SerialExecutor
from headstart.training.config import RunOptions
from headstart.training.data_parallel import Ranks
from tests.conftest import CheckpointMaker
from tests.support.launching import start_together
from tests.support.processes import ended, start
from tests.support.runs import SOURCE, WHEN_TINY, rare_rows, tiny_choices, tiny_experiment, tiny_source
from tests.training.test_batch_parts import memory_for

Asked = tuple[str, str | None, dict[str, object]]

EPSILON = "adam_epsilon=1e-3"
"""Adam follows no gradient's size, and makes whole updates of rounding: with a large epsilon it does neither."""
ACCUMULATED = {"trainer": (EPSILON, "gradient_accumulation_steps=2")}
EVERY_WAY: tuple[Asked, ...] = (
    ("eh_ft", "lora", {"class_weights": "balanced", **ACCUMULATED}),
    ("lp_ft:fit=auto", None, {}),
    ("finetune", None, {"class_weights": "balanced"}),
    ("linear_probe", None, {}),
    ("lp_ft", None, {"stage1_until": "accuracy:target=0.5:window=3", "steps": 16}),
    ("adapter", "bitfit", {}),
    ("eh_ft", "adalora:tinit=1:tfinal=1", {"steps": 12}),
    ("child_tuning:variant=f", None, {}),
    ("child_tuning:variant=d", None, {}),
    ("fisher_unfreezing", "lora", {}),
    ("gradual_unfreezing", None, {}),
    ("layerwise_decay", None, {}),
    (WHEN_TINY["top_k"], None, {}),
    ("reinit", None, {}),
    ("ema", None, {}),
    ("wise_ft", None, {}),
    ("soup", None, {"steps": 12}),
    ("head_soup", None, {"steps": 12, "stage1_fraction": 0.2}),
    ("finetune", None, {"batch_size": 1, "steps": 4}),
)
"""On 24 rows in batches of 5: the last has fewer, and none divides by the processes. One row in four is of class 0."""


def train(model: Path, store: Path, asked: tuple[Asked, ...], checkpoint_seconds: float = 1e9) -> None:
    """Train what is asked for, run after run."""
    source = tiny_source(rows_of=rare_rows)
    choices = [
        tiny_choices(model, strategy, adapter, **({"batch_size": 5, "trainer": (EPSILON,)} | options))
        for strategy, adapter, options in asked
    ]
    runs = [Run(tiny_experiment(each, source), 0, source) for each in choices]
    options = RunOptions(checkpoint_seconds=checkpoint_seconds, keep_backbone=True)
    for record in SerialExecutor(LocalStore(store), options).execute(runs):
        assert record.status == "finished", record.error


def by_one(model: Path, store: Path, asked: tuple[Asked, ...]) -> Path:
    """Train in one process of its own; return the store."""
    output = store.with_suffix(".txt")
    code = ended(start(train, model, store, asked, output=output))
    assert code == 0, output.read_text()
    return store


def by_several(model: Path, store: Path, asked: tuple[Asked, ...], size: int, **others: Any) -> Path:
    """Train in several processes together; return the store."""
    processes = start_together(train, model, store, asked, size=size, output=store.with_suffix(".txt"), **others)
    codes = [ended(process) for process in processes]
    said = [path.read_text() for path in sorted(store.parent.glob(f"*-{store.name}.txt"))]
    assert codes == [0] * size, said
    assert not any(said[1:]), "only the first one speaks"
    return store


def require_alike(one: Path, several: Path, size: int, *, tolerance: float = 1e-6) -> None:
    """Hold two stores to have the same weights to a tolerance, the same answers and the same stages."""
    files, others_files = (
        {path.relative_to(store) for path in store.rglob("*") if path.suffix in (".safetensors", ".parquet", ".json")}
        for store in (one, several)
    )
    assert files == others_files
    for file in files:
        if file.suffix == ".safetensors":
            tensors, others = load_file(one / file), load_file(several / file)
            for name in tensors:
                torch.testing.assert_close(others[name], tensors[name], rtol=0, atol=tolerance, msg=f"{file} {name}")
        elif file.suffix == ".parquet":
            answers, others = (pyarrow.parquet.read_table(store / file).to_pydict() for store in (one, several))
            assert answers.keys() == others.keys()
            for column, values in answers.items():
                assert others[column] == pytest.approx(values, abs=10 * tolerance), (file, column)
        elif file.name == "run.json":
            own, other = (json.loads((store / file).read_text()) for store in (one, several))
            for stage, twin in zip(own["stages"], other["stages"], strict=True):
                assert twin["num_steps"] == stage["num_steps"]
                assert (stage["num_processes"], twin["num_processes"]) == (1, size if stage["num_steps"] else 1)
                assert twin["end_loss"] == pytest.approx(stage["end_loss"], abs=1e-5)


@pytest.fixture(scope="module")
def model(tiny_checkpoint: CheckpointMaker, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a checkpoint whose configuration has no dropout."""
    folder = tmp_path_factory.mktemp("model") / "model"
    folder.mkdir()
    for path in tiny_checkpoint("bert").iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    config = json.loads((folder / "config.json").read_text())
    config |= {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    (folder / "config.json").write_text(json.dumps(config))
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("size", [2, 3])
def test_every_strategy_makes_the_updates_of_one_process(model: Path, tmp_path: Path, size: int) -> None:
    require_alike(
        by_one(model, tmp_path / "one", EVERY_WAY), by_several(model, tmp_path / "all", EVERY_WAY, size), size
    )


@pytest.mark.slow
def test_a_calibrated_head_is_the_first_ones(model: Path, tmp_path: Path) -> None:
    """L-BFGS ends where its step is small, which rounding moves; were the processes' ends two, the run would stop."""
    asked: tuple[Asked, ...] = (("eh_ft:head_calibration=true", "lora", {}),)
    several = by_several(model, tmp_path / "two", asked, 2)
    require_alike(by_one(model, tmp_path / "one", asked), several, 2, tolerance=1e-4)


@pytest.mark.slow
def test_one_process_with_too_little_memory_makes_the_same_updates(model: Path, tmp_path: Path) -> None:
    asked = (("finetune", None, {}),)
    several = by_several(model, tmp_path / "two", asked, 2, others_in=partial(memory_for, 1))
    require_alike(by_one(model, tmp_path / "one", asked), several, 2)


def checkpoints(store: Path) -> list[int]:
    """Return after how many updates the checkpoints of stages were written that are not finished."""
    files = store.glob("*/*/*/checkpoint.json")
    return [int(json.loads(file.read_text())["folder"].removeprefix("checkpoint-")) for file in files]


@pytest.mark.slow
@pytest.mark.parametrize(("begun_by", "ended_by"), [(2, 1), (1, 3)])
def test_a_killed_stage_goes_on_in_another_number_of_processes(
    model: Path, tmp_path: Path, begun_by: int, ended_by: int
) -> None:
    asked: tuple[Asked, ...] = (("fisher_unfreezing", "lora", {"steps": 120}), ("eh_ft", "lora", {"steps": 120}))
    store, output = tmp_path / "killed", tmp_path / "killed.txt"
    processes = (
        [start(train, model, store, asked, 0.0, output=output)]
        if begun_by == 1
        else start_together(train, model, store, asked, 0.0, size=begun_by, output=output)
    )
    end = time.monotonic() + 100
    while not any(step > 40 for step in checkpoints(store)):
        assert time.monotonic() < end
        time.sleep(0.01)
    for process in processes:
        process.kill()
        ended(process)
    assert checkpoints(store)
    by_one(model, store, asked) if ended_by == 1 else by_several(model, store, asked, ended_by)
    whole = by_one(model, tmp_path / "whole", asked)
    for file in whole.rglob("*.safetensors"):
        tensors, others = load_file(file), load_file(store / file.relative_to(whole))
        torch.testing.assert_close(others, tensors, rtol=0, atol=1e-6, msg=str(file))


def diverge(model: Path, store: Path) -> None:
    """Train with a rate at which the loss is infinite soon, then with one at which it is not."""
    choices = [tiny_choices(model, "finetune", learning_rate=rate) for rate in (1e30, 1e-3)]
    runs = [Run(tiny_experiment(each), 0, SOURCE) for each in choices]
    records = SerialExecutor(LocalStore(store)).execute(runs)
    assert [record.status for record in records] == ["diverged", "finished"]


@pytest.mark.slow
def test_all_processes_see_a_loss_that_is_not_finite_and_go_on_with_the_next_run(model: Path, tmp_path: Path) -> None:
    processes = start_together(diverge, model, tmp_path / "store", size=2, output=tmp_path / "said.txt")
    assert [ended(process) for process in processes] == [0, 0], (tmp_path / "0-said.txt").read_text()


def test_a_launchers_script_that_calls_the_library_trains_in_each_process_alone(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run(tiny_experiment(tiny_choices(model, "finetune", steps=3)), 0, SOURCE)
    tensors = {}
    for name in ("without", "with"):
        (record,) = SerialExecutor(LocalStore(tmp_path / name)).execute([run])
        assert [stage.num_processes for stage in record.stages] == [1]
        (head,) = (tmp_path / name).rglob("head.safetensors")
        tensors[name] = load_file(head)
        for variable, value in {"RANK": "0", "LOCAL_RANK": "0", "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2"}.items():
            monkeypatch.setenv(variable, value)
    torch.testing.assert_close(tensors["with"], tensors["without"], rtol=0, atol=0)
    assert os.environ["RANK"] == "0", "a call leaves the environment as it found it"


def test_every_row_is_of_one_process() -> None:
    for num_rows in range(7):
        for size in range(1, 5):
            parts = [list(Ranks(rank, size).part_of(num_rows)) for rank in range(size)]
            assert list(chain.from_iterable(parts)) == list(range(num_rows))
            assert max(map(len, parts)) - min(map(len, parts)) <= 1
