from __future__ import annotations

import math

import pytest
import torch
from transformers import BertConfig, GPT2Config

from headstart.errors import UsageError
from headstart.kinds.catalogue import kind_named
from headstart.kinds.kind import KINDS, Kind
from headstart.models.own_heads import HEADS, FourierKan, FourierKanHead, LinearHead, MlpHead, OwnHead, own_head
from headstart.registry import Spec

OWN = ("linear", "mlp", "fourier_kan")


def head_of(text: str) -> OwnHead:
    design = own_head(Spec.parse(text))
    assert design is not None
    return design


def test_the_heads_by_name() -> None:
    assert HEADS.names() == ("fourier_kan", "linear", "mlp", "native")
    assert own_head(Spec("native")) is None


def test_options_are_set() -> None:
    assert head_of("linear:pooling=mean") == LinearHead(pooling="mean")
    assert head_of("mlp:hidden_size=1024") == MlpHead(hidden_size=1024)
    assert head_of("fourier_kan:grid_size=3:pooling=last") == FourierKanHead(grid_size=3, pooling="last")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("linaer", "did you mean 'linear'"),
        ("native:pooling=mean", "has no options"),
        ("mlp:hiden_size=3", "did you mean 'hidden_size'"),
        ("linear:grid_size=3", "unknown option of head 'linear'"),
        ("mlp:hidden_size=wide", "a whole number"),
        ("mlp:hidden_size=2.5", "a whole number"),
        ("mlp:hidden_size", "a whole number"),
        ("linear:pooling", "a word"),
        ("linear:pooling=men", "Known: auto, first, mean, last"),
        ("mlp:hidden_size=0", "at least 1"),
        ("fourier_kan:grid_size=-1", "at least 1"),
    ],
)
def test_mistakes_are_said(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        own_head(Spec.parse(text))


@pytest.mark.parametrize("name", OWN)
def test_on_a_backbone_nothing_is_left_open_and_all_of_it_can_be_read_back(name: str) -> None:
    for config, pooling in ((BertConfig(), "first"), (GPT2Config(), "last")):
        resolved = head_of(name).on(config)
        assert resolved.options()["pooling"] == pooling
        assert own_head(Spec(name, tuple(resolved.options().items()))) == resolved


def test_the_first_token_of_a_decoder_is_refused() -> None:
    with pytest.raises(UsageError, match="'gpt2'"):
        head_of("mlp:pooling=first").on(GPT2Config())


@pytest.mark.parametrize(
    ("text", "num_logits", "expected"),
    [
        ("linear", 3, 3 * 8 + 3),
        ("mlp", 1, 8 * 2048 + 2048 + 2048 + 1),
        ("mlp:hidden_size=10", 3, 8 * 10 + 10 + 10 * 3 + 3),
        ("fourier_kan", 3, 2 * 3 * 8 * 5 + 3),
        ("fourier_kan:grid_size=2", 1, 2 * 1 * 8 * 2 + 1),
    ],
)
def test_sizes(text: str, num_logits: int, expected: int) -> None:
    module = head_of(text).build(8, num_logits)
    assert sum(parameter.numel() for parameter in module.parameters()) == expected
    assert module(torch.randn(2, 8)).shape == (2, num_logits)


@pytest.mark.parametrize("kind", [KINDS.get(name) for name in KINDS], ids=str)
@pytest.mark.parametrize("name", OWN)
def test_only_the_paper_head_has_one_logit_for_two_classes(name: str, kind: Kind) -> None:
    for num_labels in (2, 3) if kind.has_classes else (0,):
        expected = num_labels if kind.has_classes else 1
        if name == "mlp" and kind is kind_named("classification") and num_labels == 2:
            expected = 1
        assert head_of(name).num_logits(kind, num_labels) == expected


def test_a_fourier_head_is_the_sum_of_its_series() -> None:
    torch.manual_seed(0)
    head = FourierKan(input_size=4, num_logits=3, grid_size=2)
    torch.nn.init.normal_(head.bias)
    features = torch.randn(5, 4)
    a, b = head.coefficients.detach()
    for row, row_logits in zip(features, head(features), strict=True):
        for logit in range(3):
            total = head.bias[logit].item()
            for feature in range(4):
                for place, frequency in enumerate((1, 2)):
                    angle = frequency * row[feature].item()
                    total += a[logit, feature, place].item() * math.cos(angle)
                    total += b[logit, feature, place].item() * math.sin(angle)
            assert row_logits[logit].item() == pytest.approx(total, abs=1e-5)


def test_a_fourier_head_starts_with_logits_of_unit_variance() -> None:
    torch.manual_seed(0)
    head = FourierKan(input_size=64, num_logits=200, grid_size=5)
    assert not head.bias.any()
    assert head.coefficients.std().item() == pytest.approx((64 * 5) ** -0.5, rel=0.02)
    logits = head(torch.randn(50, 64) * 3)
    # Each pair a cos + b sin has variance (cos^2 + sin^2) / (d g).
    assert logits.var().item() == pytest.approx(1, rel=0.1)


def test_high_angles_are_right_in_low_precision_too() -> None:
    torch.manual_seed(0)
    head = FourierKan(input_size=16, num_logits=4, grid_size=300)
    features = torch.randn(8, 16).bfloat16()
    with torch.autocast("cpu", torch.bfloat16):
        low = head(features)
    # What remains is the rounding of sines and coefficients: angles rounded to 8 bits would give nonsense.
    torch.testing.assert_close(low.float(), head(features.float()), atol=0.05, rtol=0)


def test_a_linear_head_is_drawn_as_bert_draws_it() -> None:
    torch.manual_seed(0)
    design = LinearHead()
    module = design.build(256, 50)
    design.draw(module)
    assert module.weight.std().item() == pytest.approx(0.02, rel=0.03)
    assert not module.bias.any()
