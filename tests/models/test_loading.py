from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import BertForMultipleChoice

from headstart.errors import CheckpointError, UsageError
from headstart.kinds.catalogue import kind_named
from headstart.kinds.kind import KINDS, Kind
from headstart.models.classifier import Classifier
from headstart.models.input_length import longest_input
from headstart.models.loading import classifier_from_model, load_classifier, load_config, load_tokenizer
from headstart.models.parameters import digests
from headstart.models.source import resolve_model
from headstart.registry import Spec
from tests.conftest import CheckpointMaker
from tests.support.tiny import ARCHITECTURES, MAX_TOKENS, WORDS, make_model

LABELS = ("bad", "fair", "good")
FIRST_BACKBONE_TENSOR = {
    "bert": "bert.encoder.layer.1.attention.self.query.weight",
    "roberta": "roberta.encoder.layer.1.attention.self.query.weight",
    "distilbert": "distilbert.transformer.layer.1.attention.q_lin.weight",
    "electra": "electra.encoder.layer.1.attention.self.query.weight",
    "deberta-v2": "deberta.encoder.layer.1.attention.self.query_proj.weight",
    "modernbert": "model.layers.1.attn.Wqkv.weight",
}

architectures = pytest.mark.parametrize("architecture", ARCHITECTURES)
heads = pytest.mark.parametrize("head", ["native", "mlp"])


def load(folder: Path, *, labels: tuple[str, ...] = LABELS, head: str = "native", **options: object) -> Classifier:
    return load_classifier(resolve_model(str(folder)), labels=labels, head=Spec(head), **({"seed": 0} | options))


def plain_name(name: str, head: str, file: dict[str, torch.Tensor]) -> str:
    """Map a backbone name of our own classifier to the checkpoint's."""
    if head == "native":
        return name
    inner = name.removeprefix("backbone.")
    return next(stored for stored in file if stored == inner or stored.partition(".")[2] == inner)


@heads
@architectures
def test_the_backbone_is_the_file_bit_for_bit(architecture: str, head: str, tiny_checkpoint: CheckpointMaker) -> None:
    folder = tiny_checkpoint(architecture)
    file = load_file(folder / "model.safetensors")
    backbone = load(folder, head=head).backbone_tensors()
    assert len(backbone) >= 14
    for name, tensor in backbone.items():
        assert torch.equal(tensor, file[plain_name(name, head, file)]), name


@heads
@architectures
def test_bf16_weights_become_fp32_of_the_same_value(
    architecture: str, head: str, tiny_checkpoint: CheckpointMaker
) -> None:
    folder = tiny_checkpoint(architecture, dtype=torch.bfloat16)
    file = load_file(folder / "model.safetensors")
    assert {tensor.dtype for tensor in file.values()} == {torch.bfloat16}
    classifier = load(folder, head=head)
    assert {parameter.dtype for parameter in classifier.model.parameters()} == {torch.float32}
    for name, tensor in classifier.backbone_tensors().items():
        assert torch.equal(tensor, file[plain_name(name, head, file)].float()), name


@heads
@architectures
def test_a_fresh_head_is_the_same_whatever_the_checkpoint_held(
    architecture: str, head: str, tiny_checkpoint: CheckpointMaker
) -> None:
    pretrained = load(tiny_checkpoint(architecture), head=head)
    fitting = load(tiny_checkpoint(architecture, kind="classifier", num_labels=3, seed=1), head=head)
    other_size = load(tiny_checkpoint(architecture, kind="classifier", num_labels=5, seed=2), head=head)
    low = load(tiny_checkpoint(architecture, dtype=torch.bfloat16), head=head)
    expected = digests(pretrained.head_tensors())
    assert [digests(c.head_tensors()) for c in (fitting, other_size, low)] == [expected] * 3


@heads
@architectures
def test_head_and_backbone_share_the_model_out(architecture: str, head: str, tiny_checkpoint: CheckpointMaker) -> None:
    classifier = load(tiny_checkpoint(architecture), head=head)
    head_names, backbone_names = set(classifier.head_tensors()), set(classifier.backbone_tensors())
    assert not head_names & backbone_names
    assert head_names | backbone_names == set(classifier.model.state_dict())
    assert classifier.newly_initialised == classifier.head_names == tuple(sorted(head_names))


@heads
def test_seeds_decide_the_head_and_nothing_else_does(head: str, tiny_checkpoint: CheckpointMaker) -> None:
    folder = tiny_checkpoint("roberta")
    torch.manual_seed(11)
    first = digests(load(folder, head=head).head_tensors())
    torch.manual_seed(12)
    torch.rand(5)
    assert digests(load(folder, head=head).head_tensors()) == first
    other = digests(load(folder, head=head, seed=1).head_tensors())
    weights = [name for name in first if name.endswith("weight")]
    assert all(first[name] != other[name] for name in weights)


@heads
def test_loading_leaves_the_global_random_state_alone(head: str, tiny_checkpoint: CheckpointMaker) -> None:
    folder = tiny_checkpoint("bert")
    state = torch.random.get_rng_state()
    load(folder, head=head)
    assert torch.equal(state, torch.random.get_rng_state())


@architectures
def test_a_native_head_is_drawn_as_the_architecture_draws_it(
    architecture: str, tiny_checkpoint: CheckpointMaker
) -> None:
    drawn = [load(tiny_checkpoint(architecture), seed=seed).head_tensors() for seed in range(30)]
    built = [make_model(architecture, num_labels=3, seed=seed).state_dict() for seed in range(30)]
    for name in drawn[0]:
        ours, theirs = (torch.stack([tensors[name] for tensors in models]) for models in (drawn, built))
        assert ours.std().item() == pytest.approx(theirs.std().item(), rel=0.08)
        assert abs(ours.mean().item()) < 0.02


def test_the_paper_head_is_drawn_as_the_paper_draws_it(tiny_checkpoint: CheckpointMaker) -> None:
    head = load(tiny_checkpoint("bert"), head="mlp").head_tensors()
    assert {name: tuple(tensor.shape) for name, tensor in head.items()} == {
        "head.0.bias": (2048,),
        "head.0.weight": (2048, 32),
        "head.2.bias": (3,),
        "head.2.weight": (3, 2048),
    }
    assert head["head.0.weight"].std().item() == pytest.approx(0.005, rel=0.03)
    assert head["head.2.weight"].std().item() == pytest.approx(0.005, rel=0.05)
    bound = 32**-0.5
    assert head["head.0.bias"].abs().max().item() <= bound
    assert head["head.0.bias"].std().item() == pytest.approx(bound / 3**0.5, rel=0.05)


def test_mlm_only_bert_has_a_new_pooler(tiny_checkpoint: CheckpointMaker) -> None:
    names = load(tiny_checkpoint("bert", kind="mlm")).head_names
    assert names == ("bert.pooler.dense.bias", "bert.pooler.dense.weight", "classifier.bias", "classifier.weight")


@pytest.mark.parametrize(
    ("architecture", "modules"),
    [
        ("bert", {"classifier"}),
        ("roberta", {"classifier.dense", "classifier.out_proj"}),
        ("distilbert", {"pre_classifier", "classifier"}),
        ("electra", {"classifier.dense", "classifier.out_proj"}),
        ("deberta-v2", {"pooler.dense", "classifier"}),
        ("modernbert", {"classifier"}),
    ],
)
@pytest.mark.parametrize("kind", ["pretrained", "fitting", "other size", "live"])
def test_what_counts_as_head(architecture: str, modules: set[str], kind: str, tiny_checkpoint: CheckpointMaker) -> None:
    if kind == "live":
        classifier = classifier_from_model(make_model(architecture, num_labels=3))
    elif kind == "pretrained":
        classifier = load(tiny_checkpoint(architecture))
    else:
        num_labels = 3 if kind == "fitting" else 5
        classifier = load(tiny_checkpoint(architecture, kind="classifier", num_labels=num_labels))
    assert {name.rpartition(".")[0] for name in classifier.head_names} == modules


@architectures
def test_a_fitting_head_can_be_kept(architecture: str, tiny_checkpoint: CheckpointMaker) -> None:
    folder = tiny_checkpoint(architecture, kind="classifier", num_labels=3, seed=1)
    file = load_file(folder / "model.safetensors")
    kept = load(folder, keep_head=True).head_tensors()
    assert all(torch.equal(tensor, file[name]) for name, tensor in kept.items())
    fresh = load(folder).head_tensors()
    assert not any(torch.equal(fresh[name], file[name]) for name in fresh if name.endswith("weight"))


@pytest.mark.parametrize("options", [{}, {"kind": "classifier", "num_labels": 5}])
def test_a_head_that_is_not_there_cannot_be_kept(options: dict[str, object], tiny_checkpoint: CheckpointMaker) -> None:
    with pytest.raises(UsageError, match="has no head of this kind for 3 classes"):
        load(tiny_checkpoint("roberta", **options), keep_head=True)


def test_a_plain_checkpoint_has_no_head_of_ours_to_keep(tiny_checkpoint: CheckpointMaker) -> None:
    with pytest.raises(UsageError, match="has no head of this kind"):
        load(tiny_checkpoint("bert"), head="mlp", keep_head=True)


def with_labels(folder: Path, target: Path, labels: tuple[str, ...]) -> Path:
    """Copy a checkpoint with other class names in its configuration."""
    shutil.copytree(folder, target)
    config = json.loads((target / "config.json").read_text())
    config |= {"id2label": {str(index): label for index, label in enumerate(labels)}}
    config |= {"label2id": {label: index for index, label in enumerate(labels)}}
    (target / "config.json").write_text(json.dumps(config))
    return target


def damage(folder: Path, target: Path, name: str, *, shape: tuple[int, ...] | None = None) -> Path:
    """Copy a checkpoint without the tensor, or with it in another shape."""
    shutil.copytree(folder, target)
    tensors = load_file(target / "model.safetensors")
    del tensors[name]
    if shape is not None:
        tensors[name] = torch.zeros(shape)
    (target / "model.safetensors").unlink()
    save_file(tensors, target / "model.safetensors", metadata={"format": "pt"})
    return target


@heads
@architectures
def test_a_missing_encoder_tensor_is_named(
    architecture: str, head: str, tiny_checkpoint: CheckpointMaker, tmp_path: Path
) -> None:
    name = FIRST_BACKBONE_TENSOR[architecture]
    folder = damage(tiny_checkpoint(architecture), tmp_path / "damaged", name)
    with pytest.raises(CheckpointError) as error:
        load(folder, head=head)
    assert name.partition(".")[2] in str(error.value)


@heads
def test_an_encoder_tensor_of_another_shape_is_named(
    head: str, tiny_checkpoint: CheckpointMaker, tmp_path: Path
) -> None:
    name = FIRST_BACKBONE_TENSOR["roberta"]
    folder = damage(tiny_checkpoint("roberta"), tmp_path / "damaged", name, shape=(16, 32))
    with pytest.raises(CheckpointError, match=r"layer\.1\.attention\.self\.query\.weight"):
        load(folder, head=head)


def test_a_checkpoint_of_another_architecture_is_refused(tiny_checkpoint: CheckpointMaker, tmp_path: Path) -> None:
    folder = shutil.copytree(tiny_checkpoint("bert"), tmp_path / "mixed")
    shutil.copy(tiny_checkpoint("distilbert") / "model.safetensors", folder / "model.safetensors")
    with pytest.raises(CheckpointError, match=r"and \d+ more"):
        load(folder)


@heads
def test_cut_off_weights_are_no_traceback(head: str, tiny_checkpoint: CheckpointMaker, tmp_path: Path) -> None:
    folder = shutil.copytree(tiny_checkpoint("bert"), tmp_path / "cut")
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(CheckpointError, match="cannot be read"):
        load(folder, head=head)


def test_overwriting_the_file_does_not_change_a_loaded_model(tiny_checkpoint: CheckpointMaker, tmp_path: Path) -> None:
    folder = shutil.copytree(tiny_checkpoint("bert"), tmp_path / "copy")
    classifier = load(folder)
    before = digests(classifier.backbone_tensors())
    weights = folder / "model.safetensors"
    with weights.open("r+b") as file:
        file.seek(weights.stat().st_size // 2)
        file.write(b"\x7f" * 2000)
    assert digests(classifier.backbone_tensors()) == before


@heads
def test_the_model_knows_its_labels(head: str, tiny_checkpoint: CheckpointMaker) -> None:
    config = load(tiny_checkpoint("bert"), head=head).model.config
    assert config.id2label == {0: "bad", 1: "fair", 2: "good"}
    assert config.label2id == {"bad": 0, "fair": 1, "good": 2}
    assert config.num_labels == 3


@heads
@architectures
def test_a_loaded_model_is_in_eval_mode_with_everything_trainable(
    architecture: str, head: str, tiny_checkpoint: CheckpointMaker
) -> None:
    model = load(tiny_checkpoint(architecture), head=head).model
    assert not any(module.training for module in model.modules())
    assert all(parameter.requires_grad for parameter in model.parameters())


def test_one_class_is_no_classification(tiny_checkpoint: CheckpointMaker) -> None:
    with pytest.raises(UsageError, match="needs 2 classes or more"):
        load(tiny_checkpoint("bert"), labels=("only",))


@pytest.mark.parametrize(
    ("kind", "labels", "said"),
    [
        ("regression", LABELS, "kind regression has no classes"),
        ("multiple_choice", LABELS, "kind multiple_choice has no classes"),
        ("multi_label", (), "kind multi_label needs one class or more"),
    ],
)
def test_classes_stand_where_the_kind_has_some(
    kind: str, labels: tuple[str, ...], said: str, tiny_checkpoint: CheckpointMaker
) -> None:
    with pytest.raises(UsageError, match=said):
        load(tiny_checkpoint("bert"), labels=labels, kind=kind_named(kind))


@heads
@pytest.mark.parametrize("kind", [KINDS.get(name) for name in KINDS], ids=str)
def test_transformers_reads_the_kind_in_the_configuration(
    kind: Kind, head: str, tiny_checkpoint: CheckpointMaker
) -> None:
    classifier = load(tiny_checkpoint("bert"), labels=LABELS if kind.has_classes else (), head=head, kind=kind)
    assert classifier.model.config.num_labels == (3 if kind.has_classes else 1)
    assert (
        classifier.model.config.problem_type
        == {
            kind_named("classification"): "single_label_classification",
            kind_named("multi_label"): "multi_label_classification",
            kind_named("regression"): "regression",
            kind_named("multiple_choice"): None,
        }[kind]
    )
    live = classifier_from_model(classifier.model)
    # One logit that says nothing else is a number to transformers.
    scored_alone = head == "native" and kind is kind_named("multiple_choice")
    assert live.kind is (kind_named("regression") if scored_alone else kind)
    assert live.labels == classifier.labels
    assert live.head_names == classifier.head_names


def test_a_live_multiple_choice_model_is_one() -> None:
    config = make_model("bert").config
    assert classifier_from_model(BertForMultipleChoice(config)).kind is kind_named("multiple_choice")


def test_unknown_heads_and_options_are_mistakes(tiny_checkpoint: CheckpointMaker) -> None:
    with pytest.raises(UsageError, match="did you mean 'native'"):
        load(tiny_checkpoint("bert"), head="nativ")
    with pytest.raises(UsageError, match="unknown option of head 'mlp'"):
        load_classifier(
            resolve_model(str(tiny_checkpoint("bert"))), labels=LABELS, head=Spec.parse("mlp:width=3"), seed=0
        )


@pytest.mark.parametrize("content", ["{", json.dumps({"model_type": "no_such_model"})])
def test_a_configuration_that_transformers_cannot_read_is_said(
    content: str, tiny_checkpoint: CheckpointMaker, tmp_path: Path
) -> None:
    folder = shutil.copytree(tiny_checkpoint("bert"), tmp_path / "copy")
    (folder / "config.json").write_text(content)
    with pytest.raises(UsageError, match="cannot read the configuration"):
        load(folder)


def test_an_architecture_without_a_sequence_classifier_is_refused(
    tiny_checkpoint: CheckpointMaker, tmp_path: Path
) -> None:
    folder = shutil.copytree(tiny_checkpoint("bert"), tmp_path / "copy")
    (folder / "config.json").write_text(json.dumps({"model_type": "vits"}))
    with pytest.raises(UsageError, match="no sequence classifier for 'vits'"):
        load(folder)


@heads
def test_code_in_a_checkpoint_never_runs(head: str, tiny_checkpoint: CheckpointMaker, tmp_path: Path) -> None:
    folder = shutil.copytree(tiny_checkpoint("bert"), tmp_path / "copy")
    config = json.loads((folder / "config.json").read_text())
    names = {"AutoModel": "evil.Evil", "AutoModelForSequenceClassification": "evil.Evil", "AutoConfig": "evil.Evil"}
    (folder / "config.json").write_text(json.dumps(config | {"auto_map": names}))
    (folder / "evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    assert type(load(folder, head=head).model).__module__.startswith(("transformers.", "headstart."))
    assert not (tmp_path / "ran").exists()


@architectures
def test_the_tokenizer_knows_words_and_pads(architecture: str, tiny_checkpoint: CheckpointMaker) -> None:
    source = resolve_model(str(tiny_checkpoint(architecture)))
    tokenizer = load_tokenizer(source)
    assert tokenizer.is_fast
    known = tokenizer(WORDS.split(), add_special_tokens=False)["input_ids"]
    assert all(tokenizer.unk_token_id not in ids and len(ids) == 1 for ids in known)
    assert longest_input(load_config(source), tokenizer) == MAX_TOKENS


def test_a_model_without_a_tokenizer_is_a_mistake(tiny_checkpoint: CheckpointMaker, tmp_path: Path) -> None:
    folder = shutil.copytree(tiny_checkpoint("roberta"), tmp_path / "copy")
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (folder / name).unlink()
    with pytest.raises(UsageError, match="no tokenizer"):
        load_tokenizer(resolve_model(str(folder)))


def test_the_longest_input_is_what_positions_allow(tiny_checkpoint: CheckpointMaker, tmp_path: Path) -> None:
    folder = shutil.copytree(tiny_checkpoint("roberta"), tmp_path / "copy")
    config = json.loads((folder / "tokenizer_config.json").read_text())
    (folder / "tokenizer_config.json").write_text(json.dumps(config | {"model_max_length": 10**30}))
    source = resolve_model(str(folder))
    tokenizer = load_tokenizer(source)
    longest = longest_input(load_config(source), tokenizer)
    model = load(folder).model
    fits = torch.full((1, longest), 9)
    assert model(fits).logits.isfinite().all()
    with pytest.raises((IndexError, RuntimeError)):
        model(torch.full((1, longest + 1), 9))
