from __future__ import annotations

import json
import shutil
from dataclasses import asdict
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from headstart.adapters.catalogue import ADAPTERS, build_adapter
from headstart.adapters.names import adapter_names
from headstart.errors import CheckpointError
from headstart.inspection.doctor import ModelReport, inspect_model
from headstart.models.loading import load_classifier
from headstart.models.parameters import count
from headstart.models.sentence_pooling import sentence_pooling
from headstart.models.source import resolve_model
from headstart.registry import Spec
from tests.conftest import CheckpointMaker
from tests.models.test_loading import FIRST_BACKBONE_TENSOR, damage
from tests.models.test_sentence_pooling import write as write_modules
from tests.support.paths import needs_demo_encoder
from tests.support.tiny import ARCHITECTURES, MAX_TOKENS

LABELS = ("no", "maybe", "yes")


def inspect(folder: Path, head: str = "native") -> ModelReport:
    return inspect_model(resolve_model(str(folder)), labels=LABELS, head=Spec(head))


@pytest.mark.parametrize("head", ["native", "mlp"])
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_report_counts_what_training_would_train(
    architecture: str, head: str, tiny_checkpoint: CheckpointMaker
) -> None:
    folder = tiny_checkpoint(architecture)
    report = inspect(folder, head)
    classifier = load_classifier(resolve_model(str(folder)), labels=LABELS, head=Spec(head), seed=0)
    assert report.architecture == architecture
    assert report.model_class == type(classifier.model).__name__
    assert tuple(tensor.name for tensor in report.head) == classifier.head_names == report.new_tensors
    assert report.num_head_parameters == sum(tensor.num_parameters for tensor in report.head)
    assert report.num_head_parameters + report.num_backbone_parameters == count(classifier.model.state_dict())
    assert report.longest_input == MAX_TOKENS
    assert tuple(adapter.name for adapter in report.adapters) == adapter_names()
    for adapter in report.adapters:
        fresh = load_classifier(resolve_model(str(folder)), labels=LABELS, head=Spec(head), seed=0)
        refusal = build_adapter(Spec(adapter.name)).refusal(fresh)
        assert adapter.refusal == refusal
        if refusal is None:
            attached = build_adapter(Spec(adapter.name)).attach(fresh, seed=0)
            counted = count(attached.adapter_tensors())
            assert counted > 0
            assert adapter.num_parameters == (None if adapter.name == "boft" else counted)
            assert adapter.merges == (attached.merged is not None)
        else:
            assert adapter.num_parameters == 0


def test_a_head_of_another_size_is_told_with_both_shapes(tiny_checkpoint: CheckpointMaker) -> None:
    report = inspect(tiny_checkpoint("roberta", kind="classifier", num_labels=5))
    assert {(each.name, each.checkpoint_shape, each.shape) for each in report.mismatched} == {
        ("classifier.out_proj.bias", (5,), (3,)),
        ("classifier.out_proj.weight", (5, 32), (3, 32)),
    }
    assert set(report.new_tensors) == {each.name for each in report.mismatched}
    assert {tensor.name for tensor in report.head} > set(report.new_tensors)


def test_a_fitting_head_is_head_and_nothing_is_new(tiny_checkpoint: CheckpointMaker) -> None:
    report = inspect(tiny_checkpoint("bert", kind="classifier", num_labels=3))
    assert report.new_tensors == ()
    assert report.mismatched == ()
    assert [tensor.name for tensor in report.head] == ["classifier.bias", "classifier.weight"]


def test_dtypes_are_the_files(tiny_checkpoint: CheckpointMaker) -> None:
    folder = tiny_checkpoint("bert", dtype=torch.bfloat16)
    assert inspect(folder).dtypes == (("BF16", count(load_file(folder / "model.safetensors"))),)


def test_a_damaged_backbone_is_an_error_that_names_the_tensor(tiny_checkpoint: CheckpointMaker, tmp_path: Path) -> None:
    folder = damage(tiny_checkpoint("bert"), tmp_path / "damaged", FIRST_BACKBONE_TENSOR["bert"])
    with pytest.raises(CheckpointError, match=r"layer\.1\.attention\.self\.query\.weight"):
        inspect(folder)


def test_inspecting_changes_no_file_and_no_random_state(tiny_checkpoint: CheckpointMaker, tmp_path: Path) -> None:
    folder = shutil.copytree(tiny_checkpoint("roberta"), tmp_path / "copy")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    state = torch.random.get_rng_state()
    inspect(folder)
    assert torch.equal(state, torch.random.get_rng_state())
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_the_report_is_plain_values(tiny_checkpoint: CheckpointMaker) -> None:
    report = inspect(tiny_checkpoint("bert"))
    assert json.loads(json.dumps(asdict(report)))["num_head_parameters"] == report.num_head_parameters


@pytest.mark.real
@needs_demo_encoder
def test_the_real_encoder_by_its_published_size() -> None:
    report = inspect_model(resolve_model("embedded:minilm-l6"), labels=LABELS)
    assert report.num_backbone_parameters == 22_713_216
    assert report.num_head_parameters == 3 * 384 + 3
    # h = 384, 6 layers: 11 h of biases a layer; four maps with 8 (h + h) scalars; 17 keys and values; two ways down
    # to h / 16 = 24 and up again; 20 prompts, for p_tuning with three maps behind them.
    assert {adapter.name: adapter.num_parameters for adapter in report.adapters if adapter.name in ADAPTERS} == {
        "bitfit": 6 * 11 * 384,
        "bottleneck": 6 * 2 * (2 * 384 * 24 + 24 + 384),
        "lora": 6 * 4 * 8 * 2 * 384,
        "prefix": 6 * 2 * 17 * 384,
        "prompt": 20 * 384,
        "p_tuning": 20 * 384 + 3 * (384 * 384 + 384),
    }


def test_it_says_which_vector_heads_read_and_who_says_so(tiny_checkpoint: CheckpointMaker, tmp_path: Path) -> None:
    plain = inspect(tiny_checkpoint("bert"))
    assert (plain.pooling, plain.pooling_is_said, plain.after_pooling) == ("first", False, ())
    shutil.copytree(tiny_checkpoint("bert"), tmp_path / "encoder")
    said = inspect(write_modules(tmp_path / "encoder", {"pooling_mode": ["mean", "max"]}, "Normalize"))
    assert (said.pooling, said.pooling_is_said, said.after_pooling) == ("mean+max", True, ("Normalize",))


@needs_demo_encoder
def test_the_embedded_encoder_says_the_mean() -> None:
    said = sentence_pooling(resolve_model("embedded:minilm-l6").path)
    assert said is not None
    assert (said.option, said.following) == ("mean", ("Normalize",))
