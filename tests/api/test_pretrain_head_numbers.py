"""`pretrain_head` on numbers: learned in standard units, answered in their own."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from transformers import PreTrainedModel

import headstart as hs
from headstart.errors import UsageError
from tests.support.runs import tiny_rows
from tests.support.tiny import make_model, make_tokenizer

OFFSET, SIZE = 250_000.0, 10_000.0


def dataset(offset: float = OFFSET, size: float = SIZE) -> list[dict[str, Any]]:
    tokenizer = make_tokenizer("bert")
    return [
        dict(tokenizer(text, padding="max_length", max_length=16))
        | {"labels": offset + size * (label + 0.1 * (row % 3))}
        for row, (text, label) in enumerate(tiny_rows(24))
    ]


def make(num_labels: int = 1) -> PreTrainedModel:
    model = make_model("bert", num_labels=num_labels)
    model.config.problem_type = "regression"
    return model


def answers(model: nn.Module, rows: list[dict[str, Any]]) -> np.ndarray:
    inputs = {name: torch.tensor([row[name] for row in rows]) for name in rows[0] if name != "labels"}
    with torch.inference_mode():
        found: Any = model.eval()(**inputs)
    return getattr(found, "logits", found).double().squeeze(-1).numpy()


def train(model: nn.Module, rows: list[dict[str, Any]], **options: Any) -> np.ndarray:
    hs.pretrain_head(model, rows, **({"steps": 20, "batch_size": 8, "learning_rate": 3e-3, "adapter": None} | options))
    return answers(model, rows)


def test_numbers_of_any_scale_are_learned_alike_and_answered_in_their_unit() -> None:
    expected = train(make(), dataset(0.0, 1.0))
    for offset, size in ((OFFSET, SIZE), (-2e-6, 1e-6), (3e9, 1e9)):
        np.testing.assert_allclose((train(make(), dataset(offset, size)) - offset) / size, expected, atol=5e-3)


def test_with_an_adapter_and_going_on_from_a_trained_head() -> None:
    """The second training starts where the first ended: with next to no rate it answers what it answered."""
    model, rows = make(), dataset()
    first = train(model, rows, adapter="lora")
    assert np.abs(first - OFFSET).max() < 10 * SIZE
    learned = train(model, rows, steps=60)
    labels = np.array([row["labels"] for row in rows])
    assert np.square(learned - labels).mean() < labels.var()
    np.testing.assert_allclose(train(model, rows, steps=1, learning_rate=1e-6), learned, atol=SIZE / 100)


class Own(nn.Module):
    """A head on a backbone's first token; what makes the number stands before or behind another module."""

    def __init__(self, squash: float | None = None) -> None:
        super().__init__()
        self.encoder = make_model("bert").base_model
        self.last = nn.Linear(32, 1)
        self.first = nn.Linear(32, 32)
        self.squash = squash

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor, **others: torch.Tensor) -> torch.Tensor:
        hidden = self.encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state[:, 0]
        number = self.last(torch.tanh(self.first(hidden)))
        return number if self.squash is None else self.squash * torch.sigmoid(number)


@pytest.mark.parametrize("module", [Own(), Own(squash=3e5)], ids=["another order", "a sigmoid at the end"])
def test_a_head_that_cannot_take_up_the_scale_is_refused_where_it_would_learn_nothing(module: nn.Module) -> None:
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    with pytest.raises(UsageError, match=r"does not end in a linear map[^$]*Train on \(label - 2"):
        train(module, dataset())
    assert all(torch.equal(tensor, before[name]) for name, tensor in module.state_dict().items())


def test_labels_near_standard_units_are_learned_as_they_are_by_any_head() -> None:
    train(Own(squash=2.0), dataset(0.0, 1.0), steps=2)


def test_a_collator_that_changes_labels_keeps_them() -> None:
    rows, seen = dataset(), []

    def collate(batch: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
        values = {name: torch.tensor([row[name] for row in batch]) for name in batch[0]}
        seen.extend(values["labels"].tolist())
        return values | {"labels": (values["labels"] - OFFSET) / SIZE}

    train(make(), rows, data_collator=collate, steps=2)
    assert min(seen) >= OFFSET
