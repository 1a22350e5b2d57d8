"""Layers are found in the names of real architectures, in their order."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from headstart.models.layers import Layers
from tests.support.runs import data_of, tiny_choices, tiny_experiment
from tests.support.tiny import NUM_LAYERS

CheckpointMaker = Callable[..., Path]


@pytest.mark.parametrize(
    ("architecture", "lowest", "below", "above"),
    [
        ("bert", "bert.encoder.layer.0", "bert.embeddings.LayerNorm.bias", "bert.pooler.dense.weight"),
        ("roberta", "roberta.encoder.layer.0", "roberta.embeddings.LayerNorm.bias", None),
        ("distilbert", "distilbert.transformer.layer.0", "distilbert.embeddings.LayerNorm.bias", None),
        ("deberta-v2", "deberta.encoder.layer.0", "deberta.encoder.rel_embeddings.weight", None),
        ("modernbert", "model.layers.0", "model.embeddings.norm.weight", "model.final_norm.weight"),
    ],
)
def test_layers_of_real_models(
    architecture: str, lowest: str, below: str, above: str | None, tiny_checkpoint: CheckpointMaker
) -> None:
    experiment = tiny_experiment(tiny_choices(tiny_checkpoint(architecture), "finetune"))
    names = list(data_of(experiment).load_classifier().backbone_tensors())
    layers = Layers.of(names)
    assert len(layers) == NUM_LAYERS
    assert layers.paths[0] == lowest
    assert layers.depth(below) == NUM_LAYERS + 1
    if above in names:
        assert layers.depth(above) == 0
    everything = layers.below | layers.above | layers.top(NUM_LAYERS)
    assert everything == set(names)
    assert layers.top(1) == {name for name in names if name.startswith(layers.paths[-1] + ".")}
