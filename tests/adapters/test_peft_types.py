"""Every type of peft that is offered, from attaching to merging, and why the others are not."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest
import torch
from peft import (
    AdaLoraConfig,
    BOFTConfig,
    HRAConfig,
    IA3Config,
    LNTuningConfig,
    LoraConfig,
    OFTConfig,
    PeftConfig,
    VeraConfig,
    get_peft_model,
)
from peft.mapping import PEFT_TYPE_TO_CONFIG_MAPPING
from transformers import AutoModel

from headstart.adapters.catalogue import build_adapter
from headstart.adapters.peft_kinds import NOT_OFFERED
from headstart.adapters.peft_types import PEFT_ADAPTERS, PeftAdapter, offered_types
from headstart.errors import UsageError
from headstart.models.classifier import Classifier
from headstart.models.loading import load_classifier, load_tokenizer
from headstart.models.parameters import count, digests, own_tensors, set_trainable
from headstart.models.source import ModelSource, resolve_model
from headstart.registry import Spec
from tests.conftest import CheckpointMaker
from tests.support.other_architectures import OTHER_ARCHITECTURES, make_other_checkpoint
from tests.support.tiny import ARCHITECTURES

SMALL_OPTIONS = {
    "ADAMSS": "r=16",
    "C3A": "block_size=8",
    "FOURIERFT": "n_frequency=50",
    "GRALORA": "r=4",
    "MISS": "r=8",
    "PSOFT": "r=4",
    "OFT": "oft_block_size=8",
    "RANDLORA": "r=4",
    "ROAD": "group_size=8",
    "SHIRA": "r=2",
    "VBLORA": "vector_length=8:num_vectors=32",
    "VERA": "r=8",
    "PVERA": "r=8",
    "WAVEFT": "n_frequency=50",
}
"""What the types that are made for wider modules need on modules of width 16 and 32."""
SPECS = [
    ":".join(part for part in (name, SMALL_OPTIONS.get(kind)) if part)
    for name, kind in [
        *((f"peft:{each}", each) for each in offered_types()),
        *((name, PEFT_ADAPTERS.get(name).kind.type) for name in PEFT_ADAPTERS),
    ]
]
WITHOUT_CONV1D = {"ADAMSS", "BEFT", "BOFT", "C3A", "DELORA", "GLORA", "HRA", "LILY", "LOHA", "LOKR", "MISS", "OFT"} | {
    *("OSF", "PEANUT", "PSOFT", "ROAD", "SHIRA", "SUPERTUNING"),
    *("boft", "hra", "oft", "olora"),
}
DEFAULT_ARCHITECTURES = ("bert", "llama")
ALL_ARCHITECTURES = (*ARCHITECTURES, *(name for name in OTHER_ARCHITECTURES if name not in ("funnel", "squeezebert")))
UNUSED_IN_SOME = {"GLORA"}
"""GLoRA's D is multiplied by the module's bias, which is zero in a fresh random model."""


@pytest.fixture(scope="module")
def sources(tiny_checkpoint: CheckpointMaker, tmp_path_factory: pytest.TempPathFactory) -> dict[str, ModelSource]:
    """Return what makes each architecture's tiny model, by name, made when it is first asked for."""

    class Made(dict[str, ModelSource]):
        def __missing__(self, name: str) -> ModelSource:
            folder = (
                tiny_checkpoint(name)
                if name in ARCHITECTURES
                else make_other_checkpoint(tmp_path_factory.mktemp(name) / "source", name)
            )
            self[name] = resolve_model(str(folder))
            return self[name]

    return Made()


def load(source: ModelSource) -> Classifier:
    return load_classifier(source, labels=("no", "maybe", "yes"), seed=0)


def inputs_for(source: ModelSource) -> dict[str, torch.Tensor]:
    texts = ["the dog runs", "cats are good"], ["an animal eats the red fish", "no"]
    return dict(load_tokenizer(source)(*texts, padding=True, return_tensors="pt"))


def train(model: torch.nn.Module, inputs: dict[str, torch.Tensor], trained: frozenset[str], num_steps: int = 4) -> None:
    set_trainable(model, trained)
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-2, weight_decay=0.01)
    model.train()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        for _ in range(num_steps):
            model(**inputs, labels=torch.tensor([0, 2])).loss.backward()
            optimizer.step()
            optimizer.zero_grad()
    model.eval()


def kind_of(spec: str) -> str:
    adapter = build_adapter(Spec.parse(spec))
    assert isinstance(adapter, PeftAdapter)
    return adapter.kind.type


def life(spec: str, source: ModelSource, folder: Path) -> None:
    """Attach, train, store, load and merge an adapter, and hold each step to what it declares."""
    adapter, plain, inputs = build_adapter(Spec.parse(spec)), load(source), inputs_for(source)
    attached = adapter.attach(load(source), seed=0)
    model = attached.model
    assert attached.adapter_names
    assert not attached.adapter_names & attached.head_names
    assert set(attached.head_tensors()) == set(plain.head_names)
    assert digests(attached.head_tensors()) == digests(plain.head_tensors())
    assert set(attached.backbone_tensors()) == set(plain.backbone_tensors())
    is_pretrained = digests(attached.backbone_tensors()) == digests(plain.backbone_tensors())
    assert is_pretrained != adapter.rewrites_backbone
    assert {tensor.dtype for tensor in attached.adapter_tensors().values()} == {torch.float32}
    assert not [name for name in attached.adapter_names if "emb" in name]

    before = digests(own_tensors(model))
    train(model, inputs, attached.adapter_names | attached.head_names)
    after = digests(own_tensors(model))
    moved = {name for name in {*before, *after} if before.get(name) != after.get(name)}
    assert attached.head_names < moved
    assert moved <= attached.adapter_names | attached.head_names
    resting = attached.adapter_names - moved
    assert not resting or (kind_of(spec) in UNUSED_IN_SOME and all("glora" in name for name in resting))

    expected = model(**inputs).logits
    if attached.is_storable:
        attached.save(folder)
        again = load(source)
        again.load_head(attached.head_tensors())
        loaded = adapter.attach(again, seed=3)
        loaded.load(folder)
        assert torch.equal(loaded.model(**inputs).logits, expected)
    assert (attached.merged is not None) == adapter.merges
    if attached.merged is not None:
        assert digests(attached.merged_backbone(0.0)) == digests(plain.backbone_tensors())
        merged = load(source)
        merged.load_head(attached.head_tensors())
        merged.load_backbone(attached.merged_backbone())
        torch.testing.assert_close(merged.model(**inputs).logits, expected, rtol=0, atol=1e-5)
        assert torch.equal(model(**inputs).logits, expected), "merging changed the adapter's own model"


@pytest.mark.parametrize("architecture", DEFAULT_ARCHITECTURES)
@pytest.mark.parametrize("spec", SPECS)
def test_a_type_trains_stores_and_merges(
    spec: str, architecture: str, sources: dict[str, ModelSource], tmp_path: Path
) -> None:
    assert build_adapter(Spec.parse(spec)).refusal(load(sources[architecture])) is None
    life(spec, sources[architecture], tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("architecture", [name for name in ALL_ARCHITECTURES if name not in DEFAULT_ARCHITECTURES])
@pytest.mark.parametrize("spec", SPECS)
def test_a_type_trains_on_every_architecture_or_is_refused(
    spec: str, architecture: str, sources: dict[str, ModelSource], tmp_path: Path
) -> None:
    reason = build_adapter(Spec.parse(spec)).refusal(load(sources[architecture]))
    refused = (architecture == "gpt2" and {kind_of(spec), spec.partition(":")[0]} & WITHOUT_CONV1D) or (
        architecture == "xlnet" and kind_of(spec) not in ("IA3", "LN_TUNING")
    )
    assert (reason is None) != bool(refused), reason
    if reason is None:
        life(spec, sources[architecture], tmp_path)


def count_of_peft(source: ModelSource, config: PeftConfig) -> int:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = get_peft_model(AutoModel.from_pretrained(source.path), config)
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


ATTENTION = r".*attention.*\.(query|key|value|dense)"


@pytest.mark.parametrize(
    ("spec", "config"),
    [
        ("dora:r=4", LoraConfig(r=4, use_dora=True, target_modules=ATTENTION)),
        ("rslora:r=4", LoraConfig(r=4, use_rslora=True, target_modules=ATTENTION)),
        ("pissa:r=4", LoraConfig(r=4, init_lora_weights="pissa", target_modules=ATTENTION)),
        ("olora:r=4", LoraConfig(r=4, init_lora_weights="olora", target_modules=ATTENTION)),
        ("adalora:init_r=6", AdaLoraConfig(init_r=6, total_step=9, target_modules=ATTENTION)),
        ("vera:r=8", VeraConfig(r=8, target_modules=ATTENTION)),
        ("oft:oft_block_size=8", OFTConfig(oft_block_size=8, target_modules=ATTENTION)),
        ("boft", BOFTConfig(target_modules=ATTENTION)),
        ("hra", HRAConfig(target_modules=ATTENTION)),
        ("ln_tuning", LNTuningConfig(target_modules=r"encoder.*LayerNorm")),
        (
            "ia3",
            IA3Config(
                target_modules=r".*(self\.(key|value)|\d\.output\.dense)", feedforward_modules=r".*\d\.output\.dense"
            ),
        ),
    ],
)
def test_as_many_scalars_as_peft_itself_trains(spec: str, config: PeftConfig, sources: dict[str, ModelSource]) -> None:
    attached = build_adapter(Spec.parse(spec)).attach(load(sources["bert"]), seed=0)
    assert count(attached.adapter_tensors()) == count_of_peft(sources["bert"], config)


def test_the_scale_of_rslora_grows_with_the_root_of_the_rank(sources: dict[str, ModelSource]) -> None:
    attached = build_adapter(Spec.parse("rslora:r=4:lora_alpha=6")).attach(load(sources["bert"]), seed=0)
    tensors = attached.adapter_tensors()
    stem = "bert.encoder.layer.0.attention.self.query"
    a, b = tensors[f"{stem}.lora_A.default.weight"], tensors[f"{stem}.lora_B.default.weight"]
    with torch.no_grad():
        b.normal_()
    difference = attached.merged_backbone()[f"{stem}.weight"] - attached.backbone_tensors()[f"{stem}.weight"]
    torch.testing.assert_close(difference, 6.0 / 4**0.5 * b @ a, rtol=1e-4, atol=1e-6)


def test_pissa_leaves_the_rest_of_the_weights_and_still_merges_onto_the_pretrained_ones(
    sources: dict[str, ModelSource],
) -> None:
    plain = load(sources["bert"])
    attached = build_adapter(Spec.parse("pissa:r=4:lora_alpha=4")).attach(load(sources["bert"]), seed=0)
    name = "bert.encoder.layer.0.attention.self.query.weight"
    pretrained, rest = plain.backbone_tensors()[name], attached.backbone_tensors()[name]
    largest = torch.linalg.svdvals(pretrained)
    torch.testing.assert_close(torch.linalg.svdvals(rest)[:8], largest[4:12], rtol=1e-4, atol=1e-5)
    assert torch.equal(attached.merged_backbone(0.0)[name], pretrained)
    torch.testing.assert_close(attached.merged_backbone(1.0)[name], pretrained)
    with torch.no_grad():
        for tensor in attached.adapter_tensors().values():
            tensor.mul_(2)
    half, whole = (attached.merged_backbone(fraction)[name] for fraction in (0.5, 1.0))
    torch.testing.assert_close(half, (pretrained + whole) / 2)


def test_ia3_scales_keys_values_and_the_input_of_the_last_map(sources: dict[str, ModelSource]) -> None:
    attached = build_adapter(Spec("ia3")).attach(load(sources["bert"]), seed=0)
    layer = "bert.encoder.layer.1."
    shapes = {
        name.partition(layer)[2]: tuple(t.shape) for name, t in attached.adapter_tensors().items() if layer in name
    }
    assert shapes == {
        "attention.self.key.ia3_l.default": (32, 1),
        "attention.self.value.ia3_l.default": (32, 1),
        "output.dense.ia3_l.default": (1, 64),
    }


def test_targets_are_all_linear_maps_where_that_is_said(sources: dict[str, ModelSource]) -> None:
    attached = build_adapter(Spec.parse("peft:LOHA:r=2:targets=all_linear")).attach(load(sources["bert"]), seed=0)
    modules = {name.partition(".hada_")[0] for name in attached.adapter_names}
    assert len(modules) == 2 * 6
    assert all(".layer." in name for name in modules)


def test_what_attention_without_linear_maps_is_told(sources: dict[str, ModelSource]) -> None:
    classifier = load(sources["xlnet"])
    reason = build_adapter(Spec("dora")).refusal(classifier)
    assert reason is not None
    assert "dora:targets=all_linear" in reason
    assert build_adapter(Spec.parse("dora:targets=all_linear")).refusal(classifier) is None


def test_what_does_not_fit_the_modules_is_refused_in_peft_s_words(sources: dict[str, ModelSource]) -> None:
    classifier = load(sources["bert"])
    before = digests(own_tensors(classifier.model))
    reason = build_adapter(Spec.parse("peft:C3A:block_size=7")).refusal(classifier)
    assert reason is not None
    assert reason.startswith("peft's C3A does not fit its modules: ")
    assert "7" in reason
    assert digests(own_tensors(classifier.model)) == before


@pytest.mark.parametrize("architecture", ["bert", "llama"])
@pytest.mark.parametrize("dropout", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("option", ["LOHA:module_dropout", "LOKR:module_dropout", "LORA:lora_dropout"])
def test_dropout_decides_nothing_about_what_fits(
    option: str, dropout: float, architecture: str, sources: dict[str, ModelSource]
) -> None:
    assert build_adapter(Spec.parse(f"peft:{option}={dropout}")).refusal(load(sources[architecture])) is None


@pytest.mark.parametrize(("architecture", "has_biases"), [("bert", True), ("modernbert", False), ("llama", False)])
def test_what_cannot_be_merged_is_known_before_training(
    architecture: str, has_biases: bool, sources: dict[str, ModelSource]
) -> None:
    reason = build_adapter(Spec.parse("peft:LORA:lora_bias=true")).refusal(load(sources[architecture]))
    assert reason is None if has_biases else "the base layer has no bias" in str(reason)


@pytest.mark.parametrize("options", ["", ":init_weights=true", ":init_weights=uniform"])
def test_tinylora_begins_the_same_at_one_seed(options: str, sources: dict[str, ModelSource]) -> None:
    adapter = build_adapter(Spec.parse(f"peft:TINYLORA{options}"))
    first, second = (adapter.attach(load(sources["bert"]), seed=3).adapter_tensors() for _ in range(2))
    assert digests(first) == digests(second)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("dorra", "did you mean 'dora'"),
        ("dora:rr=4", "did you mean 'r'"),
        ("dora:r=four", "a whole number"),
        ("dora:use_dora", "is what makes 'dora'"),
        ("dora:targets=heads", "attention, all_linear"),
        ("adalora:orth_reg_weight=-1.0", "peft refuses"),
        ("ia3:targets=all_linear", "unknown option"),
        ("peft", "does not name one type"),
        ("peft:LORA:IA3", "does not name one type"),
        ("peft:r=4", "does not name one type"),
        ("peft:LOOHA", "did you mean 'LOHA'"),
        ("peft:LOHA:rank=4", "unknown option"),
        ("peft:TINYLORA:init_weights=zeros", "It is true or uniform"),
        ("peft:TINYLORA:init_weights=false", "It is true or uniform"),
        ("peft:LORA:bias=all", "unknown option"),
        ("peft:LORA:modules_to_save=classifier", "unknown option"),
        ("peft:LORA:init_lora_weights=eva", "'pissa'"),
        ("peft:LOKR:alpha=1.5", "a whole number"),
        ("peft:ADALORA:r=4", "unknown option"),
    ],
)
def test_what_is_wrong_with_a_spec_is_said(spec: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        build_adapter(Spec.parse(spec))


@pytest.mark.parametrize("peft_type", sorted(NOT_OFFERED))
def test_a_type_that_does_not_fit_is_refused_with_the_reason(peft_type: str) -> None:
    with pytest.raises(UsageError, match=f"peft's {peft_type} is not offered: ") as caught:
        build_adapter(Spec.parse(f"peft:{peft_type}"))
    assert NOT_OFFERED[peft_type] in str(caught.value)


def test_every_type_of_peft_is_offered_or_refused() -> None:
    assert {member.value for member in PEFT_TYPE_TO_CONFIG_MAPPING} == {*offered_types(), *NOT_OFFERED}


@pytest.mark.parametrize("spec", SPECS)
def test_an_adapter_s_own_spec_builds_it_again(spec: str) -> None:
    adapter = build_adapter(Spec.parse(spec))
    again = build_adapter(Spec.parse(str(adapter.spec)))
    assert type(again) is type(adapter)
    assert again.spec == adapter.spec
    assert "(" in adapter.source


def test_boft_starts_no_compiler(sources: dict[str, ModelSource], monkeypatch: pytest.MonkeyPatch) -> None:
    started = list[object]()
    monkeypatch.setattr("torch.utils.cpp_extension.load", lambda **options: started.append(options))
    monkeypatch.setattr("peft.tuners.boft.layer._FBD_CUDA", None)
    adapter = build_adapter(Spec.parse("boft"))
    assert adapter.refusal(load(sources["bert"])) is None
    adapter.attach(load(sources["bert"]), seed=0)
    assert not started
