"""Architectures beside the six: what differs there, such as tied embeddings, decoders and other names."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
import transformers

from headstart.adapters.bitfit import BitFit, bitfit_names
from headstart.adapters.catalogue import build_adapter
from headstart.adapters.lora import Lora
from headstart.artifacts.saved_model import load_folder_tokenizer
from headstart.errors import CheckpointError, UsageError
from headstart.models.classifier import Classifier
from headstart.models.input_length import longest_input
from headstart.models.loading import classifier_from_model, load_classifier, load_config, load_tokenizer
from headstart.models.parameters import count, digests, own_tensors
from headstart.models.source import ModelSource, resolve_model
from headstart.registry import Spec
from tests.conftest import CheckpointMaker
from tests.support.other_architectures import OTHER_ARCHITECTURES

TIED = ("bart", "t5")
LEFT_TO_RIGHT = ("gpt2", "llama", "qwen3", "xlnet")


def load(source: ModelSource, head: str = "native", seed: int = 0) -> Classifier:
    return load_classifier(source, labels=("no", "maybe", "yes"), head=Spec.parse(head), seed=seed)


def inputs_for(source: ModelSource) -> dict[str, torch.Tensor]:
    pairs = (["the dog runs", "cats"], ["an animal eats the red fish", "no"])
    return dict(load_tokenizer(source)(*pairs, padding=True, return_tensors="pt"))


@pytest.mark.parametrize("architecture", OTHER_ARCHITECTURES)
def test_heads_are_equal_at_one_seed_and_other_at_another(
    architecture: str, checkpoints: Mapping[str, ModelSource]
) -> None:
    first, again, other = (load(checkpoints[architecture], seed=seed) for seed in (0, 0, 1))
    assert digests(first.head_tensors()) == digests(again.head_tensors())
    assert digests(first.backbone_tensors()) == digests(other.backbone_tensors())
    weights = [name for name, tensor in first.head_tensors().items() if tensor.dim() > 1]
    assert weights
    assert not any(torch.equal(first.head_tensors()[name], other.head_tensors()[name]) for name in weights)


@pytest.mark.parametrize("architecture", TIED)
def test_tied_embeddings_stand_once(architecture: str, checkpoints: Mapping[str, ModelSource]) -> None:
    classifier = load(checkpoints[architecture])
    parameters = sum(parameter.numel() for parameter in classifier.model.parameters())
    assert len(own_tensors(classifier.model)) < len(classifier.model.state_dict())
    assert count(own_tensors(classifier.model)) - parameters in range(2)  # BART keeps a bias as a buffer
    names = {name for name, _ in classifier.model.named_parameters()}
    aliases = set(classifier.model.state_dict()) - set(own_tensors(classifier.model))
    assert not names & aliases
    moved = load(checkpoints[architecture], seed=3)
    moved.load_backbone({name: tensor + 1 for name, tensor in classifier.backbone_tensors().items()})
    shared = [tensor for name, tensor in moved.model.state_dict().items() if name in aliases]
    assert all(torch.equal(tensor, moved.model.get_input_embeddings().weight) for tensor in shared)


@pytest.mark.parametrize("architecture", TIED)
def test_an_adapter_finds_the_same_backbone_under_tied_names(
    architecture: str, checkpoints: Mapping[str, ModelSource]
) -> None:
    plain = load(checkpoints[architecture])
    attached = Lora().attach(load(checkpoints[architecture]), seed=0)
    assert digests(attached.backbone_tensors()) == digests(plain.backbone_tensors())
    assert digests(attached.merged_backbone(0.0)) == digests(plain.backbone_tensors())


@pytest.mark.parametrize("architecture", LEFT_TO_RIGHT)
def test_the_first_token_is_refused_where_it_says_nothing(
    architecture: str, checkpoints: Mapping[str, ModelSource]
) -> None:
    with pytest.raises(UsageError, match="does not stand for the text"):
        load(checkpoints[architecture], head="mlp:pooling=first")


def test_a_pooler_that_cannot_be_left_out_is_refused_for_our_head(checkpoints: Mapping[str, ModelSource]) -> None:
    with pytest.raises(UsageError, match="does not run without it"):
        load(checkpoints["squeezebert"], head="mlp")


def test_the_longest_input_is_right_where_positions_follow_padding(checkpoints: Mapping[str, ModelSource]) -> None:
    source = checkpoints["mpnet"]
    tokenizer = load_tokenizer(source)
    tokenizer.model_max_length = 10**30
    longest = longest_input(load_config(source), tokenizer)
    model = load(source).model
    assert model(torch.full((1, longest), 9)).logits.isfinite().all()
    with pytest.raises((IndexError, RuntimeError)):
        model(torch.full((1, longest + 1), 9))


@pytest.mark.parametrize("architecture", ["gpt2", "llama"])
def test_a_prefix_on_a_decoder_changes_nothing_about_padding(
    architecture: str, checkpoints: Mapping[str, ModelSource]
) -> None:
    attached = build_adapter(Spec.parse("prefix:num_tokens=3")).attach(load(checkpoints[architecture]), seed=0)
    with torch.no_grad():
        for tensor in attached.adapter_tensors().values():
            tensor.normal_()
    tokenizer = load_tokenizer(checkpoints[architecture])
    alone = attached.model(**tokenizer(["the dog"], return_tensors="pt")).logits
    both = attached.model(**tokenizer(["the dog", "the small cat eats a fish"], padding=True, return_tensors="pt"))
    torch.testing.assert_close(both.logits[:1], alone, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("architecture", [name for name in OTHER_ARCHITECTURES if name != "funnel"])
def test_a_native_head_does_not_read_padding(architecture: str, checkpoints: Mapping[str, ModelSource]) -> None:
    model, tokenizer = load(checkpoints[architecture]).model, load_tokenizer(checkpoints[architecture])
    texts = ["the dog runs", "an animal eats the red fish", "no"]
    together = model(**tokenizer(texts, padding=True, return_tensors="pt")).logits
    alone = torch.cat([model(**tokenizer(text, return_tensors="pt")).logits for text in texts])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)


def test_xlnet_s_side_of_padding_is_saved_with_its_tokenizer(
    checkpoints: Mapping[str, ModelSource], tmp_path: Path
) -> None:
    """A folder with an adapter alone has a tokenizer and no configuration."""
    load_tokenizer(checkpoints["xlnet"]).save_pretrained(tmp_path)
    assert load_folder_tokenizer(tmp_path).padding_side == "left"


def test_deberta_s_query_and_value_biases_are_bitfit_s(checkpoints: Mapping[str, ModelSource]) -> None:
    names = bitfit_names(load(checkpoints["deberta"]))
    attention = {f"deberta.encoder.layer.{layer}.attention.self.{part}" for layer in (0, 1) for part in "qv"}
    assert {f"{name}_bias" for name in attention} <= names


def test_blocks_are_layers_too(checkpoints: Mapping[str, ModelSource]) -> None:
    classifier = load(checkpoints["funnel"])
    assert any(".blocks.1." in name for name in BitFit().attach(classifier, seed=0).adapter_names)
    assert Lora().refusal(classifier) is None


@pytest.mark.parametrize("architecture", [name for name in OTHER_ARCHITECTURES if name != "squeezebert"])
def test_merged_lora_computes_what_lora_computed(architecture: str, checkpoints: Mapping[str, ModelSource]) -> None:
    torch.manual_seed(0)
    adapter = Lora(targets="all_linear")
    attached = adapter.attach(load(checkpoints[architecture]), seed=0)
    with torch.no_grad():
        for name, parameter in attached.model.named_parameters():
            if "lora_B" in name:
                parameter.normal_(std=0.2)
    merged = load(checkpoints[architecture])
    inputs = inputs_for(checkpoints[architecture])
    plain = merged.model(**inputs).logits
    merged.load_backbone(attached.merged_backbone())
    expected = attached.model(**inputs).logits
    assert not torch.allclose(plain, expected, atol=1e-4)
    torch.testing.assert_close(merged.model(**inputs).logits, expected, rtol=1e-3, atol=1e-4)


def test_a_live_model_s_tied_tensors_stand_once_too(checkpoints: Mapping[str, ModelSource]) -> None:
    model = transformers.AutoModelForSequenceClassification.from_pretrained(checkpoints["bart"].path)
    classifier = classifier_from_model(model)
    names = {name for name, _ in model.named_parameters()}
    assert {*classifier.head_names, *classifier.backbone_tensors()} <= names


def copy_bert(tiny_checkpoint: CheckpointMaker, folder: Path) -> Path:
    return shutil.copytree(tiny_checkpoint("bert"), folder / "copy")


@pytest.mark.parametrize("head", ["native", "mlp"])
def test_weights_under_another_name_are_no_traceback(
    head: str, tiny_checkpoint: CheckpointMaker, tmp_path: Path
) -> None:
    folder = copy_bert(tiny_checkpoint, tmp_path)
    (folder / "model.safetensors").rename(folder / "adapter.safetensors")
    with pytest.raises(CheckpointError, match=r"cannot be read.*model\.safetensors"):
        load(resolve_model(str(folder)), head)


@pytest.mark.parametrize("index", ["{", json.dumps({"metadata": {}, "weight_map": {"x": "model-2.safetensors"}})])
def test_a_broken_list_of_files_is_no_traceback(index: str, tiny_checkpoint: CheckpointMaker, tmp_path: Path) -> None:
    folder = copy_bert(tiny_checkpoint, tmp_path)
    (folder / "model.safetensors").rename(folder / "model-1.safetensors")
    (folder / "model.safetensors.index.json").write_text(index)
    with pytest.raises(CheckpointError, match=r"cannot be read|is damaged: "):
        load(resolve_model(str(folder)))


@pytest.mark.parametrize(
    ("value", "message"),
    [({"num_attention_heads": 5}, "as its configuration says"), ({"hidden_size": "many"}, "cannot read the config")],
)
def test_an_impossible_configuration_is_no_traceback(
    value: dict[str, object], message: str, tiny_checkpoint: CheckpointMaker, tmp_path: Path
) -> None:
    folder = copy_bert(tiny_checkpoint, tmp_path)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | value))
    with pytest.raises(UsageError, match=message):
        load(resolve_model(str(folder)))
