from __future__ import annotations

import pytest
import torch
from transformers import (
    BartConfig,
    BartForSequenceClassification,
    CLIPConfig,
    CLIPForImageClassification,
    PerceiverConfig,
    PerceiverForSequenceClassification,
    T5Config,
    T5ForSequenceClassification,
    ViTConfig,
    ViTForImageClassification,
    Wav2Vec2Config,
    Wav2Vec2ForSequenceClassification,
    WhisperConfig,
    WhisperForAudioClassification,
)

from headstart.errors import UsageError
from headstart.kinds.catalogue import kind_named
from headstart.models.heads import architecture_head, draw, find_new_head, head_of_modules
from headstart.models.loading import classifier_from_model
from headstart.models.parameters import digests
from tests.support.tiny import ARCHITECTURES, make_model


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_drawing_changes_the_head_and_nothing_else(architecture: str) -> None:
    model = make_model(architecture)
    head = set(architecture_head(model))
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    draw(model, sorted(head), seed=5)
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
        draw(each, head, seed=5)
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
    draw(model, head, seed=1)
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


TINY = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
VISION = TINY | {"image_size": 8, "patch_size": 4}
CONVOLUTIONS = {"conv_dim": [8, 8], "conv_kernel": [4, 4], "conv_stride": [2, 2], "num_feat_extract_layers": 2}
SPEECH = TINY | CONVOLUTIONS | {"num_conv_pos_embeddings": 4, "num_conv_pos_embedding_groups": 2}
OTHER_INPUTS = {
    "vit": (ViTForImageClassification, ViTConfig(**VISION), {"classifier"}),
    "clip": (CLIPForImageClassification, CLIPConfig(text_config=TINY, vision_config=VISION), {"classifier"}),
    "wav2vec2": (
        Wav2Vec2ForSequenceClassification,
        Wav2Vec2Config(**SPEECH, classifier_proj_size=8),
        {"projector", "classifier"},
    ),
    "wav2vec2 over all layers": (
        Wav2Vec2ForSequenceClassification,
        Wav2Vec2Config(**SPEECH, classifier_proj_size=8, use_weighted_layer_sum=True),
        {"projector", "classifier", "layer_weights"},
    ),
    "whisper": (
        WhisperForAudioClassification,
        WhisperConfig(
            d_model=16,
            encoder_layers=1,
            encoder_attention_heads=2,
            encoder_ffn_dim=16,
            num_mel_bins=4,
            max_source_positions=8,
            classifier_proj_size=8,
            vocab_size=20,
            pad_token_id=0,
        ),
        {"projector", "classifier"},
    ),
}


@pytest.mark.parametrize("name", OTHER_INPUTS)
def test_heads_on_images_and_sounds_are_found_and_drawn(name: str) -> None:
    model_class, config, parts = OTHER_INPUTS[name]
    torch.manual_seed(0)
    model, other = model_class(config), model_class(config)
    classifier = classifier_from_model(model)
    assert {tensor.partition(".")[0] for tensor in classifier.head_names} == parts
    assert classifier.kind is kind_named("classification")
    backbone = digests(classifier.backbone_tensors())
    for each in (model, other):
        draw(each, classifier.head_names, seed=5)
    assert digests(classifier.backbone_tensors()) == backbone
    assert all(torch.equal(model.state_dict()[name], other.state_dict()[name]) for name in classifier.head_names)


def test_a_model_whose_backbone_is_no_module_of_its_own_is_refused() -> None:
    with torch.device("meta"):
        model = PerceiverForSequenceClassification(PerceiverConfig())
    with pytest.raises(UsageError, match="found no head on a Perceiver"):
        architecture_head(model)
