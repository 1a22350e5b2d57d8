from __future__ import annotations

import re
from pathlib import Path

import pytest
from transformers import AlbertConfig, AlbertForSequenceClassification, GPT2Config, GPT2ForSequenceClassification

from headstart.adapters.bitfit import BitFit, bitfit_names
from headstart.adapters.layer_modules import layer_number
from headstart.models.loading import classifier_from_model, load_classifier, load_tokenizer
from headstart.models.source import resolve_model
from headstart.registry import Spec
from tests.adapters.architectures import ALL, LAYERS, make_classifier
from tests.support.other_architectures import make_other_checkpoint
from tests.support.tiny import NUM_LAYERS, make_model

BERT_LAYER = (
    "attention.self.query",
    "attention.self.key",
    "attention.self.value",
    "attention.output.dense",
    "attention.output.LayerNorm",
    "intermediate.dense",
    "output.dense",
    "output.LayerNorm",
)
DISTILBERT_LAYER = (
    "attention.q_lin",
    "attention.k_lin",
    "attention.v_lin",
    "attention.out_lin",
    "sa_layer_norm",
    "ffn.lin1",
    "ffn.lin2",
    "output_layer_norm",
)
DEBERTA_LAYER = tuple(
    part.replace("query", "query_proj").replace("key", "key_proj").replace("value", "value_proj") for part in BERT_LAYER
)


def expected(prefix: str, layers: str, parts: tuple[str, ...], num_layers: int = NUM_LAYERS) -> set[str]:
    """Write the set out: the embeddings' norm is in, the last layer's output norm is out (PAPER.md, section 3)."""
    names = {f"{prefix}.embeddings.LayerNorm.bias"}
    for layer in range(num_layers):
        names |= {f"{prefix}.{layers}.{layer}.{part}.bias" for part in parts}
    return names - {f"{prefix}.{layers}.{num_layers - 1}.{parts[-1]}.bias"}


@pytest.mark.parametrize(
    ("architecture", "names"),
    [
        ("bert", expected("bert", "encoder.layer", BERT_LAYER)),
        ("roberta", expected("roberta", "encoder.layer", BERT_LAYER)),
        ("electra", expected("electra", "encoder.layer", BERT_LAYER)),
        ("distilbert", expected("distilbert", "transformer.layer", DISTILBERT_LAYER)),
        ("deberta-v2", expected("deberta", "encoder.layer", DEBERTA_LAYER)),
    ],
)
def test_the_exact_set(architecture: str, names: set[str]) -> None:
    classifier = classifier_from_model(make_model(architecture))
    assert bitfit_names(classifier) == names
    assert names <= {name for name, _ in classifier.model.named_parameters()}


def test_a_backbone_without_biases_is_refused() -> None:
    refusal = BitFit().refusal(classifier_from_model(make_model("modernbert")))
    assert refusal is not None
    assert "no biases" in refusal


def test_other_layouts_have_their_biases_found() -> None:
    gpt2 = GPT2ForSequenceClassification(GPT2Config(vocab_size=9, n_embd=8, n_layer=2, n_head=2, pad_token_id=0))
    names = bitfit_names(classifier_from_model(gpt2))
    parts = ("ln_1", "ln_2", "attn.c_attn", "attn.c_proj", "mlp.c_fc", "mlp.c_proj")
    assert names == {f"transformer.h.{layer}.{part}.bias" for layer in (0, 1) for part in parts}


def test_shared_layers_count_once() -> None:
    albert = AlbertForSequenceClassification(
        AlbertConfig(
            vocab_size=9,
            hidden_size=8,
            embedding_size=4,
            num_hidden_layers=3,
            num_attention_heads=2,
            intermediate_size=8,
        )
    )
    names = bitfit_names(classifier_from_model(albert))
    assert "albert.embeddings.LayerNorm.bias" in names
    assert not any("pooler" in name for name in names)


@pytest.mark.parametrize("architecture", ALL)
def test_biases_are_all_there_is_and_tables_of_positions_are_none(architecture: str) -> None:
    classifier = make_classifier(architecture)
    names = bitfit_names(classifier)
    parameters = dict(classifier.model.named_parameters())
    in_layers = {name for name in parameters if layer_number(name) is not None}
    assert all(name.rpartition(".")[2].endswith("bias") and parameters[name].ndim < 3 for name in names)
    assert not any(name.endswith(".weight") or name in classifier.head_names for name in names)
    left_out = {name for name in in_layers if "bias" in name.rpartition(".")[2]} - names
    unread = {f"longformer.encoder.layer.{LAYERS - 1}.attention.self.{part}.bias" for part in ("query", "key", "value")}
    assert (unread <= left_out) == (architecture == "longformer")
    left_out -= unread
    assert all(name.endswith(("output.LayerNorm.bias", "output_layer_norm.bias")) for name in left_out)
    assert len(left_out) <= 1


@pytest.mark.parametrize(
    ("head", "num_unread"), [("native", 3), ("linear:pooling=first", 3), ("linear:pooling=mean", 0)]
)
def test_longformer_s_last_local_maps_are_left_out_where_nothing_reads_them(
    head: str, num_unread: int, tmp_path: Path
) -> None:
    """By autograd: they are the biases without a gradient, key biases aside, which cancel in every softmax."""
    source = resolve_model(str(make_other_checkpoint(tmp_path, "longformer")))
    classifier = load_classifier(source, labels=("a", "b"), head=Spec.parse(head), seed=0)
    local = re.compile(r"layer\.1\.attention\.self\.(query|key|value)\.bias$")
    parameters = dict(classifier.model.named_parameters())
    left_out = {name for name in parameters if local.search(name)} - bitfit_names(classifier)
    assert len(left_out) == num_unread
    inputs = load_tokenizer(source)(["the dog runs", "no"], padding=True, return_tensors="pt")
    classifier.model(**inputs).logits[:, 0].sum().backward()
    silent = {name for name, p in parameters.items() if local.search(name) and (p.grad is None or not p.grad.any())}
    assert {name for name in silent if ".key." not in name} == {name for name in left_out if ".key." not in name}


def test_biases_beside_the_linear_maps_are_biases() -> None:
    """DeBERTa's first version and XLNet keep some of theirs as parameters of the attention."""
    deberta, xlnet = (bitfit_names(make_classifier(name)) for name in ("deberta", "xlnet"))
    assert {"q_bias", "v_bias"} <= {name.rpartition(".")[2] for name in deberta}
    assert {"r_w_bias", "r_r_bias", "r_s_bias"} <= {name.rpartition(".")[2] for name in xlnet}


def test_bart_s_norm_of_the_embeddings_is_in() -> None:
    names = bitfit_names(make_classifier("bart"))
    assert {"model.encoder.layernorm_embedding.bias", "model.decoder.layernorm_embedding.bias"} <= names


@pytest.mark.parametrize("architecture", ["llama", "qwen3", "t5"])
def test_other_backbones_without_biases_are_refused_too(architecture: str) -> None:
    assert BitFit().refusal(make_classifier(architecture)) is not None
