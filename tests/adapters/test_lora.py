from __future__ import annotations

import pytest
import torch
from peft.tuners.lora import LoraLayer
from transformers import GPT2Config, GPT2ForSequenceClassification, XLNetConfig, XLNetForSequenceClassification

from headstart.adapters.lora import Lora
from headstart.models.classifier import Classifier
from headstart.models.loading import classifier_from_model
from tests.support.tiny import HIDDEN_SIZE, INTERMEDIATE_SIZE, NUM_LAYERS, make_model

BERT_ATTENTION = ("attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense")
BERT_REST = ("intermediate.dense", "output.dense")
TARGETS = {
    "bert": ("bert.encoder.layer", BERT_ATTENTION, BERT_REST),
    "roberta": ("roberta.encoder.layer", BERT_ATTENTION, BERT_REST),
    "electra": ("electra.encoder.layer", BERT_ATTENTION, BERT_REST),
    "distilbert": (
        "distilbert.transformer.layer",
        ("attention.q_lin", "attention.k_lin", "attention.v_lin", "attention.out_lin"),
        ("ffn.lin1", "ffn.lin2"),
    ),
    "deberta-v2": (
        "deberta.encoder.layer",
        (
            "attention.self.query_proj",
            "attention.self.key_proj",
            "attention.self.value_proj",
            "attention.output.dense",
        ),
        BERT_REST,
    ),
    "modernbert": ("model.layers", ("attn.Wqkv", "attn.Wo"), ("mlp.Wi", "mlp.Wo")),
}


def targeted(classifier: Classifier, adapter: Lora) -> set[str]:
    model = adapter.attach(classifier, seed=0).model
    return {name for name, module in model.named_modules() if isinstance(module, LoraLayer)}


@pytest.mark.parametrize("architecture", TARGETS)
def test_attention_is_query_key_value_and_output_of_every_layer(architecture: str) -> None:
    layers, attention, _ = TARGETS[architecture]
    expected = {f"{layers}.{layer}.{part}" for layer in range(NUM_LAYERS) for part in attention}
    assert targeted(classifier_from_model(make_model(architecture)), Lora()) == expected


@pytest.mark.parametrize("architecture", TARGETS)
def test_all_linear_is_every_map_of_the_layers_and_never_head_or_embeddings(architecture: str) -> None:
    layers, attention, rest = TARGETS[architecture]
    expected = {f"{layers}.{layer}.{part}" for layer in range(NUM_LAYERS) for part in attention + rest}
    assert targeted(classifier_from_model(make_model(architecture)), Lora(targets="all_linear")) == expected


def test_many_layers_are_still_hit_exactly() -> None:
    # From 20 names on peft shortens a list of targets to common endings.
    gpt2 = GPT2Config(vocab_size=9, n_embd=8, n_layer=24, n_head=2, pad_token_id=0)
    classifier = classifier_from_model(GPT2ForSequenceClassification(gpt2))
    expected = {f"transformer.h.{layer}.attn.{part}" for layer in range(24) for part in ("c_attn", "c_proj")}
    assert targeted(classifier, Lora()) == expected


def test_attention_without_linear_modules_is_refused_with_the_way_out() -> None:
    xlnet = XLNetForSequenceClassification(XLNetConfig(vocab_size=9, d_model=8, n_layer=2, n_head=2, d_inner=8))
    classifier = classifier_from_model(xlnet)
    refusal = Lora().refusal(classifier)
    assert refusal is not None
    assert "lora:targets=all_linear" in refusal
    assert Lora(targets="all_linear").refusal(classifier) is None


def test_rank_and_alpha_mean_what_hu_et_al_say() -> None:
    classifier = classifier_from_model(make_model("bert"))
    attached = Lora(rank=4, alpha=6.0).attach(classifier, seed=0)
    stem = "bert.encoder.layer.0.attention.self.query"
    tensors = attached.adapter_tensors()
    a, b = tensors[f"{stem}.lora_A.default.weight"], tensors[f"{stem}.lora_B.default.weight"]
    assert (tuple(a.shape), tuple(b.shape)) == ((4, HIDDEN_SIZE), (HIDDEN_SIZE, 4))
    assert not b.any()
    # Kaiming uniform with a = sqrt(5) is uniform on +-1/sqrt(fan_in).
    assert a.abs().max().item() <= HIDDEN_SIZE**-0.5
    assert a.std().item() == pytest.approx((HIDDEN_SIZE * 3) ** -0.5, rel=0.2)
    with torch.no_grad():
        b.normal_()
    before = attached.backbone_tensors()[f"{stem}.weight"]
    after = attached.merged_backbone()[f"{stem}.weight"]
    torch.testing.assert_close(after - before, 6.0 / 4 * b @ a, rtol=1e-4, atol=1e-6)


def test_dropout_acts_in_training_only() -> None:
    model = make_model("bert")
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    attached = Lora(dropout=0.5).attach(classifier_from_model(model), seed=0)
    with torch.no_grad():
        for name, parameter in attached.model.named_parameters():
            if "lora_B" in name:
                parameter.normal_()
    inputs = torch.arange(6).unsqueeze(0) + 5
    assert torch.equal(model(inputs).logits, model(inputs).logits)
    attached.model.train()
    assert not torch.equal(model(inputs).logits, model(inputs).logits)


def test_the_number_of_scalars() -> None:
    classifier = classifier_from_model(make_model("bert"))
    attached = Lora(rank=2, targets="all_linear").attach(classifier, seed=0)
    per_layer = 2 * (4 * 2 * HIDDEN_SIZE + 2 * (HIDDEN_SIZE + INTERMEDIATE_SIZE))
    assert sum(tensor.numel() for tensor in attached.adapter_tensors().values()) == NUM_LAYERS * per_layer
