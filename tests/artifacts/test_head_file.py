"""The head alone, held to its record."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

from headstart.artifacts.head_file import (
    HEAD_FILE,
    HEAD_RECORD_FILE,
    HeadRecord,
    read_head,
    read_head_record,
    write_head,
)
from headstart.errors import CheckpointError
from headstart.store.json_records import write_record

TENSORS = {"out.weight": torch.arange(6.0).reshape(2, 3), "out.bias": torch.tensor([0.1, -0.2])}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    sha256 = write_head(TENSORS, tmp_path / HEAD_FILE)
    record = HeadRecord(
        architecture="BertForSequenceClassification",
        model="roberta-base",
        model_revision="e2da8e2",
        head="native",
        strategy="eh_ft(lora)",
        task="glue/rte",
        seed=7,
        labels=("entailment", "not_entailment"),
        tensor_names=tuple(sorted(TENSORS)),
        sha256=sha256,
    )
    write_record(tmp_path / HEAD_RECORD_FILE, record)
    return tmp_path


def test_tensors_come_back_bit_for_bit(folder: Path) -> None:
    head = read_head(folder)
    assert set(head) == set(TENSORS)
    assert all(torch.equal(head[name], tensor) for name, tensor in TENSORS.items())


def test_the_record_comes_back(folder: Path) -> None:
    record = read_head_record(folder)
    assert record.labels == ("entailment", "not_entailment")
    assert record.tensor_names == ("out.bias", "out.weight")
    assert record.seed == 7


def test_another_file_in_its_place_is_noticed(folder: Path) -> None:
    write_head({name: tensor + 1 for name, tensor in TENSORS.items()}, folder / HEAD_FILE)
    with pytest.raises(CheckpointError, match="SHA-256 differs"):
        read_head(folder)


@pytest.mark.parametrize("name", [HEAD_FILE, HEAD_RECORD_FILE])
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(CheckpointError, match=name):
        read_head(folder)


@pytest.mark.parametrize("content", ["{", "[]", '{"labels": []}'])
def test_a_damaged_record_is_named(folder: Path, content: str) -> None:
    (folder / HEAD_RECORD_FILE).write_text(content)
    with pytest.raises(CheckpointError, match=HEAD_RECORD_FILE):
        read_head_record(folder)


def test_a_pipe_in_its_place_does_not_hang(folder: Path) -> None:
    (folder / HEAD_FILE).unlink()
    os.mkfifo(folder / HEAD_FILE)
    with pytest.raises(CheckpointError, match="should be a file, and is a pipe"):
        read_head(folder)
