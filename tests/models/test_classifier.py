from __future__ import annotations

from pathlib import Path

import pytest
import torch

from headstart.errors import CheckpointError
from headstart.kinds.catalogue import kind_named
from headstart.models.classifier import Classifier, HeadstartForSequenceClassification
from headstart.models.loading import load_classifier
from headstart.models.parameters import digests
from headstart.models.source import resolve_model
from headstart.registry import Spec
from tests.conftest import CheckpointMaker
from tests.support.tiny import ARCHITECTURES, make_tokenizer

architectures = pytest.mark.parametrize("architecture", ARCHITECTURES)
TWO, THREE = ("no", "yes"), ("no", "maybe", "yes")


def load(folder: Path, *, labels: tuple[str, ...] = THREE, head: str = "native", seed: int = 0) -> Classifier:
    return load_classifier(resolve_model(str(folder)), labels=labels, head=Spec(head), seed=seed)


def batch(architecture: str) -> dict[str, torch.Tensor]:
    pairs = (["the dog runs", "cats"], ["an animal eats the red fish", "no"])
    return dict(make_tokenizer(architecture)(*pairs, padding=True, return_tensors="pt"))


@architectures
def test_a_head_moves_with_weights_and_biases(architecture: str, tiny_checkpoint: CheckpointMaker) -> None:
    trained, fresh = load(tiny_checkpoint(architecture)), load(tiny_checkpoint(architecture), seed=9)
    with torch.no_grad():
        for tensor in trained.head_tensors().values():
            tensor.add_(torch.rand_like(tensor))
    backbone = digests(fresh.backbone_tensors())
    fresh.load_head(trained.head_tensors())
    assert digests(fresh.head_tensors()) == digests(trained.head_tensors())
    assert digests(fresh.backbone_tensors()) == backbone
    inputs = batch(architecture)
    assert torch.equal(fresh.model(**inputs).logits, trained.model(**inputs).logits)


def test_tensors_are_copied_in(tiny_checkpoint: CheckpointMaker) -> None:
    one, other = load(tiny_checkpoint("bert")), load(tiny_checkpoint("bert"), seed=1)
    other.load_head(one.head_tensors())
    with torch.no_grad():
        one.head_tensors()["classifier.weight"].zero_()
    assert other.head_tensors()["classifier.weight"].any()


def test_a_backbone_moves_whole(tiny_checkpoint: CheckpointMaker) -> None:
    one, other = load(tiny_checkpoint("bert")), load(tiny_checkpoint("bert", seed=4))
    head = digests(other.head_tensors())
    assert digests(one.backbone_tensors()) != digests(other.backbone_tensors())
    other.load_backbone(one.backbone_tensors())
    assert digests(one.backbone_tensors()) == digests(other.backbone_tensors())
    assert digests(other.head_tensors()) == head


@pytest.mark.parametrize("part", ["head", "backbone"])
@pytest.mark.parametrize("fault", ["missing", "surplus", "shape"])
def test_other_tensors_are_refused_and_change_nothing(part: str, fault: str, tiny_checkpoint: CheckpointMaker) -> None:
    classifier = load(tiny_checkpoint("bert"))
    given = {name: tensor.clone() + 1 for name, tensor in getattr(classifier, f"{part}_tensors")().items()}
    name = max(given, key=lambda name: given[name].dim())
    if fault == "missing":
        del given[name]
    elif fault == "surplus":
        given["another"] = torch.zeros(1)
    else:
        given[name] = torch.zeros(1, *given[name].shape)
    before = digests(classifier.model.state_dict())
    with pytest.raises(CheckpointError, match="another" if fault == "surplus" else name):
        getattr(classifier, f"load_{part}")(given)
    assert digests(classifier.model.state_dict()) == before


def test_one_logit_is_the_second_class_log_odds(tiny_checkpoint: CheckpointMaker) -> None:
    model = load(tiny_checkpoint("bert"), labels=TWO, head="mlp").model
    inputs = batch("bert")
    z = model.head(model.base_model(**inputs).last_hidden_state[:, 0])
    assert z.shape == (2, 1)
    positive = 1 / (1 + torch.exp(-z))
    probabilities = kind_named("classification").answers(model(**inputs).logits)
    torch.testing.assert_close(probabilities, torch.cat([1 - positive, positive], dim=1))
    loss = model(**inputs, labels=torch.tensor([1, 0])).loss
    expected = torch.nn.functional.binary_cross_entropy_with_logits(z[:, 0], torch.tensor([1.0, 0.0]))
    torch.testing.assert_close(loss, expected)


def test_the_loss_is_the_mean_negative_log_probability(tiny_checkpoint: CheckpointMaker) -> None:
    labels = torch.tensor([1, 0])
    for names in (TWO, THREE):
        for head in ("native", "mlp"):
            classifier = load(tiny_checkpoint("bert"), labels=names, head=head)
            output = classifier.model(**batch("bert"), labels=labels)
            probabilities = kind_named("classification").answers(output.logits)
            expected = -probabilities[torch.arange(2), labels].log().mean()
            torch.testing.assert_close(output.loss, expected)


@architectures
@pytest.mark.parametrize("labels", [TWO, THREE], ids=["two", "three"])
def test_our_model_saved_and_loaded_gives_the_same_logits(
    architecture: str, labels: tuple[str, ...], tiny_checkpoint: CheckpointMaker, tmp_path: Path
) -> None:
    classifier = load(tiny_checkpoint(architecture), labels=labels, head="mlp")
    classifier.model.save_pretrained(tmp_path)
    loaded = HeadstartForSequenceClassification.from_pretrained(tmp_path).eval()
    assert digests(loaded.state_dict()) == digests(classifier.model.state_dict())
    assert loaded.config.num_labels == len(labels)
    assert loaded.config._attn_implementation == classifier.model.config._attn_implementation
    inputs = batch(architecture)
    torch.testing.assert_close(loaded(**inputs).logits, classifier.model(**inputs).logits)


@architectures
def test_our_head_reads_the_first_token_of_the_last_layer(architecture: str, tiny_checkpoint: CheckpointMaker) -> None:
    classifier = load(tiny_checkpoint(architecture), head="mlp")
    inputs = batch(architecture)
    features = classifier.model.base_model(**inputs).last_hidden_state[:, 0]
    head = classifier.head_tensors()
    hidden = torch.relu(features @ head["head.0.weight"].T + head["head.0.bias"])
    expected = hidden @ head["head.2.weight"].T + head["head.2.bias"]
    torch.testing.assert_close(classifier.model(**inputs).logits, expected)


@architectures
def test_every_parameter_of_our_model_gets_a_gradient(architecture: str, tiny_checkpoint: CheckpointMaker) -> None:
    model = load(tiny_checkpoint(architecture), head="mlp").model
    inputs = batch(architecture)
    model(**inputs, labels=torch.tensor([0, 2])).loss.backward()
    assert [name for name, parameter in model.named_parameters() if parameter.grad is None] == []
