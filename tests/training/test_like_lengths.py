"""A batch in parts of like length gives what the whole batch gives."""

from __future__ import annotations

import pytest
import torch
from transformers import AutoModelForSequenceClassification, BertConfig, LlamaConfig, PretrainedConfig

from headstart.training.like_lengths import in_like_lengths

SIZES = {"vocab_size": 20, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}


@pytest.mark.parametrize(
    ("config", "side"), [(BertConfig(**SIZES), "right"), (LlamaConfig(**SIZES, pad_token_id=0), "left")]
)
def test_logits_and_gradients_are_those_of_one_batch(config: PretrainedConfig, side: str) -> None:
    torch.manual_seed(0)
    model = AutoModelForSequenceClassification.from_config(config).eval()
    generator = torch.Generator().manual_seed(0)
    lengths = torch.randint(3, 30, (40,), generator=generator)
    ids = torch.randint(5, 20, (40, 32), generator=generator)
    mask = (torch.arange(32) < lengths[:, None]).long()
    mask = mask if side == "right" else mask.flip(1)
    inputs = {"input_ids": torch.where(mask.bool(), ids, model.config.pad_token_id), "attention_mask": mask}
    widths: list[tuple[int, int]] = []

    def forward(part: dict[str, torch.Tensor]) -> torch.Tensor:
        widths.append(tuple(part["input_ids"].shape))
        return model(**part).logits

    whole = forward(inputs)
    whole.pow(2).sum().backward()
    expected = [p.grad.clone() for p in model.parameters() if p.grad is not None]
    model.zero_grad()
    parts = in_like_lengths(forward, inputs)
    parts.pow(2).sum().backward()
    torch.testing.assert_close(parts, whole, rtol=1e-5, atol=1e-6)
    found = [p.grad for p in model.parameters() if p.grad is not None]
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
    assert [rows for rows, _ in widths[:4]] == [40, 16, 16, 8]
    assert [width for _, width in widths[1:4]] == [int(lengths.sort()[0][at]) for at in (15, 31, 39)]
    assert sorted(widths[4:]) == sorted(widths[1:3]), "all parts but the last are made again for their gradients"


def test_a_part_that_is_made_again_drops_the_same_numbers() -> None:
    torch.manual_seed(0)
    model = AutoModelForSequenceClassification.from_config(BertConfig(**SIZES)).train()
    inputs = {"input_ids": torch.randint(5, 20, (32, 9)), "attention_mask": torch.ones(32, 9, dtype=torch.long)}
    gradients = []
    for together in (lambda: in_like_lengths(lambda part: model(**part).logits, inputs), lambda: _kept(model, inputs)):
        torch.manual_seed(1)
        model.zero_grad()
        together().pow(2).sum().backward()
        gradients.append([p.grad.clone() for p in model.parameters() if p.grad is not None])
    assert all(torch.equal(first, second) for first, second in zip(*gradients, strict=True))


def _kept(model: torch.nn.Module, inputs: dict[str, torch.Tensor]) -> torch.Tensor:
    """Return the logits of two halves with all that their gradients need."""
    halves = [{name: tensor[rows] for name, tensor in inputs.items()} for rows in (slice(16), slice(16, None))]
    return torch.cat([model(**half).logits for half in halves])
