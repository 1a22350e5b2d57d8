"""`pretrain_head` with peft's adapters, and from a saved one."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils.data import Dataset

from headstart.adapters.catalogue import build_adapter
from headstart.adapters.stored_adapter import StoredAdapter, write_adapter
from headstart.errors import UsageError
from headstart.models.loading import classifier_from_model
from headstart.models.parameters import digests
from headstart.pretraining.pretrain_head import pretrain_head
from headstart.registry import Spec
from tests.support.tiny import make_model


class Rows(Dataset[dict[str, Any]]):
    def __len__(self) -> int:
        return 12

    def __getitem__(self, row: int) -> dict[str, Any]:
        return {"input_ids": torch.arange(6) + 5 + row, "labels": row % 2}


@pytest.mark.parametrize("adapter", ["dora:r=2", "ia3", "prompt:num_tokens=2", "peft:LOHA:r=2"])
def test_the_head_is_trained_and_the_model_is_plain_again(adapter: str) -> None:
    model = make_model("bert")
    plain = copy.deepcopy(model)
    record = pretrain_head(model, Rows(), adapter=adapter, steps=3, batch_size=4, precision="fp32")
    assert record.moved["adapter"] > 0
    assert set(model.state_dict()) == set(plain.state_dict())
    different = {
        name for name, tensor in model.state_dict().items() if not torch.equal(tensor, plain.state_dict()[name])
    }
    assert different == {"classifier.weight", "classifier.bias"}


def test_it_starts_from_a_saved_adapter(tmp_path: Path) -> None:
    attached = build_adapter(Spec.parse("lora:rank=2")).attach(classifier_from_model(make_model("bert")), seed=0)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for tensor in attached.adapter_tensors().values():
            tensor.normal_(std=0.1, generator=generator)
    attached.save(tmp_path)
    heads = []
    for adapter_from in (tmp_path, None):
        model = make_model("bert")
        pretrain_head(
            model, Rows(), adapter="lora:rank=2", adapter_from=adapter_from, steps=2, batch_size=4, precision="fp32"
        )
        heads.append(digests(classifier_from_model(model).head_tensors()))
    assert heads[0] != heads[1]
    with pytest.raises(UsageError, match="without an adapter"):
        pretrain_head(make_model("bert"), Rows(), adapter=None, adapter_from=tmp_path, steps=1)
    with pytest.raises(UsageError, match="begins by changing"):
        pretrain_head(make_model("bert"), Rows(), adapter="pissa", adapter_from=tmp_path, steps=1)


def test_another_adapter_than_the_saved_one_is_refused(tmp_path: Path) -> None:
    write_adapter(StoredAdapter(spec=Spec.parse("lora:rank=3"), tensors={}), tmp_path)
    with pytest.raises(UsageError, match="but 'lora"):
        pretrain_head(make_model("bert"), Rows(), adapter="lora:rank=2", adapter_from=tmp_path, steps=1)
