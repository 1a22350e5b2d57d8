"""A kept head answers each class by its name, or it is not kept."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from transformers import AutoModelForSequenceClassification, PreTrainedModel

from headstart.errors import UsageError
from headstart.kinds.catalogue import kind_named
from headstart.models.classifier import Classifier
from headstart.models.kept_head import pair_classes, pairing_note
from headstart.models.loading import load_classifier
from headstart.models.source import resolve_model
from headstart.registry import Spec
from tests.conftest import CheckpointMaker
from tests.support.other_architectures import make_other_checkpoint
from tests.support.tiny import ARCHITECTURES

DATA = ("bad", "fair", "good")


def with_config(folder: Path, target: Path, **values: Any) -> Path:
    """Copy a checkpoint with other values in its configuration."""
    shutil.copytree(folder, target)
    config = json.loads((target / "config.json").read_text())
    if names := values.pop("labels", None):
        values["id2label"] = {str(place): name for place, name in enumerate(names)}
        values["label2id"] = {name: place for place, name in enumerate(names)}
    (target / "config.json").write_text(json.dumps(config | values))
    return target


def keep(
    folder: Path, labels: tuple[str, ...] = DATA, kind: str = "classification", head: str = "native"
) -> Classifier:
    source = resolve_model(str(folder))
    return load_classifier(source, kind=kind_named(kind), labels=labels, head=Spec(head), seed=0, keep_head=True)


@pytest.fixture
def three(tiny_checkpoint: CheckpointMaker) -> Path:
    return tiny_checkpoint("bert", kind="classifier", num_labels=3)


def logits_by_class(model: PreTrainedModel, names: tuple[str, ...]) -> dict[str, float]:
    with torch.inference_mode():
        logits = model(input_ids=torch.tensor([[2, 17, 33, 48, 3]])).logits[0]
    return dict(zip(names, logits.tolist(), strict=True))


@pytest.mark.parametrize("architecture", [*ARCHITECTURES, "xlnet", "bart", "llama"])
def test_each_class_keeps_its_logit_whatever_its_place(
    architecture: str, tiny_checkpoint: CheckpointMaker, tmp_path: Path
) -> None:
    if architecture in ARCHITECTURES:
        folder = tiny_checkpoint(architecture, kind="classifier", num_labels=3)
    else:
        pretrained = make_other_checkpoint(tmp_path / "pretrained", architecture)
        folder = tmp_path / "classifier"
        shutil.copytree(pretrained, folder)
        AutoModelForSequenceClassification.from_pretrained(pretrained, num_labels=3).save_pretrained(folder)
    stored = ("good", "Bad", "fair")
    folder = with_config(folder, tmp_path / "copy", labels=stored)
    plain = logits_by_class(AutoModelForSequenceClassification.from_pretrained(folder).eval(), stored)
    kept = keep(folder)
    assert logits_by_class(kept.model, DATA) == pytest.approx(
        {name.lower(): logit for name, logit in plain.items()}, abs=1e-6
    )
    assert kept.model.config.id2label == dict(enumerate(DATA))


@pytest.mark.parametrize(
    ("stored", "given", "order"),
    [
        (DATA, DATA, (0, 1, 2)),
        (("BAD", "Fair", "good"), DATA, (0, 1, 2)),
        (("good", "fair", "bad"), DATA, (2, 1, 0)),
        (("LABEL_0", "LABEL_1", "LABEL_2"), DATA, (0, 1, 2)),
        (("neg", "pos"), ("0", "1"), (0, 1)),
        (("LABEL_1", "LABEL_0"), ("LABEL_0", "LABEL_1"), (1, 0)),
        (("1", "2", "3"), ("1", "2", "3"), (0, 1, 2)),
        (("10", "2", "1"), ("1", "2", "10"), (2, 1, 0)),
    ],
)
def test_classes_are_paired_by_name_and_by_place_only_where_names_are_places(
    stored: tuple[str, ...], given: tuple[str, ...], order: tuple[int, ...]
) -> None:
    assert pair_classes("m", stored, given) == order


@pytest.mark.parametrize(
    ("stored", "given", "said"),
    [
        (("neg", "pos"), ("approve", "reject"), "it lacks 'approve', 'reject', and it has 'neg', 'pos' beside"),
        (("praise", "refund"), ("billing", "praise", "refund"), "it lacks 'billing'"),
        (("billing", "praise", "refund"), ("praise", "refund"), "it has 'billing' beside"),
        (("bad", "neutral", "good"), DATA, "it lacks 'fair', and it has 'neutral' beside"),
        (("1", "2"), ("bad", "good"), "it lacks 'bad', 'good', and it has '1', '2' beside"),
    ],
)
def test_other_classes_are_refused_and_named(stored: tuple[str, ...], given: tuple[str, ...], said: str) -> None:
    with pytest.raises(UsageError) as caught:
        pair_classes("m", stored, given)
    assert str(caught.value).splitlines() == [
        f"`keep_head`: the classes of the head of 'm' are not those of the data: {said}",
        f"  The head's: {', '.join(stored)}. The data's: {', '.join(given)}.",
        "  Leave `keep_head` out; a fresh head is drawn.",
    ]


def test_what_is_not_simply_equal_is_said() -> None:
    assert pairing_note(DATA, DATA) == ""
    assert pairing_note(("BAD", "fair", "good"), DATA) == ""
    assert "LABEL_0 -> bad, LABEL_1 -> good" in pairing_note(("LABEL_0", "LABEL_1"), ("bad", "good"))
    assert "neg -> 0, pos -> 1" in pairing_note(("neg", "pos"), ("0", "1"))
    assert "into the order" in pairing_note(("good", "bad"), ("bad", "good"))


@pytest.mark.parametrize(
    ("word", "kind", "is_kept"),
    [
        (None, "classification", True),
        (None, "multi_label", True),
        ("single_label_classification", "classification", True),
        ("multi_label_classification", "multi_label", True),
        ("multi_label_classification", "classification", False),
        ("single_label_classification", "multi_label", False),
        ("regression", "classification", False),
    ],
)
def test_a_head_of_another_kind_is_not_kept(
    word: str | None, kind: str, is_kept: bool, three: Path, tmp_path: Path
) -> None:
    folder = with_config(three, tmp_path / "copy", labels=DATA, problem_type=word)
    if is_kept:
        assert keep(folder, kind=kind).newly_initialised == ()
        return
    with pytest.raises(UsageError, match=f"`keep_head`: the head of .* is for .*, and the task is {kind}"):
        keep(folder, kind=kind)


def test_a_head_for_tokens_is_not_kept(tiny_checkpoint: CheckpointMaker, tmp_path: Path) -> None:
    """Its tensors have the names and shapes of ModernBERT's classifier."""
    three = tiny_checkpoint("modernbert", kind="classifier", num_labels=3)
    folder = tmp_path / "tokens"
    shutil.copytree(three, folder)
    transformers.ModernBertForTokenClassification.from_pretrained(three).save_pretrained(folder)
    with pytest.raises(UsageError, match="saved from ModernBertForTokenClassification, whose head does not classify"):
        keep(folder)


@pytest.mark.parametrize("head", ["linear", "mlp", "fourier_kan"])
def test_heads_of_ours_likewise(head: str, three: Path, tmp_path: Path) -> None:
    fresh = load_classifier(resolve_model(str(three)), labels=("good", "bad", "fair"), head=Spec(head), seed=0)
    fresh.model.save_pretrained(tmp_path / "own")
    plain = logits_by_class(fresh.model, ("good", "bad", "fair"))
    if head == "fourier_kan":
        with pytest.raises(UsageError, match="in another order than the data"):
            keep(tmp_path / "own", head=head)
    else:
        assert logits_by_class(keep(tmp_path / "own", head=head).model, DATA) == pytest.approx(plain, abs=1e-6)
    with pytest.raises(UsageError, match="it lacks 'awful'"):
        keep(tmp_path / "own", ("awful", *DATA), head=head)
