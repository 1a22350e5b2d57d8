"""A model with one of our heads as the start of another one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
import torch

from headstart.errors import UsageError
from headstart.models.classifier import Classifier
from headstart.models.input_length import longest_input
from headstart.models.loading import load_classifier, load_config, load_tokenizer
from headstart.models.parameters import digests
from headstart.models.source import ModelSource, resolve_model
from headstart.registry import Spec
from tests.conftest import CheckpointMaker
from tests.support.tiny import ARCHITECTURES

LABELS = ("bad", "good")


def load(source: ModelSource, head: str, labels: tuple[str, ...] = LABELS, *, keep_head: bool = False) -> Classifier:
    return load_classifier(source, labels=labels, head=Spec.parse(head), seed=1, keep_head=keep_head)


def saved(source: ModelSource, folder: Path, head: str) -> tuple[Classifier, ModelSource]:
    """Return a classifier all of whose weights differ from the pretrained ones, and where it was saved."""
    classifier = load_classifier(source, labels=LABELS, head=Spec.parse(head), seed=0)
    with torch.no_grad():
        for parameter in classifier.model.parameters():
            parameter.add_(0.25)
    classifier.model.save_pretrained(folder)
    load_tokenizer(source).save_pretrained(folder)
    return classifier, resolve_model(str(folder))


def plain(tensors: Mapping[str, torch.Tensor], prefix: str) -> dict[str, str]:
    return {name.removeprefix(f"{prefix}."): value for name, value in digests(tensors).items()}


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("head", ["mlp", "linear:pooling=mean", "native"])
def test_another_head_stands_on_its_trained_backbone(
    architecture: str, head: str, tiny_checkpoint: CheckpointMaker, tmp_path: Path
) -> None:
    trained, source = saved(resolve_model(str(tiny_checkpoint(architecture))), tmp_path, "mlp:hidden_size=16")
    again = load(source, head, labels=("no", "maybe", "yes"))
    backbone = plain(again.backbone_tensors(), again.model.base_model_prefix)
    assert plain(trained.backbone_tensors(), "backbone") == backbone
    assert set(again.newly_initialised) == set(again.head_names)


def test_its_configuration_is_its_backbone_s(tiny_checkpoint: CheckpointMaker, tmp_path: Path) -> None:
    origin = resolve_model(str(tiny_checkpoint("roberta")))
    _, source = saved(origin, tmp_path, "linear")
    assert load_config(source).model_type == "roberta"
    assert longest_input(load_config(source), load_tokenizer(source)) == longest_input(
        load_config(origin), load_tokenizer(origin)
    )


@pytest.mark.parametrize("head", ["mlp:hidden_size=16", "linear:pooling=mean", "fourier_kan"])
def test_its_head_can_be_kept(head: str, tiny_checkpoint: CheckpointMaker, tmp_path: Path) -> None:
    trained, source = saved(resolve_model(str(tiny_checkpoint("bert"))), tmp_path, head)
    kept = load(source, head, keep_head=True)
    assert digests(kept.model.state_dict()) == digests(trained.model.state_dict())
    assert kept.newly_initialised == ()
    assert kept.head_names == trained.head_names


@pytest.mark.parametrize(
    ("head", "labels", "message"),
    [
        ("mlp", LABELS, "no head of this kind"),
        ("linear", LABELS, "no head of this kind"),
        ("native", LABELS, "no head of this kind"),
        ("linear:pooling=mean", ("LABEL_0", "LABEL_1", "LABEL_2"), "no head of this kind for 3 classes"),
        ("linear:pooling=mean", ("a", "b", "c"), "it lacks 'a', 'b', 'c'"),
    ],
)
def test_another_head_is_not_mistaken_for_it(
    head: str, labels: tuple[str, ...], message: str, tiny_checkpoint: CheckpointMaker, tmp_path: Path
) -> None:
    _, source = saved(resolve_model(str(tiny_checkpoint("bert"))), tmp_path, "linear:pooling=mean")
    with pytest.raises(UsageError, match=message):
        load(source, head, labels, keep_head=True)


@pytest.mark.parametrize("architecture", ["bart", "t5", "gpt2"])
def test_encoders_of_encoder_decoders_go_on_as_well(
    architecture: str, checkpoints: Mapping[str, ModelSource], tmp_path: Path
) -> None:
    trained, source = saved(checkpoints[architecture], tmp_path, "linear")
    again = load(source, "mlp")
    assert digests(again.backbone_tensors()) == digests(trained.backbone_tensors())
