"""Runs whose head reads the two texts of a pair apart."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from headstart.data.examples import Split
from headstart.errors import UsageError
from headstart.experiments.experiment import TaskSource
from headstart.registry import Spec
from headstart.tasks.task import Task
from headstart.training.config import PrivacyConfig
from tests.support.runs import data_of, do_run, stage_tensors, stored, tiny_choices, tiny_experiment, tiny_rows

CheckpointMaker = Callable[..., Path]
APART, JOINT = Spec.parse("linear:pair=apart:pooling=mean"), Spec.parse("linear:pooling=mean")
UNIT = Spec.parse("linear:pair=apart:pooling=mean:unit")


@pytest.fixture(scope="module")
def pairs() -> TaskSource:
    """Return pairs of texts, which agree or not in whether they are good."""
    task = Task(name="pairs", text_columns=("first", "second"), label_column="label", labels=("no", "yes"))
    first, second = tiny_rows(30), tiny_rows(15, seed=1) + tiny_rows(15, seed=2)
    rows = [((a, b), int(x == y)) for (a, x), (b, y) in zip(first, second, strict=True)]
    splits = {
        name: Split.of(texts=tuple(texts for texts, _ in part), labels=tuple(label for _, label in part))
        for name, part in (("train", rows[:20]), ("validation", rows[20:]))
    }
    return stored(task, splits)


def test_all_ways_to_read_pairs_come_from_one_call(tiny_checkpoint: CheckpointMaker, pairs: TaskSource) -> None:
    data = data_of(tiny_experiment(tiny_choices(tiny_checkpoint("bert"), "linear_probe", head=APART), pairs), pairs)
    found = data.vectors((APART, UNIT, JOINT), "train")
    assert found[APART].shape == (20, 4 * found[JOINT].shape[1])
    u, v, difference, product = np.split(found[APART], 4, axis=1)
    np.testing.assert_array_equal(difference, np.abs(u - v))
    np.testing.assert_array_equal(product, u * v)
    first, second = (each / np.linalg.norm(each, axis=1, keepdims=True) for each in (u, v))
    expected = np.hstack([first, second, np.abs(first - second), first * second])
    np.testing.assert_allclose(found[UNIT], expected, rtol=1e-4, atol=1e-6)


def test_a_probe_of_kept_vectors_is_the_probe_of_whole_passes(
    tiny_checkpoint: CheckpointMaker, pairs: TaskSource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = tiny_choices(tiny_checkpoint("bert"), "linear_probe", head=APART, steps=4)
    do_run(options, tmp_path / "kept", pairs)
    monkeypatch.setattr("headstart.experiments.frozen_backbone.FrozenBackbone.features", lambda *_: None)
    do_run(options, tmp_path / "whole", pairs)
    kept, whole = (stage_tensors(tmp_path / name, "1-probe", "head.safetensors") for name in ("kept", "whole"))
    for name, tensor in whole.items():
        torch.testing.assert_close(kept[name], tensor, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("adapter", ["lora", "prompt", "prefix"])
def test_adapters_train_under_it(
    adapter: str, tiny_checkpoint: CheckpointMaker, pairs: TaskSource, tmp_path: Path
) -> None:
    options = tiny_choices(tiny_checkpoint("bert"), "adapter", adapter, head=APART, steps=3, max_length=24)
    _, record = do_run(options, tmp_path, pairs)
    assert record.status == "finished"


def test_private_training_is_refused(tiny_checkpoint: CheckpointMaker, pairs: TaskSource, tmp_path: Path) -> None:
    pytest.importorskip("opacus", reason="private training needs the extra 'dp'")
    options = tiny_choices(
        tiny_checkpoint("bert"), "finetune", head=APART, dp=PrivacyConfig(epsilon=8.0, delta=1e-5), steps=2
    )
    with pytest.raises(UsageError, match="two of each pair"):
        do_run(options, tmp_path, pairs)
