from __future__ import annotations

import pytest
import torch
from transformers import BartConfig, BartForSequenceClassification, T5Config, T5ForSequenceClassification

from headstart.errors import UsageError
from headstart.models.heads import HEADS, architecture_head, check_head, draw_head, find_new_head, head_of_modules
from headstart.registry import Spec
from tests.support.tiny import ARCHITECTURES, make_model


def test_there_are_two_heads() -> None:
    assert HEADS.names() == ("mlp", "native")


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_drawing_changes_the_head_and_nothing_else(architecture: str) -> None:
    model = make_model(architecture)
    head = set(architecture_head(model))
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    draw_head(model, sorted(head), seed=5)
    changed = {name for name, tensor in model.state_dict().items() if not torch.equal(tensor, before[name])}
    assert changed == {name for name in head if name.endswith("weight")}
    biases = [tensor for name, tensor in model.state_dict().items() if name in head and name.endswith("bias")]
    assert not torch.cat(biases).any()


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_drawing_forgets_what_was_there(architecture: str) -> None:
    model, other = make_model(architecture, seed=1), make_model(architecture, seed=2)
    head = architecture_head(model)
    with torch.no_grad():
        for name, parameter in other.named_parameters():
            if name in head:
                parameter.fill_(float("nan"))
    for each in (model, other):
        draw_head(each, head, seed=5)
    assert all(torch.equal(model.state_dict()[name], other.state_dict()[name]) for name in head)


def encoder_decoders() -> list[torch.nn.Module]:
    torch.manual_seed(0)
    sizes = {"vocab_size": 60, "d_model": 16, "pad_token_id": 0}
    bart = BartConfig(
        **sizes,
        encoder_layers=1,
        decoder_layers=1,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=16,
        decoder_ffn_dim=16,
    )
    t5 = T5Config(**sizes, num_layers=1, num_heads=2, d_kv=8, d_ff=16, initializer_factor=0.5)
    return [BartForSequenceClassification(bart), T5ForSequenceClassification(t5)]


@pytest.mark.parametrize("model", encoder_decoders(), ids=["bart", "t5"])
def test_heads_with_a_module_around_them_are_found_and_drawn_by_it(model: torch.nn.Module) -> None:
    head = architecture_head(model)
    assert {name.rpartition(".")[0] for name in head} == {"classification_head.dense", "classification_head.out_proj"}
    built = model.state_dict()["classification_head.dense.weight"].std().item()
    draw_head(model, head, seed=1)
    assert model.state_dict()["classification_head.dense.weight"].std().item() == pytest.approx(built, rel=0.2)


def test_a_module_that_is_new_in_part_is_new_as_a_whole() -> None:
    model = make_model("roberta")
    assert find_new_head(model, ["classifier.out_proj.bias"], []) == (
        "classifier.out_proj.bias",
        "classifier.out_proj.weight",
    )


def test_named_modules_are_the_head() -> None:
    model = make_model("bert")
    names = head_of_modules(model, ["bert.pooler", "classifier"])
    assert names == ("bert.pooler.dense.bias", "bert.pooler.dense.weight", "classifier.bias", "classifier.weight")


@pytest.mark.parametrize("architecture", ["bert", "distilbert"])
def test_a_misspelt_module_gets_a_guess(architecture: str) -> None:
    with pytest.raises(UsageError, match="did you mean 'classifier'"):
        head_of_modules(make_model(architecture), ["clasifier", "classifier"])


def test_a_module_without_tensors_is_no_head() -> None:
    with pytest.raises(UsageError, match="found no head"):
        head_of_modules(make_model("bert"), ["dropout"])


@pytest.mark.parametrize("spec", ["native", "mlp"])
def test_known_heads_pass(spec: str) -> None:
    check_head(Spec.parse(spec))
