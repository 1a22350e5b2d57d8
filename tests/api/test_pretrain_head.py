"""`pretrain_head` on a model in hand: the head is trained, everything else is as it was."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
import torch
from transformers import PreTrainedModel

import headstart as hs
from headstart.errors import UsageError
from headstart.models.heads import architecture_head
from tests.support.runs import ARCHITECTURES, tiny_rows
from tests.support.tiny import make_model, make_tokenizer


def dataset(architecture: str) -> tuple[list[dict[str, Any]], Any]:
    tokenizer = make_tokenizer(architecture)
    rows = [dict(tokenizer(text)) | {"labels": label, "source": text} for text, label in tiny_rows(20)]
    return rows, tokenizer


def tensors(model: PreTrainedModel) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


@pytest.mark.parametrize("adapter", ["lora", "bitfit", "prefix", "bottleneck", None])
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_only_the_head_changes(architecture: str, adapter: str | None) -> None:
    if (architecture, adapter) == ("modernbert", "bitfit"):
        pytest.skip("ModernBERT has no biases")
    model = make_model(architecture)
    model.train()
    frozen = next(iter(model.parameters()))
    frozen.requires_grad_(False)
    rows, tokenizer = dataset(architecture)
    before, tree = tensors(model), [name for name, _ in model.named_modules()]
    flags = {name: parameter.requires_grad for name, parameter in model.named_parameters()}
    attention = model.config._attn_implementation
    states = torch.random.get_rng_state(), np.random.get_state()[1].copy(), random.getstate()

    record = hs.pretrain_head(model, rows, adapter=adapter, processing_class=tokenizer, steps=6, batch_size=4)

    head = set(architecture_head(model))
    after = tensors(model)
    assert after.keys() == before.keys()
    for name in after:
        assert torch.equal(after[name], before[name]) == (name not in head), name
    assert [name for name, _ in model.named_modules()] == tree
    assert {name: parameter.requires_grad for name, parameter in model.named_parameters()} == flags
    assert all(module.training for module in model.modules())
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())
    assert model.config._attn_implementation == attention
    assert torch.equal(torch.random.get_rng_state(), states[0])
    assert np.array_equal(np.random.get_state()[1], states[1])
    assert random.getstate() == states[2]
    assert record.backbone_restored
    assert record.moved["head"] == len(head)
    assert (record.moved["adapter"] > 0) == (adapter is not None)
    assert (record.num_steps, record.num_examples_seen) == (6, 23 if len(rows) % 4 else 24)


def test_the_same_seed_gives_the_same_head_and_another_seed_another() -> None:
    heads = []
    for seed in (0, 0, 1):
        model = make_model("bert")
        rows, tokenizer = dataset("bert")
        hs.pretrain_head(model, rows, processing_class=tokenizer, steps=3, batch_size=4, seed=seed)
        heads.append(model.classifier.weight.clone())
    assert torch.equal(heads[0], heads[1])
    assert not torch.equal(heads[0], heads[2])


def test_a_datasets_dataset_and_a_named_head() -> None:
    datasets = pytest.importorskip("datasets")
    rows, tokenizer = dataset("roberta")
    model = make_model("roberta")
    before = tensors(model)
    record = hs.pretrain_head(
        model,
        datasets.Dataset.from_list(rows),
        head=["classifier.out_proj"],
        processing_class=tokenizer,
        steps=3,
        batch_size=4,
    )
    changed = {name for name, tensor in tensors(model).items() if not torch.equal(tensor, before[name])}
    assert changed == {"classifier.out_proj.weight", "classifier.out_proj.bias"}
    assert record.moved["head"] == 2


def test_mistakes_are_said() -> None:
    model = make_model("bert")
    rows, tokenizer = dataset("bert")
    with pytest.raises(UsageError, match="no rows"):
        hs.pretrain_head(model, [], processing_class=tokenizer)
    with pytest.raises(UsageError, match="no label"):
        hs.pretrain_head(model, [{"input_ids": [1, 2]}], processing_class=tokenizer)
    with pytest.raises(UsageError, match="did you mean 'lora'"):
        hs.pretrain_head(model, rows, adapter="lroa", processing_class=tokenizer)
    with pytest.raises(UsageError, match="no biases"):
        hs.pretrain_head(make_model("modernbert"), rows, adapter="bitfit", processing_class=tokenizer)
    with pytest.raises(UsageError, match="did you mean 'classifier'"):
        hs.pretrain_head(model, rows, head=["classifer"], processing_class=tokenizer)
