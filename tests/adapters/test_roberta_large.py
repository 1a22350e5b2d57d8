"""The paper's counts at RoBERTa-large's shape (PAPER.md section 3), on the meta device: no weights are made."""

from __future__ import annotations

import pytest
import torch
from transformers import RobertaConfig, RobertaForSequenceClassification

from headstart.adapters.catalogue import build_adapter
from headstart.models.classifier import Classifier, HeadstartConfig, HeadstartForSequenceClassification
from headstart.models.loading import classifier_from_model
from headstart.models.parameters import count
from headstart.registry import Spec

LARGE = RobertaConfig(
    vocab_size=50265,
    hidden_size=1024,
    num_hidden_layers=24,
    num_attention_heads=16,
    intermediate_size=4096,
    max_position_embeddings=514,
    type_vocab_size=1,
)


def roberta_large(head: str, num_logits: int = 1) -> Classifier:
    with torch.device("meta"):
        if head == "native":
            return classifier_from_model(RobertaForSequenceClassification(LARGE))
        config = HeadstartConfig(backbone_config=LARGE.to_dict(), num_logits=num_logits)
        return classifier_from_model(HeadstartForSequenceClassification(config))


@pytest.mark.parametrize("head", ["native", "mlp"])
@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("bitfit", 270_336),
        ("lora", 1_572_864),
        ("lora:rank=16", 3_145_728),
        ("prefix", 835_584),
        ("bottleneck", 6_343_680),
        ("bottleneck:variant=pfeiffer:bottleneck_size=16", 811_392),
    ],
)
def test_trainable_parameters_of_the_adapters(spec: str, expected: int, head: str) -> None:
    with torch.device("meta"):
        attached = build_adapter(Spec.parse(spec)).attach(roberta_large(head), seed=0)
    assert count(attached.adapter_tensors()) == expected
    assert count(attached.backbone_tensors()) == 354_310_144


@pytest.mark.parametrize(("num_logits", "expected"), [(1, 2_101_249), (3, 2_105_347)])
def test_trainable_parameters_of_the_paper_head(num_logits: int, expected: int) -> None:
    assert count(roberta_large("mlp", num_logits).head_tensors()) == expected


@pytest.mark.parametrize("head", ["native", "mlp"])
def test_the_backbone_is_transformers_roberta_large_without_its_pooler(head: str) -> None:
    assert count(roberta_large(head).backbone_tensors()) == 354_310_144


def test_bitfit_holds_the_embeddings_norm_and_not_the_last_output_norm() -> None:
    names = build_adapter(Spec("bitfit")).attach(roberta_large("native"), seed=0).adapter_names
    assert "roberta.embeddings.LayerNorm.bias" in names
    assert "roberta.encoder.layer.22.output.LayerNorm.bias" in names
    assert "roberta.encoder.layer.23.output.LayerNorm.bias" not in names
    assert "roberta.encoder.layer.23.attention.output.LayerNorm.bias" in names
