"""How often the processor waits for a GPU: in updates only where something is looked at, in other passes at the end."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch

from headstart.data.batching import PaddingCollator
from headstart.data.tokenisation import tokenize
from headstart.inference.forward import batched_logits
from headstart.inference.passes import PassSize
from headstart.store.record import RunStatus
from headstart.training.callbacks import UPDATES_BETWEEN_LOOKS, updates_per_entry
from headstart.training.config import RunOptions
from headstart.training.diagnostics import Sample
from headstart.training.features import extract, reading_of
from headstart.training.fitted_head import head_inputs
from tests.conftest import CheckpointMaker
from tests.support.runs import do_run, tiny_choices
from tests.support.saved import PAIR_TASK, make_example, texts
from tests.support.stand_in_device import StandInDevice, stand_in_gpu

FEW, MANY = 20, 40
"""Updates of two runs whose logs have equally many entries."""
MASK, LOSSES = "torch.Tensor.__bool__", "torch.Tensor.nonzero"
"""transformers looks in each forward pass with sdpa whether anything is masked; we look whether losses are finite."""
WITHOUT_CHECKPOINTS = RunOptions(checkpoint_seconds=1e9)
STRATEGIES: dict[str, tuple[str, str | None, dict[str, Any]]] = {
    "weighted": ("finetune", None, {"class_weights": "balanced", "loss": "focal"}),
    **{
        name: (name, None, {})
        for name in ("mixout", "child_tuning", "ema", "gradual_unfreezing", "layerwise_decay", "dropout")
    },
    "prefix": ("adapter", "prefix", {}),
    "frequencies": ("finetune", None, {"loss": "balanced_softmax"}),
}


def waits(checkpoint: Path, folder: Path, strategy: str, adapter: str | None, **options: Any) -> Counter[str]:
    with stand_in_gpu() as device:
        choices = tiny_choices(checkpoint, strategy, adapter, **options)
        _, record = do_run(choices, folder, options=WITHOUT_CHECKPOINTS)
        assert record.status is RunStatus.FINISHED
        return Counter(device.waits)


@pytest.mark.parametrize(
    "name", ["weighted", *(pytest.param(name, marks=pytest.mark.slow) for name in STRATEGIES if name != "weighted")]
)
def test_further_updates_wait_for_nothing(name: str, tiny_checkpoint: CheckpointMaker, tmp_path: Path) -> None:
    """Beside transformers' look at the mask and ours at the losses, which is taken once in 16 updates."""
    strategy, adapter, options = STRATEGIES[name]
    few, many = (
        waits(tiny_checkpoint("bert"), tmp_path / str(steps), strategy, adapter, steps=steps, **options)
        for steps in (FEW, MANY)
    )
    looks = MANY // UPDATES_BETWEEN_LOOKS["cuda"] - FEW // UPDATES_BETWEEN_LOOKS["cuda"]
    assert many - few == {MASK: MANY - FEW, LOSSES: looks}


@pytest.mark.slow
def test_updates_on_kept_features_wait_for_nothing(tiny_checkpoint: CheckpointMaker, tmp_path: Path) -> None:
    few, many = (
        waits(tiny_checkpoint("bert"), tmp_path / str(steps), "linear_probe", None, steps=steps)
        for steps in (FEW, MANY)
    )
    assert many - few == {LOSSES: 1}


@pytest.mark.parametrize(
    ("num_steps", "on_cpu", "on_gpu"), [(1, 1, 1), (9, 1, 1), (40, 1, 4), (160, 1, 16), (1000, 10, 16), (5000, 50, 50)]
)
def test_entries_of_the_log_are_further_apart_on_a_gpu(num_steps: int, on_cpu: int, on_gpu: int) -> None:
    assert (updates_per_entry(num_steps, "cpu"), updates_per_entry(num_steps, "cuda")) == (on_cpu, on_gpu)


@pytest.fixture
def device() -> Any:
    with stand_in_gpu() as stand_in:
        yield stand_in


def test_passes_bring_everything_back_at_once(device: StandInDevice, tiny_checkpoint: CheckpointMaker) -> None:
    """Of 12 batches; and what comes back is what each would have brought by itself."""
    example = make_example(tiny_checkpoint("bert"), task=PAIR_TASK)
    classifier, collate = example.classifier, PaddingCollator(example.tokenizer)
    tokens = tokenize(texts(PAIR_TASK), example.tokenizer, max_length=32)
    assert len(tokens) == 23
    expected = batched_logits(classifier.model, tokens, collate, size=PassSize(rows=2), precision="fp32", device="cpu")
    classifier.model.to("cuda")
    few: dict[str, Any] = {"size": PassSize(rows=2), "precision": "fp32", "device": "cuda"}
    passes = {
        "logits": lambda: batched_logits(classifier.model, tokens, collate, **few),
        "features": lambda: extract(classifier, [reading_of(classifier)], tokens, collate, **few),
        "head's inputs": lambda: head_inputs(classifier, tokens, collate, **few),
    }
    found = {}
    for name, do in passes.items():
        device.waits.clear()
        found[name] = do()
        came_back = Counter(device.waits)
        assert came_back.pop(MASK) == 12, name
        assert set(came_back) == {"sent to the CPU"}, name
        assert came_back.total() <= 2, name
    torch.testing.assert_close(found["logits"], expected, rtol=0, atol=0)
    sample = Sample(tokens=tokens, collate=collate, precision="fp32", device="cuda")
    device.waits.clear()
    sample.snapshot(classifier.model)
    assert Counter(device.waits) == {MASK: 1, "sent to the CPU": 2}
