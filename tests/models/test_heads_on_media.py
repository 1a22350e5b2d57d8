"""Heads of our own on models of images and sounds: what they read is what the backbone says, and others load them."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import transformers
from transformers import AutoModel, AutoModelForImageClassification

import headstart.auto  # noqa: F401, transformers loads our heads from here on
from headstart.errors import UsageError
from headstart.media.modality import Modality
from headstart.models.loading import load_classifier
from headstart.models.source import resolve_model
from headstart.registry import Spec
from tests.support.media import SIDE, SIZE, make_vit, make_wav2vec2


def inputs_of(modality: Modality) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    if modality is Modality.IMAGE:
        return {"pixel_values": torch.randn(3, 3, SIDE, SIDE, generator=generator)}
    return {"input_values": torch.randn(3, 1_500, generator=generator)}


@pytest.mark.parametrize(
    ("make", "modality", "head"),
    [
        (make_vit, Modality.IMAGE, "linear"),
        (make_vit, Modality.IMAGE, "linear:layers=2:pooling=mean"),
        (make_wav2vec2, Modality.AUDIO, "linear"),
    ],
)
def test_the_logits_are_the_heads_of_the_pooled_vectors(
    tmp_path: Path, make: object, modality: Modality, head: str
) -> None:
    folder = make(tmp_path / "model")  # type: ignore[operator]  # a function of a folder
    source = resolve_model(str(folder))
    classifier = load_classifier(source, modality=modality, labels=("a", "b", "c"), head=Spec.parse(head), seed=1)
    inputs = inputs_of(modality)
    backbone = AutoModel.from_pretrained(folder).eval()
    with torch.no_grad():
        said = backbone(**inputs, output_hidden_states=True)
        found = classifier.model(**inputs).logits
    vectors = said.last_hidden_state[:, 0]  # the token that stands for the image
    if modality is Modality.AUDIO:
        vectors = said.last_hidden_state.mean(dim=1)
    if "mean" in head:
        vectors = torch.cat([said.hidden_states[-2].mean(dim=1), said.last_hidden_state.mean(dim=1)], dim=1)
    weights = classifier.head_tensors()
    (weight,) = (tensor for name, tensor in weights.items() if name.endswith("weight"))
    (bias,) = (tensor for name, tensor in weights.items() if name.endswith("bias"))
    torch.testing.assert_close(found, vectors @ weight.T + bias, rtol=1e-5, atol=1e-5)


def test_transformers_loads_an_image_classifier_with_a_head_of_ours(tmp_path: Path) -> None:
    source = resolve_model(str(make_vit(tmp_path / "vit")))
    classifier = load_classifier(
        source, modality=Modality.IMAGE, labels=("a", "b"), head=Spec.parse("linear"), seed=1, attention="eager"
    )
    classifier.model.save_pretrained(tmp_path / "saved")
    inputs = inputs_of(Modality.IMAGE)
    loaded = AutoModelForImageClassification.from_pretrained(tmp_path / "saved", attn_implementation="eager").eval()
    with torch.no_grad():
        assert torch.equal(loaded(**inputs).logits, classifier.model(**inputs).logits)


def test_a_model_without_a_sequence_of_vectors_and_one_of_another_kind_are_refused(tmp_path: Path) -> None:
    config = transformers.ConvNextConfig(num_stages=2, hidden_sizes=[8, 16], depths=[1, 1])
    transformers.ConvNextModel(config).save_pretrained(tmp_path / "convnext")
    source, linear = resolve_model(str(tmp_path / "convnext")), Spec.parse("linear")
    with pytest.raises(UsageError, match="makes none of images"):
        load_classifier(source, modality=Modality.IMAGE, labels=("a", "b"), head=linear, seed=0)
    native = load_classifier(source, modality=Modality.IMAGE, labels=("a", "b"), seed=0)
    assert native.model(torch.zeros(1, 3, 32, 32)).logits.shape == (1, 2)
    bert = transformers.BertConfig(**SIZE, vocab_size=9)
    transformers.BertModel(bert).save_pretrained(tmp_path / "bert")
    for head in (linear, Spec("native")):
        with pytest.raises(UsageError, match="no image classifier for 'bert'"):
            load_classifier(
                resolve_model(str(tmp_path / "bert")), modality=Modality.IMAGE, labels=("a", "b"), head=head, seed=0
            )


def test_batch_normalisation_is_refused_since_its_means_move_untrained(tmp_path: Path) -> None:
    config = transformers.ResNetConfig(embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1])
    transformers.ResNetModel(config).save_pretrained(tmp_path / "resnet")
    with pytest.raises(UsageError, match="batch normalisation"):
        load_classifier(resolve_model(str(tmp_path / "resnet")), modality=Modality.IMAGE, labels=("a", "b"), seed=0)
