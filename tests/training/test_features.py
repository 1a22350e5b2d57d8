"""Cached features on every architecture: whether a head reads one vector is found out, and the probe is the same."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from headstart.data.batching import TokenizedDataset
from headstart.registry import Spec
from headstart.training.features import reads_one_vector
from tests.matrix.cells import TEXTS, checkpoint
from tests.support.gpu import leave_out_dropout_on_a_gpu
from tests.support.in_turn import in_turn
from tests.support.runs import data_of, do_run, stage_tensors, tiny_choices, tiny_experiment

READ_MORE = ("albert", "bart", "gpt2", "llama", "longformer", "qwen3", "t5", "xlnet")
"""Native heads on another token than the first; ALBERT's has its pooler inside the backbone, and Longformer's tells its
backbone to attend globally."""
HEADS = ("native", "linear:pooling=mean")


@pytest.fixture(scope="session")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("features")


def is_cached(folder: Path, head: str) -> bool:
    experiment = tiny_experiment(tiny_choices(folder, "linear_probe", head=Spec.parse(head)))
    dataset = TokenizedDataset(data_of(experiment).tokens("train"))
    batch = data_of(experiment).collator([dataset[row] for row in range(4)])
    return reads_one_vector(data_of(experiment).load_classifier(), batch)


@pytest.mark.parametrize("architecture", TEXTS)
def test_features_are_cached_where_the_head_reads_one_vector(architecture: str, folders: Path) -> None:
    folder = checkpoint(architecture, folders / architecture)
    assert is_cached(folder, "native") == (architecture not in READ_MORE)
    assert is_cached(folder, "linear:pooling=mean")


@pytest.mark.parametrize(("architecture", "head"), in_turn(TEXTS, HEADS, every=3))
def test_the_probe_does_not_depend_on_caching(
    architecture: str, head: str, folders: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    choices = tiny_choices(
        checkpoint(architecture, folders / architecture), "linear_probe", head=Spec.parse(head), steps=4
    )
    leave_out_dropout_on_a_gpu(monkeypatch)
    do_run(choices, tmp_path / "found")
    monkeypatch.setattr("headstart.experiments.frozen_backbone.reads_one_vector", lambda *_: False)
    do_run(choices, tmp_path / "slow")
    found, slow = (stage_tensors(tmp_path / each, "1-probe", "head.safetensors") for each in ("found", "slow"))
    for name, tensor in slow.items():
        torch.testing.assert_close(found[name], tensor, rtol=1e-4, atol=1e-6)
