from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from transformers import AutoConfig

from headstart.errors import UsageError
from headstart.models.pooling import Pooling, check_pooling, compare_spans, default_pooling, mean_over, pool

LENGTHS = (5, 1, 3)
NUM_TOKENS, HIDDEN_SIZE = 5, 4
BY_HAND: dict[Pooling, Callable[[torch.Tensor], torch.Tensor]] = {
    Pooling.FIRST: lambda tokens: tokens[0],
    Pooling.MEAN: lambda tokens: sum(tokens, torch.zeros(HIDDEN_SIZE)) / len(tokens),
    Pooling.LAST: lambda tokens: tokens[-1],
    Pooling.MAX: lambda tokens: torch.stack([max(column) for column in tokens.unbind(dim=1)]),
    Pooling.WEIGHTED_MEAN: lambda tokens: (
        sum(((place + 1) * token for place, token in enumerate(tokens)), torch.zeros(HIDDEN_SIZE))
        / sum(range(1, len(tokens) + 1))
    ),
    Pooling.MEAN_SQRT: lambda tokens: sum(tokens, torch.zeros(HIDDEN_SIZE)) / len(tokens) ** 0.5,
}


def padded(side: str) -> tuple[torch.Tensor, torch.Tensor, list[torch.Tensor]]:
    """Return padded vectors with infinities as padding, the mask, and each text's own vectors."""
    torch.manual_seed(0)
    texts = [torch.randn(length, HIDDEN_SIZE) for length in LENGTHS]
    hidden = torch.full((len(texts), NUM_TOKENS, HIDDEN_SIZE), torch.inf)
    mask = torch.zeros(len(texts), NUM_TOKENS, dtype=torch.long)
    for row, text in enumerate(texts):
        places = slice(0, len(text)) if side == "right" else slice(NUM_TOKENS - len(text), NUM_TOKENS)
        hidden[row, places], mask[row, places] = text, 1
    return hidden, mask, texts


@pytest.mark.parametrize("side", ["right", "left"])
@pytest.mark.parametrize("pooling", Pooling)
def test_padding_on_either_side_does_not_count(pooling: Pooling, side: str) -> None:
    hidden, mask, texts = padded(side)
    expected = torch.stack([BY_HAND[pooling](text) for text in texts])
    torch.testing.assert_close(pool(hidden, mask, pooling), expected)


@pytest.mark.parametrize("pooling", Pooling)
def test_without_a_mask_every_position_is_text(pooling: Pooling) -> None:
    hidden = torch.randn(2, 3, HIDDEN_SIZE)
    expected = torch.stack([BY_HAND[pooling](text) for text in hidden])
    torch.testing.assert_close(pool(hidden, None, pooling), expected)


@pytest.mark.parametrize("side", ["right", "left"])
@pytest.mark.parametrize("pooling", Pooling)
def test_padding_gets_no_gradient(pooling: Pooling, side: str) -> None:
    hidden, mask, _ = padded(side)
    hidden.requires_grad_()
    pool(hidden, mask, pooling).sum().backward()
    assert hidden.grad is not None
    assert not hidden.grad[mask == 0].any()
    assert hidden.grad[mask == 1].any()


def test_nothing_chosen_is_zero() -> None:
    assert torch.equal(mean_over(torch.ones(1, 2, 3), torch.zeros(1, 2)), torch.zeros(1, 3))


def test_spans_are_compared_as_the_formula_says() -> None:
    torch.manual_seed(1)
    hidden = torch.randn(2, 6, HIDDEN_SIZE)
    spans = torch.tensor([[1, 3, 4, 5], [0, 1, 0, 6]])
    first = torch.stack([(hidden[0, 1] + hidden[0, 2]) / 2, hidden[1, 0]])
    second = torch.stack([hidden[0, 4], hidden[1].mean(dim=0)])
    expected = torch.cat([first, second, (first - second).abs(), first * second], dim=1)
    torch.testing.assert_close(compare_spans(hidden, spans), expected)


@pytest.mark.parametrize(
    ("model_type", "expected"),
    [
        ("bert", "first"),
        ("roberta", "first"),
        ("electra", "first"),
        ("deberta-v2", "first"),
        ("modernbert", "first"),
        ("albert", "first"),
        ("mpnet", "first"),
        ("gpt2", "last"),
        ("llama", "last"),
        ("qwen3", "last"),
        ("xlnet", "last"),
        ("bart", "mean"),
        ("t5", "mean"),
    ],
)
def test_the_default_is_what_the_architecture_s_vectors_are_made_for(model_type: str, expected: str) -> None:
    assert default_pooling(AutoConfig.for_model(model_type)) == expected


@pytest.mark.parametrize("model_type", ["gpt2", "llama", "qwen3", "xlnet"])
def test_the_first_token_of_what_is_read_from_left_to_right_is_refused(model_type: str) -> None:
    config = AutoConfig.for_model(model_type)
    with pytest.raises(UsageError, match="does not stand for the text"):
        check_pooling(Pooling.FIRST, config)
    check_pooling(Pooling.MEAN, config)
    check_pooling(Pooling.LAST, config)


@pytest.mark.parametrize("model_type", ["bert", "bart", "t5"])
def test_encoders_allow_every_pooling(model_type: str) -> None:
    for pooling in Pooling:
        check_pooling(pooling, AutoConfig.for_model(model_type))


@pytest.mark.parametrize(("architecture", "opened"), [("gemma3_text", True), ("gemma4_text", "all")])
def test_a_decoder_that_was_opened_is_made_for_the_mean(architecture: str, opened: object) -> None:
    """As in embedding models made of a decoder: every token sees the whole text."""
    config = AutoConfig.for_model(architecture, use_bidirectional_attention=opened)
    assert default_pooling(config) is Pooling.MEAN
    for pooling in Pooling:
        check_pooling(pooling, config)
