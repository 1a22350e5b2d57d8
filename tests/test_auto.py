from __future__ import annotations

from pathlib import Path

import pytest
import torch
from transformers import AutoConfig, AutoModelForSequenceClassification, AutoTokenizer, pipeline

import headstart.auto  # noqa: F401, for its effect
from headstart.kinds.catalogue import kind_named
from headstart.kinds.kind import Kind
from headstart.models.classifier import Classifier, HeadstartForSequenceClassification
from headstart.models.loading import load_classifier, load_tokenizer
from headstart.models.parameters import digests, own_memory
from headstart.models.source import resolve_model
from headstart.registry import Spec
from tests.conftest import CheckpointMaker
from tests.support.auto_classes import load_before_and_after_the_import
from tests.support.processes import ended, start
from tests.support.tiny import ARCHITECTURES

HEADS = ("linear:pooling=mean", "mlp:hidden_size=24", "fourier_kan:grid_size=3")
TEXT = "the dog runs"


def saved(checkpoint: Path, folder: Path, head: str, labels: tuple[str, ...], kind: Kind) -> Classifier:
    """Save a classifier and its tokenizer as transformers does."""
    source = resolve_model(str(checkpoint))
    classifier = load_classifier(source, kind=kind, labels=labels, head=Spec.parse(head), seed=0)
    classifier.model.save_pretrained(folder)
    load_tokenizer(source).save_pretrained(folder)
    return classifier


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_auto_classes_load_our_heads_bit_for_bit(
    architecture: str, head: str, tiny_checkpoint: CheckpointMaker, tmp_path: Path
) -> None:
    classifier = saved(tiny_checkpoint(architecture), tmp_path, head, ("no", "yes"), kind_named("classification"))
    model = AutoModelForSequenceClassification.from_pretrained(tmp_path)
    assert isinstance(model, HeadstartForSequenceClassification)
    assert AutoConfig.from_pretrained(tmp_path).head == Spec.parse(head).name
    assert digests(model.state_dict()) == digests(classifier.model.state_dict())
    own_memory(model)
    inputs = AutoTokenizer.from_pretrained(tmp_path)(TEXT, return_tensors="pt")
    assert torch.equal(model(**inputs).logits, classifier.model(**inputs).logits)


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize(
    ("kind", "labels"),
    [
        (kind_named("classification"), ("no", "yes")),
        (kind_named("classification"), ("no", "maybe", "yes")),
        (kind_named("multi_label"), ("no", "maybe", "yes")),
        (kind_named("regression"), ()),
    ],
    ids=["two classes", "three classes", "several at once", "number"],
)
def test_a_pipeline_says_what_headstart_says(
    kind: Kind, labels: tuple[str, ...], head: str, tiny_checkpoint: CheckpointMaker, tmp_path: Path
) -> None:
    classifier = saved(tiny_checkpoint("bert"), tmp_path, head, labels, kind)
    with torch.no_grad():
        for tensor in classifier.head_tensors().values():
            tensor.mul_(3)
    classifier.model.save_pretrained(tmp_path)
    classify = pipeline("text-classification", model=str(tmp_path), top_k=None)
    said = {answer["label"]: answer["score"] for answer in classify(TEXT)[0]}
    inputs = AutoTokenizer.from_pretrained(tmp_path)(TEXT, return_tensors="pt")
    expected = kind.answers(classifier.model(**inputs).logits)[0].tolist()
    assert said == pytest.approx(dict(zip(labels or ("LABEL_0",), expected, strict=True)), rel=1e-5, abs=1e-6)


def test_without_the_import_the_auto_classes_know_nothing_of_our_heads(
    tiny_checkpoint: CheckpointMaker, tmp_path: Path
) -> None:
    saved(tiny_checkpoint("bert"), tmp_path, "linear", ("no", "yes"), kind_named("classification"))
    output = tmp_path / "output.txt"
    assert ended(start(load_before_and_after_the_import, tmp_path, output=output)) == 0, output.read_text()
