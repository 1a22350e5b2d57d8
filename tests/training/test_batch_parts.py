"""Where memory does not suffice for a batch, its parts give the same update."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
import torch
from transformers import Trainer

from headstart.experiments.run import run_one
from headstart.kinds.catalogue import KINDS
from headstart.losses import LossConfig
from headstart.store.layout import RunFolder
from headstart.store.record import RunRecord, RunStatus
from headstart.training.batch_parts import BatchParts
from headstart.training.callbacks import Progress
from headstart.training.config import RunOptions
from tests.conftest import CheckpointMaker
from tests.support.runs import data_of, do_run, stage_tensors, tiny_choices, tiny_experiment
from tests.support.stand_in_device import stand_in_gpu

KEPT = RunOptions(keep_backbone=True)
SGD = {"strategy": "dropout", "trainer": ["optim=sgd"], "learning_rate": 0.05, "steps": 3}


@contextmanager
def memory_for(num_rows: int, *, error: Exception | None = None) -> Iterator[list[int]]:
    """Fail after the backward pass of more rows, as a machine with too little memory; yields the rows of each pass."""
    real, seen = Trainer.training_step, list[int]()

    def step(self: Trainer, model: Any, inputs: dict[str, Any], num_items: Any = None) -> torch.Tensor:
        loss = real(self, model, inputs, num_items)
        if len(inputs["labels"]) > num_rows:
            raise error or torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")
        seen.append(len(inputs["labels"]))
        return loss

    with patch.object(Trainer, "training_step", step):
        yield seen


def weights_after(folder: Path, stage: str = "1-finetune") -> dict[str, torch.Tensor]:
    files = ("head.safetensors", "backbone.safetensors")
    return {name: tensor for file in files for name, tensor in stage_tensors(folder, stage, file).items()}


def trained(model: Path, folder: Path, **options: Any) -> RunRecord:
    return do_run(tiny_choices(model, **(SGD | options)), folder, options=KEPT)[1]


@pytest.mark.parametrize(
    "options",
    [
        {"class_weights": "balanced", "batch_size": 5},
        {"trainer": ["optim=sgd", "gradient_accumulation_steps=2"], "batch_size": 5},
    ],
    ids=["classes weigh differently", "several batches an update, the last one of an epoch short"],
)
def test_the_updates_are_the_same(options: dict[str, Any], tiny_checkpoint: CheckpointMaker, tmp_path: Path) -> None:
    model = tiny_checkpoint("bert")
    trained(model, tmp_path / "whole", **options)
    with memory_for(2) as passes:
        record = trained(model, tmp_path / "parts", **options)
    assert max(passes) == 2
    (stage,) = record.stages
    assert stage.batch_parts == 4
    assert any(f"computed in {stage.batch_parts} parts" in warning for warning in record.warnings)
    whole, parts = (weights_after(tmp_path / name) for name in ("whole", "parts"))
    torch.testing.assert_close(parts, whole, rtol=1e-4, atol=1e-6)


def test_it_is_said_once_and_later_stages_begin_with_it(
    tiny_checkpoint: CheckpointMaker, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    options = tiny_choices(tiny_checkpoint("bert"), "eh_ft", "lora", steps=2)
    with memory_for(2), stand_in_gpu(), caplog.at_level(logging.WARNING):
        _, record = do_run(options, tmp_path, options=KEPT)
    assert [stage.batch_parts for stage in record.stages] == [2, 2]
    assert [message for message in caplog.messages if "memory does not suffice" in message] == [
        "stage adapter: memory does not suffice for whole batches; from update 1 on each is computed in 2 parts: the "
        "same updates, with more passes"
    ]


def test_a_killed_stage_goes_on_in_parts(tiny_checkpoint: CheckpointMaker, tmp_path: Path) -> None:
    data = data_of(tiny_experiment(tiny_choices(tiny_checkpoint("bert"), "finetune", steps=3)))
    options = RunOptions(keep_backbone=True, checkpoint_seconds=0.0)

    def kill(progress: Progress) -> None:
        if progress.step == 2:
            raise KeyboardInterrupt

    with memory_for(2):
        run_one(data, RunFolder(tmp_path / "one"), options)
        with pytest.raises(KeyboardInterrupt):
            run_one(data, RunFolder(tmp_path / "killed"), options, kill)
    record = run_one(data, RunFolder(tmp_path / "killed"), options)
    assert record.status is RunStatus.FINISHED
    assert record.stages[0].batch_parts == 2
    one, killed = (weights_after(tmp_path / name) for name in ("one", "killed"))
    assert all(torch.equal(one[name], killed[name]) for name in one)


@pytest.mark.parametrize("error", [torch.OutOfMemoryError("no room"), MemoryError(), RuntimeError("another fault")])
def test_what_no_smaller_part_helps_is_raised(
    error: Exception, tiny_checkpoint: CheckpointMaker, tmp_path: Path
) -> None:
    with memory_for(0, error=error) as passes, pytest.raises(type(error)):
        trained(tiny_checkpoint("bert"), tmp_path)
    assert passes == []


def test_rows_that_are_compared_stay_together() -> None:
    parts = BatchParts(may_split=False)
    assert not parts.double({"labels": torch.arange(8)})
    assert parts.number == 1


def test_parts_have_whole_rows_and_their_sequences() -> None:
    batch = {
        "input_ids": torch.arange(12).reshape(6, 2),
        "num_sequences": torch.tensor([2, 1, 3]),
        "labels": torch.tensor([0, 0, 2]),
        "weights": torch.tensor([1.0, 2.0, 3.0]),
        "temperature": torch.tensor(0.5),
    }
    first, second = BatchParts(2).of(batch)
    assert first["input_ids"].tolist() == [[0, 1], [2, 3], [4, 5]]
    assert (first["num_sequences"].tolist(), first["labels"].tolist()) == ([2, 1], [0, 0])
    assert second["input_ids"].tolist() == [[6, 7], [8, 9], [10, 11]]
    assert (second["weights"].tolist(), second["temperature"].item()) == ([3.0], 0.5)
    assert len(BatchParts(8).of(batch)) == 3, "at most one part for each row"


@pytest.mark.parametrize("class_weights", [(), (1.0, 5.0, 0.25)])
def test_means_of_parts_are_the_mean_of_the_batch(class_weights: tuple[float, ...]) -> None:
    kind, config = KINDS.get("classification"), LossConfig(class_weights=class_weights)
    logits, labels = torch.randn(7, 3, generator=torch.Generator().manual_seed(0)), torch.tensor([0, 1, 2, 1, 0, 2, 2])
    whole = kind.loss(logits, labels, config)
    divisors = [kind.loss_divisor(part, config) for part in labels.split(3)]
    losses = [kind.loss(*each, config) for each in zip(logits.split(3), labels.split(3), strict=True)]
    mean = sum(loss * divisor for loss, divisor in zip(losses, divisors, strict=True)) / sum(divisors)
    torch.testing.assert_close(mean, whole)
