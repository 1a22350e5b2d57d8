from __future__ import annotations

import pytest

from headstart.models.attention import resolve_attention
from headstart.models.loading import load_classifier
from headstart.models.source import resolve_model
from tests.conftest import CheckpointMaker
from tests.support.tiny import ARCHITECTURES


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_on_a_gpu_it_is_what_transformers_would_take(architecture: str, tiny_checkpoint: CheckpointMaker) -> None:
    source = resolve_model(str(tiny_checkpoint(architecture)))
    own_choice = load_classifier(source, labels=("no", "yes"), seed=0).model.config._attn_implementation
    assert resolve_attention(source, "cuda") == own_choice
    assert own_choice == ("eager" if architecture == "deberta-v2" else "sdpa")
    assert resolve_attention(source, "cpu") == "eager"
