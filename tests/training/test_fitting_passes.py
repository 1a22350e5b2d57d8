"""Batches go through the model in as few parts as fit into memory, found before the first update."""

from __future__ import annotations

import functools
import logging
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
import torch
from torch import nn
from transformers import BertForSequenceClassification

from headstart.errors import UsageError
from headstart.experiments.options import BY_MEMORY, TrainingOptions
from headstart.experiments.planning import run_options
from headstart.experiments.recipes import DEFAULT
from headstart.experiments.run import run_one
from headstart.option import read_options
from headstart.store.layout import RunFolder
from headstart.store.record import RunRecord
from headstart.training import fitting_passes
from headstart.training.available_memory import available_memory
from headstart.training.callbacks import Progress
from headstart.training.config import RunOptions
from headstart.training.fitting_passes import LongestBatch, Passes
from tests.conftest import CheckpointMaker
from tests.support.processes import ended, start
from tests.support.runs import data_of, do_run, stage_tensors, tiny_choices, tiny_experiment
from tests.support.stand_in_device import stand_in_gpu

PLAIN, FITTING = RunOptions(keep_backbone=True), RunOptions(keep_backbone=True, fits_memory=True)
SGD = {"trainer": ["optim=sgd"], "learning_rate": 0.05, "steps": 3}


@contextmanager
def memory_for(num_rows: int, *, when_recomputing: int | None = None) -> Iterator[list[int]]:
    """Let a forward pass of more rows with gradients fail, as on a GPU that is too small; yields the rows of each.

    With gradient checkpointing `when_recomputing` rows fit.
    """
    real, seen = BertForSequenceClassification.forward, list[int]()

    @functools.wraps(real)
    def forward(self: BertForSequenceClassification, *arguments: Any, **inputs: Any) -> Any:
        most = when_recomputing or num_rows if self.is_gradient_checkpointing else num_rows
        if torch.is_grad_enabled():
            if len(inputs["input_ids"]) > most:
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")
            seen.append(len(inputs["input_ids"]))
        return real(self, *arguments, **inputs)

    with patch.object(BertForSequenceClassification, "forward", forward):
        yield seen


def weights_after(folder: Path, stage: str = "1-finetune") -> dict[str, torch.Tensor]:
    files = ("head.safetensors", "backbone.safetensors")
    return {name: tensor for file in files for name, tensor in stage_tensors(folder, stage, file).items()}


def trained(model: Path, folder: Path, may: RunOptions, strategy: str = "dropout", **options: Any) -> RunRecord:
    return do_run(tiny_choices(model, strategy, **(SGD | options)), folder, options=may)[1]


def test_parts_are_found_before_the_first_update_and_the_updates_are_the_same(
    tiny_checkpoint: CheckpointMaker, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    model = tiny_checkpoint("bert")
    trained(model, tmp_path / "whole", PLAIN, batch_size=5)
    with memory_for(2) as passes, stand_in_gpu(), caplog.at_level(logging.WARNING):
        record = trained(model, tmp_path / "parts", FITTING, batch_size=5)
    (stage,) = record.stages
    assert (stage.batch_parts, stage.gradient_checkpointing) == (4, False)
    assert passes == [2, 1, 1, 1] * (1 + 3), "one update is tried, and none is done twice"
    assert [message for message in caplog.messages if "memory" in message] == [
        "stage finetune: so that memory suffices, each batch is computed in 4 parts: the same updates, with more passes"
    ]
    assert any("computed in 4 parts" in warning for warning in record.warnings)
    whole, parts = (weights_after(tmp_path / name) for name in ("whole", "parts"))
    torch.testing.assert_close(parts, whole, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("on_gpu", [True, False])
def test_where_all_fits_the_run_is_the_same_bit_for_bit(
    on_gpu: bool, tiny_checkpoint: CheckpointMaker, tmp_path: Path
) -> None:
    """The trial draws dropout and computes gradients, and nothing of it is left."""
    with stand_in_gpu() if on_gpu else memory_for(99):
        for name, may in (("plain", PLAIN), ("fitting", FITTING)):
            record = trained(tiny_checkpoint("bert"), tmp_path / name, may, "finetune", trainer=(), steps=2)
    assert record.stages[0].batch_parts == 1
    plain, fitting = (weights_after(tmp_path / name) for name in ("plain", "fitting"))
    assert all(torch.equal(plain[name], fitting[name]) for name in plain)


@pytest.mark.slow
def test_activations_are_recomputed_where_no_single_row_fits_otherwise(
    tiny_checkpoint: CheckpointMaker, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    model = tiny_checkpoint("bert")
    trained(model, tmp_path / "plain", PLAIN)
    with memory_for(0, when_recomputing=2), stand_in_gpu(), caplog.at_level(logging.WARNING):
        record = trained(model, tmp_path / "fitting", FITTING)
    assert (record.stages[0].batch_parts, record.stages[0].gradient_checkpointing) == (2, True)
    assert "in 2 parts, with gradient checkpointing" in caplog.text
    plain, fitting = (weights_after(tmp_path / name) for name in ("plain", "fitting"))
    torch.testing.assert_close(fitting, plain, rtol=1e-4, atol=1e-6)


@pytest.mark.slow
def test_a_killed_stage_goes_on_as_it_began_though_memory_is_there_now(
    tiny_checkpoint: CheckpointMaker, tmp_path: Path
) -> None:
    with stand_in_gpu():
        data = data_of(tiny_experiment(tiny_choices(tiny_checkpoint("bert"), "finetune", steps=3)))
        may = RunOptions(keep_backbone=True, checkpoint_seconds=0.0, fits_memory=True)

        def kill(progress: Progress) -> None:
            if progress.step == 2:
                raise KeyboardInterrupt

        with memory_for(2):
            run_one(data, RunFolder(tmp_path / "one"), may)
            with pytest.raises(KeyboardInterrupt):
                run_one(data, RunFolder(tmp_path / "killed"), may, kill)
        record = run_one(data, RunFolder(tmp_path / "killed"), may)
    assert record.stages[0].batch_parts == 2
    one, killed = (weights_after(tmp_path / name) for name in ("one", "killed"))
    assert all(torch.equal(one[name], killed[name]) for name in one)


@pytest.mark.slow
@pytest.mark.parametrize("value", ["true", "false"])
def test_what_trainer_says_of_gradient_checkpointing_stays(
    value: str, tiny_checkpoint: CheckpointMaker, tmp_path: Path
) -> None:
    with memory_for(1, when_recomputing=4), stand_in_gpu():
        given = ["optim=sgd", f"gradient_checkpointing={value}"]
        record = trained(tiny_checkpoint("bert"), tmp_path, FITTING, trainer=given)
    parts, recomputes = (1, True) if value == "true" else (4, False)
    assert (record.stages[0].batch_parts, record.stages[0].gradient_checkpointing) == (parts, recomputes)


def test_other_errors_of_a_trial_are_raised(tiny_checkpoint: CheckpointMaker, tmp_path: Path) -> None:
    broken = patch.object(fitting_passes.LongestBatch, "num_trained", property(lambda _: -1))
    with stand_in_gpu(), broken, pytest.raises(RuntimeError, match="negative dimension"):
        trained(tiny_checkpoint("bert"), tmp_path, FITTING)


def batch_of_a_network(width: int, num_rows: int) -> LongestBatch:
    network = nn.Sequential(nn.Linear(8, width), nn.Tanh(), nn.Linear(width, 2))
    rows = {"input": torch.ones(num_rows, 8), "labels": torch.zeros(num_rows, dtype=torch.long)}
    return LongestBatch(
        model=network, rows=rows, loss=lambda part: network(part["input"]).sum(), num_layers=1, device="cpu"
    )


def test_what_a_row_keeps_is_counted() -> None:
    """The first map keeps its 8 inputs (a view of the batch: all 4 rows), tanh and the second map the same 16."""
    assert batch_of_a_network(16, 4).kept_of_a_row == 4 * (4 * 8 + 16)


@pytest.mark.parametrize(("left", "parts"), [(10**6, 1), (16 * 178 + 2 * 576, 2), (16 * 178 + 576, 4), (0, 4)])
def test_a_cpu_takes_what_the_estimate_says(left: int, parts: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """178 trained numbers of 16 bytes, and for each row three times the 192 bytes that its one layer keeps."""
    monkeypatch.setattr(fitting_passes, "available_memory", lambda: left)
    monkeypatch.setattr(fitting_passes, "USABLE", 1.0)
    assert fitting_passes._found(batch_of_a_network(16, 4), (False,)).parts == parts


def find_passes_under_a_limit() -> None:
    """Leave this process 250 MB beside gradients and optimiser for a batch that keeps 128 MB, and do it in parts."""
    assert batch_of_a_network(16, 4).fits_when_tried(Passes())  # The threads of a first backward pass take addresses.
    batch = batch_of_a_network(500_000, 64)
    most = batch.num_trained * fitting_passes.BYTES_PER_TRAINED + 250 * 10**6
    lines = Path("/proc/self/status").read_text().splitlines()
    taken = 1024 * next(int(line.split()[1]) for line in lines if line.startswith("VmSize:"))
    resource.setrlimit(resource.RLIMIT_AS, (taken + most, resource.RLIM_INFINITY))
    left = available_memory()
    assert left is not None
    assert left <= most
    found = fitting_passes._found(batch, (False,))
    assert found == Passes(parts=2), (found, left, available_memory())
    assert batch.fits_when_tried(found)
    assert not batch.fits_when_tried(Passes())


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux says what a process has")
def test_what_is_estimated_to_fit_under_a_process_limit_fits(tmp_path: Path) -> None:
    process = start(find_passes_under_a_limit, output=tmp_path / "output.txt")
    assert ended(process) == 0, (tmp_path / "output.txt").read_text()


def test_the_option_keeps_the_rows_of_an_update_and_the_digest(tiny_checkpoint: CheckpointMaker) -> None:
    model = tiny_checkpoint("bert")
    plain, fitting = (tiny_choices(model, "finetune", batch_size=each) for each in (None, BY_MEMORY))
    experiment = tiny_experiment(fitting)
    assert experiment.training.batch_size == DEFAULT.batch_size
    assert experiment.digest == tiny_experiment(plain).digest
    found = [
        run_options(each.training, experiment.plan, keep_backbone=False, diagnostics=False).fits_memory
        for each in (plain, fitting)
    ]
    assert found == [False, True]


@pytest.mark.parametrize("value", ["0", "many", "-1"])
def test_other_batch_sizes_are_refused(value: str) -> None:
    with pytest.raises(UsageError, match="`batch_size` was given as"):
        read_options(TrainingOptions, {"batch_size": value})


def test_private_training_has_neither() -> None:
    given = {"batch_size": BY_MEMORY, "frozen_precision": "checkpoint", "dp": "epsilon=8,delta=1e-5"}
    with pytest.raises(UsageError, match="`batch_size` and `frozen_precision` would have no effect: private"):
        read_options(TrainingOptions, given)
