"""A backbone read from its files is the one that loading gives, whatever the files call its tensors."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from headstart.models.checkpoint_tensors import CheckpointTensors
from headstart.models.classifier import Classifier
from headstart.models.loading import load_classifier
from headstart.models.parameters import digests
from headstart.models.source import ModelSource, resolve_model
from headstart.registry import Spec
from tests.conftest import CheckpointMaker
from tests.support.runs import ARCHITECTURES


def loaded(source: ModelSource, head: str) -> Classifier:
    return load_classifier(source, labels=("bad", "good"), head=Spec(head), seed=0)


@pytest.mark.parametrize("head", ["native", "mlp"])
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_tensor_is_found(architecture: str, head: str, tiny_checkpoint: CheckpointMaker) -> None:
    source = resolve_model(str(tiny_checkpoint(architecture)))
    backbone = loaded(source, head).backbone_tensors()
    read = CheckpointTensors(source, digests(backbone))
    assert list(read) == list(backbone)
    assert all(torch.equal(read[name], tensor) for name, tensor in backbone.items())


def test_shards_and_half_precision_are_read(tiny_checkpoint: CheckpointMaker, tmp_path: Path) -> None:
    original = tiny_checkpoint("bert")
    for file in original.iterdir():
        if file.suffix != ".safetensors":
            (tmp_path / file.name).write_bytes(file.read_bytes())
    tensors = {name: tensor.half() for name, tensor in load_file(original / "model.safetensors").items()}
    names = sorted(tensors)
    shards = {"model-1.safetensors": names[::2], "model-2.safetensors": names[1::2]}
    for file_name, part in shards.items():
        save_file({name: tensors[name] for name in part}, tmp_path / file_name, {"format": "pt"})
    index = {"metadata": {}, "weight_map": {name: file for file, part in shards.items() for name in part}}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))
    source = resolve_model(str(tmp_path))
    backbone = loaded(source, "native").backbone_tensors()
    read = CheckpointTensors(source, digests(backbone))
    assert all(torch.equal(read[name], tensor) for name, tensor in backbone.items())


def test_what_is_not_in_the_files_as_it_was_loaded_is_not_made_up(tiny_checkpoint: CheckpointMaker) -> None:
    source = resolve_model(str(tiny_checkpoint("bert")))
    backbone = loaded(source, "native").backbone_tensors()
    name = next(iter(backbone))
    read = CheckpointTensors(source, digests(backbone | {name: backbone[name] + 1}))
    with pytest.raises(KeyError):
        read[name]
