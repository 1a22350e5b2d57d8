"""`pretrain_head` on images and sounds: processed inputs go through the same engine as texts."""

from __future__ import annotations

import pytest
import torch
from transformers import PreTrainedModel

import headstart as hs
from headstart.models.heads import architecture_head
from tests.adapters.architectures import OTHER_MODELS, make_classifier
from tests.matrix.cells import toy_rows

NUM_ROWS = 32


def accuracy(model: PreTrainedModel, architecture: str) -> float:
    rows = toy_rows(architecture, NUM_ROWS)
    name = next(iter(rows[0]))
    with torch.no_grad():
        logits = model.eval()(**{name: torch.stack([row[name] for row in rows])}).logits
    return float((logits.argmax(dim=-1) == torch.tensor([row["labels"] for row in rows])).float().mean())


@pytest.mark.parametrize("architecture", OTHER_MODELS)
@pytest.mark.parametrize("adapter", ["lora", "prefix", "bottleneck", None])
def test_the_head_learns_and_the_backbone_is_restored(architecture: str, adapter: str | None) -> None:
    model = make_classifier(architecture, attention="eager").model
    head = set(architecture_head(model))
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    record = hs.pretrain_head(
        model, toy_rows(architecture, NUM_ROWS), adapter=adapter, steps=120, batch_size=8, learning_rate=0.02
    )
    after = model.state_dict()
    assert {name for name in after if not torch.equal(after[name], before[name])} == head
    assert record.start_loss is not None
    assert record.end_loss is not None
    assert record.end_loss < 0.5 * record.start_loss
    assert record.num_examples_seen == 120 * 8


@pytest.mark.parametrize("architecture", OTHER_MODELS)
def test_a_head_alone_tells_bright_from_dark_and_hum_from_hiss(architecture: str) -> None:
    """LP-FT's first stage reads the untouched backbone's features, so the model itself must now be right."""
    model = make_classifier(architecture, attention="eager").model
    hs.pretrain_head(model, toy_rows(architecture, NUM_ROWS), adapter=None, steps=200, batch_size=8, learning_rate=0.05)
    assert accuracy(model, architecture) >= 0.9


def test_wav2vec2s_projector_is_its_heads() -> None:
    names = architecture_head(make_classifier("wav2vec2", attention="eager").model)
    assert {name.partition(".")[0] for name in names} == {"projector", "classifier"}
