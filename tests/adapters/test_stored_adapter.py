from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from headstart.adapters.lora import Lora
from headstart.adapters.prefix import Prefix
from headstart.adapters.stored_adapter import (
    ADAPTER_FILE,
    ADAPTER_RECORD_FILE,
    StoredAdapter,
    read_adapter,
    write_adapter,
)
from headstart.errors import CheckpointError, UsageError
from headstart.registry import Spec
from tests.adapters.architectures import make_classifier


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    tensors = {"encoder.layer.0.a": torch.arange(6.0).view(2, 3), "encoder.layer.1.a": torch.ones(2)}
    write_adapter(StoredAdapter(spec=Spec.parse("lora:rank=2:alpha=0.5"), tensors=tensors), tmp_path / "adapter")
    return tmp_path / "adapter"


def test_what_is_written_is_read_again(folder: Path) -> None:
    stored = read_adapter(folder)
    assert stored.spec == Spec.parse("lora:rank=2:alpha=0.5")
    assert torch.equal(stored.tensors["encoder.layer.0.a"], torch.arange(6.0).view(2, 3))
    record = json.loads((folder / ADAPTER_RECORD_FILE).read_text())
    assert record["shapes"] == {"encoder.layer.0.a": [2, 3], "encoder.layer.1.a": [2]}


def test_a_folder_without_an_adapter_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds no adapter"):
        read_adapter(tmp_path)


def test_a_newer_one_is_refused(folder: Path) -> None:
    change(folder, {"schema_version": 2})
    with pytest.raises(UsageError, match="newer headstart"):
        read_adapter(folder)


@pytest.mark.parametrize(
    "values", [{"adapter": None}, {"adapter": ""}, {"shapes": 3}, {"shapes": {}}, {"schema_version": "1"}]
)
def test_a_damaged_record_is_named(folder: Path, values: dict[str, object]) -> None:
    change(folder, values)
    with pytest.raises(CheckpointError, match="adapter"):
        read_adapter(folder)


@pytest.mark.parametrize("fault", ["missing", "torn", "of another shape", "a pipe"])
def test_damaged_tensors_are_named(folder: Path, fault: str) -> None:
    path = folder / ADAPTER_FILE
    if fault == "missing":
        path.unlink()
    elif fault == "a pipe":
        path.unlink()
        os.mkfifo(path)
    elif fault == "torn":
        path.write_bytes(path.read_bytes()[:40])
    else:
        save_file({name: tensor[:1].clone() for name, tensor in load_file(path).items()}, path)
    with pytest.raises(CheckpointError, match=ADAPTER_FILE):
        read_adapter(folder)


def test_another_kind_or_other_options_are_refused(tmp_path: Path) -> None:
    Prefix(num_tokens=3).attach(make_classifier("bert"), seed=0).save(tmp_path)
    for adapter in (Prefix(num_tokens=4), Lora()):
        with pytest.raises(UsageError, match="'prefix:num_tokens=3', but"):
            adapter.attach(make_classifier("bert"), seed=0).load(tmp_path)


def test_another_backbone_is_refused_with_names(tmp_path: Path) -> None:
    Prefix(num_tokens=3).attach(make_classifier("bert"), seed=0).save(tmp_path)
    with pytest.raises(CheckpointError, match=r"another backbone: .*prefix_key"):
        Prefix(num_tokens=3).attach(make_classifier("mpnet"), seed=0).load(tmp_path)


def change(folder: Path, values: dict[str, object]) -> None:
    path = folder / ADAPTER_RECORD_FILE
    path.write_text(json.dumps(json.loads(path.read_text()) | values))
