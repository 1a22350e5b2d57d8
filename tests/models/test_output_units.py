"""A head takes up a scale: what it answers then is what it answered, in the units of the labels."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from headstart.kinds.catalogue import kind_named
from headstart.losses import Scale
from headstart.models.classifier import Classifier
from headstart.models.loading import load_classifier, load_tokenizer
from headstart.models.output_units import last_map, to_raw_units, to_standard_units
from headstart.models.source import ModelSource, resolve_model
from headstart.registry import Spec
from tests.conftest import CheckpointMaker
from tests.support.other_architectures import OTHER_ARCHITECTURES, SELDOM_ARCHITECTURES, make_other_checkpoint
from tests.support.tiny import ARCHITECTURES

SCALE = Scale(offset=-3005.0, size=1400.0)
WITHOUT_BIAS = ("gemma3_text", "gpt2", "llama", "qwen2", "qwen3")
REFUSED = ("t5gemma",)
"""Whose native head no task can use."""
NATIVE = sorted({*ARCHITECTURES, *OTHER_ARCHITECTURES, *SELDOM_ARCHITECTURES} - {*REFUSED})


def load(source: ModelSource, head: str) -> Classifier:
    return load_classifier(source, kind=kind_named("regression"), labels=(), head=Spec.parse(head), seed=3)


def answers(classifier: Classifier, source: ModelSource) -> torch.Tensor:
    batch = load_tokenizer(source)(["the dog runs fast", "no dog eats the red fish"], padding=True, return_tensors="pt")
    with torch.inference_mode():
        return classifier.model(**batch).logits


def check(source: ModelSource, head: str, scale: Scale) -> None:
    classifier = load(source, head)
    before = answers(classifier, source)
    assert before.std() > 0
    to_raw_units(classifier, scale)
    after = answers(classifier, source)
    assert after.shape == (2, 1)
    torch.testing.assert_close(after.double(), scale.raw(before), rtol=1e-5, atol=1e-5 * scale.size)
    to_standard_units(classifier, scale)
    torch.testing.assert_close(answers(classifier, source), before, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    "architecture", [pytest.param(name, marks=pytest.mark.slow) if name == "canine" else name for name in NATIVE]
)
def test_the_native_head_of_every_architecture(
    architecture: str, tiny_checkpoint: CheckpointMaker, tmp_path: Path
) -> None:
    is_tiny = architecture in ARCHITECTURES
    folder = tiny_checkpoint(architecture) if is_tiny else make_other_checkpoint(tmp_path, architecture)
    source = resolve_model(str(folder))
    last = last_map(load(source, "native"))
    assert last is not None
    assert (last.bias is None) == (architecture in WITHOUT_BIAS)
    check(source, "native", SCALE if last.bias is not None else SCALE.without_offset)


@pytest.mark.parametrize("head", ["linear", "mlp", "fourier_kan", "fourier_kan:grid_size=2"])
@pytest.mark.parametrize("scale", [SCALE, Scale(offset=2e-6, size=1e-6), Scale(offset=5e8, size=1e9)])
def test_heads_of_our_own(head: str, scale: Scale, tiny_checkpoint: CheckpointMaker) -> None:
    check(resolve_model(str(tiny_checkpoint("bert"))), head, scale)


def test_what_has_no_bias_takes_up_no_offset(tmp_path: Path) -> None:
    classifier = load(resolve_model(str(make_other_checkpoint(tmp_path, "gpt2"))), "native")
    with pytest.raises(ValueError, match="cannot take up an offset"):
        to_raw_units(classifier, SCALE)
