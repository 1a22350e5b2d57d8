"""Architectures beside the six: what differs there, such as tied embeddings, decoders and other names."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
import transformers
from transformers import PreTrainedModel

from headstart.adapters.bitfit import BitFit, bitfit_names
from headstart.adapters.catalogue import build_adapter
from headstart.adapters.lora import Lora
from headstart.errors import CheckpointError, UsageError
from headstart.models.classifier import Classifier
from headstart.models.loading import classifier_from_model, load_classifier, load_tokenizer, longest_input
from headstart.models.parameters import count, digests, own_tensors
from headstart.models.source import ModelSource, resolve_model
from headstart.registry import Spec
from tests.conftest import CheckpointMaker
from tests.support.tiny import make_tokenizer

SMALL = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "max_position_embeddings": 66,
}
MODELS: dict[str, tuple[str, str, dict[str, object]]] = {
    "bart": (
        "BartConfig",
        "BartForConditionalGeneration",
        {
            "d_model": 16,
            "encoder_layers": 1,
            "decoder_layers": 1,
            "encoder_attention_heads": 2,
            "decoder_attention_heads": 2,
            "encoder_ffn_dim": 16,
            "decoder_ffn_dim": 16,
            "max_position_embeddings": 64,
        },
    ),
    "deberta": (
        "DebertaConfig",
        "DebertaForMaskedLM",
        SMALL | {"type_vocab_size": 0, "relative_attention": True, "pos_att_type": ["c2p", "p2c"]},
    ),
    "funnel": (
        "FunnelConfig",
        "FunnelForPreTraining",
        {"d_model": 16, "n_head": 2, "d_head": 8, "d_inner": 32, "block_sizes": [1, 1], "num_decoder_layers": 1},
    ),
    "gpt2": ("GPT2Config", "GPT2LMHeadModel", {"n_embd": 16, "n_layer": 2, "n_head": 2, "n_positions": 64}),
    "llama": ("LlamaConfig", "LlamaForCausalLM", SMALL),
    "mpnet": ("MPNetConfig", "MPNetForMaskedLM", SMALL),
    "squeezebert": (
        "SqueezeBertConfig",
        "SqueezeBertForMaskedLM",
        SMALL
        | dict.fromkeys(("q_groups", "k_groups", "v_groups", "intermediate_groups", "output_groups"), 1)
        | {"post_attention_groups": 1, "embedding_size": 16},
    ),
    "t5": (
        "T5Config",
        "T5ForConditionalGeneration",
        {"d_model": 16, "d_kv": 8, "num_layers": 1, "num_heads": 2, "d_ff": 16, "decoder_start_token_id": 0},
    ),
    "xlnet": ("XLNetConfig", "XLNetLMHeadModel", {"d_model": 16, "n_layer": 1, "n_head": 2, "d_inner": 16}),
}
TIED = ("bart", "t5")
DECODING = ("bart", "gpt2", "llama", "t5", "xlnet")


@pytest.fixture(scope="session")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> dict[str, ModelSource]:
    sources = {}
    for name, (config_class, model_class, sizes) in MODELS.items():
        tokenizer = make_tokenizer("roberta" if name in ("bart", "mpnet") else "distilbert")
        config = getattr(transformers, config_class)(
            vocab_size=len(tokenizer),
            pad_token_id=tokenizer.pad_token_id,
            bos_token_id=tokenizer.cls_token_id,
            eos_token_id=tokenizer.sep_token_id,
            **sizes,
        )
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            model: PreTrainedModel = getattr(transformers, model_class)(config)
        folder = tmp_path_factory.mktemp(name)
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        sources[name] = resolve_model(str(folder))
    return sources


def load(source: ModelSource, head: str = "native", seed: int = 0) -> Classifier:
    return load_classifier(source, labels=("no", "maybe", "yes"), head=Spec(head), seed=seed)


def inputs_for(source: ModelSource) -> dict[str, torch.Tensor]:
    pairs = (["the dog runs", "cats"], ["an animal eats the red fish", "no"])
    return dict(load_tokenizer(source)(*pairs, padding=True, return_tensors="pt"))


@pytest.mark.parametrize("architecture", MODELS)
def test_heads_are_equal_at_one_seed_and_other_at_another(
    architecture: str, checkpoints: dict[str, ModelSource]
) -> None:
    first, again, other = (load(checkpoints[architecture], seed=seed) for seed in (0, 0, 1))
    assert digests(first.head_tensors()) == digests(again.head_tensors())
    assert digests(first.backbone_tensors()) == digests(other.backbone_tensors())
    weights = [name for name, tensor in first.head_tensors().items() if tensor.dim() > 1]
    assert weights
    assert not any(torch.equal(first.head_tensors()[name], other.head_tensors()[name]) for name in weights)


@pytest.mark.parametrize("architecture", TIED)
def test_tied_embeddings_stand_once(architecture: str, checkpoints: dict[str, ModelSource]) -> None:
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
    architecture: str, checkpoints: dict[str, ModelSource]
) -> None:
    plain = load(checkpoints[architecture])
    attached = Lora().attach(load(checkpoints[architecture]), seed=0)
    assert digests(attached.backbone_tensors()) == digests(plain.backbone_tensors())
    assert digests(attached.merged_backbone(0.0)) == digests(plain.backbone_tensors())


@pytest.mark.parametrize("architecture", DECODING)
def test_the_first_token_head_is_refused_where_the_first_token_says_nothing(
    architecture: str, checkpoints: dict[str, ModelSource]
) -> None:
    with pytest.raises(UsageError, match="does not stand for the text"):
        load(checkpoints[architecture], head="mlp")


def test_a_pooler_that_cannot_be_left_out_is_refused_for_our_head(checkpoints: dict[str, ModelSource]) -> None:
    with pytest.raises(UsageError, match="does not run without it"):
        load(checkpoints["squeezebert"], head="mlp")


def test_the_longest_input_is_right_where_positions_follow_padding(checkpoints: dict[str, ModelSource]) -> None:
    source = checkpoints["mpnet"]
    tokenizer = load_tokenizer(source)
    tokenizer.model_max_length = 10**30
    longest = longest_input(source, tokenizer)
    model = load(source).model
    assert model(torch.full((1, longest), 9)).logits.isfinite().all()
    with pytest.raises((IndexError, RuntimeError)):
        model(torch.full((1, longest + 1), 9))


@pytest.mark.parametrize("architecture", ["gpt2", "llama"])
def test_a_prefix_on_a_decoder_changes_nothing_about_padding(
    architecture: str, checkpoints: dict[str, ModelSource]
) -> None:
    attached = build_adapter(Spec.parse("prefix:num_tokens=3")).attach(load(checkpoints[architecture]), seed=0)
    with torch.no_grad():
        for tensor in attached.adapter_tensors().values():
            tensor.normal_()
    tokenizer = load_tokenizer(checkpoints[architecture])
    alone = attached.model(**tokenizer(["the dog"], return_tensors="pt")).logits
    both = attached.model(**tokenizer(["the dog", "the small cat eats a fish"], padding=True, return_tensors="pt"))
    torch.testing.assert_close(both.logits[:1], alone, rtol=1e-4, atol=1e-5)


def test_deberta_s_query_and_value_biases_are_bitfit_s(checkpoints: dict[str, ModelSource]) -> None:
    names = bitfit_names(load(checkpoints["deberta"]))
    attention = {f"deberta.encoder.layer.{layer}.attention.self.{part}" for layer in (0, 1) for part in "qv"}
    assert {f"{name}_bias" for name in attention} <= names


def test_blocks_are_layers_too(checkpoints: dict[str, ModelSource]) -> None:
    classifier = load(checkpoints["funnel"])
    assert any(".blocks.1." in name for name in BitFit().attach(classifier, seed=0).adapter_names)
    assert Lora().refusal(classifier) is None


@pytest.mark.parametrize("architecture", [name for name in MODELS if name != "squeezebert"])
def test_merged_lora_computes_what_lora_computed(architecture: str, checkpoints: dict[str, ModelSource]) -> None:
    adapter = Lora(targets="all_linear")
    attached = adapter.attach(load(checkpoints[architecture]), seed=0)
    with torch.no_grad():
        for name, parameter in attached.model.named_parameters():
            if "lora_B" in name:
                parameter.normal_(std=0.1)
    merged = load(checkpoints[architecture])
    inputs = inputs_for(checkpoints[architecture])
    plain = merged.model(**inputs).logits
    merged.load_backbone(attached.merged_backbone())
    expected = attached.model(**inputs).logits
    assert not torch.allclose(plain, expected, atol=1e-4)
    torch.testing.assert_close(merged.model(**inputs).logits, expected, rtol=1e-3, atol=1e-4)


def test_a_live_model_s_tied_tensors_stand_once_too(checkpoints: dict[str, ModelSource]) -> None:
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
    with pytest.raises(CheckpointError, match="cannot be read"):
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
