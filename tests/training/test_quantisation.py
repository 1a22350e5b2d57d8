"""Quantised frozen backbones. bitsandbytes computes on a CPU too, so the mechanics are tested where it is installed."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
import torch

from headstart.adapters.catalogue import adapter_names, build_adapter
from headstart.errors import UsageError
from headstart.experiments import quantised_stages
from headstart.models.parameters import digests
from headstart.registry import Spec
from headstart.training.quantisation import quantise, require_quantisation
from tests.conftest import CheckpointMaker
from tests.support.runs import data_of, do_run, stage_tensors, tiny_choices, tiny_experiment

needs_bitsandbytes = pytest.mark.skipif(
    importlib.util.find_spec("bitsandbytes") is None, reason="bitsandbytes is not installed"
)
WIDTHS = ("8bit", "4bit")
READING_OUTPUTS = [name for name in adapter_names() if build_adapter(Spec(name)).reads_outputs_only]


@pytest.fixture
def as_on_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let plans be made without a GPU, and keep bitsandbytes from its own packing of 4-bit weights on some CPUs."""
    monkeypatch.setattr(quantised_stages, "require_quantisation", lambda width, device: None)
    if importlib.util.find_spec("bitsandbytes") is not None:
        monkeypatch.setattr("bitsandbytes.nn.modules.has_avx512bf16", lambda: False)


@pytest.mark.parametrize(
    ("width", "device", "message"),
    [("2bit", "cuda", "Known: 8bit, 4bit"), ("8bit", "cpu", "needs a GPU")],
)
def test_what_cannot_be_quantised_is_refused(width: str, device: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        require_quantisation(width, device)


def test_a_missing_bitsandbytes_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match="pip install bitsandbytes"):
        require_quantisation("8bit", "cuda")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_the_plan_is_refused(tiny_checkpoint: CheckpointMaker) -> None:
    choices = tiny_choices(tiny_checkpoint("bert"), "eh_ft", quantise_stage1="8bit")
    with pytest.raises(UsageError, match="needs a GPU"):
        tiny_experiment(choices)


@pytest.mark.usefixtures("as_on_a_gpu")
@pytest.mark.parametrize(
    ("strategy", "adapter", "message"),
    [
        ("finetune", None, "would have no effect"),
        ("adapter", "lora", "would have no effect"),
        ("eh_ft", "pissa", "computes with the weights"),
        ("eh_ft:reserve", "lora", "would be merged into"),
    ],
)
def test_plans_that_cannot_be_quantised_are_refused(
    strategy: str, adapter: str | None, message: str, tiny_checkpoint: CheckpointMaker
) -> None:
    choices = tiny_choices(tiny_checkpoint("bert"), strategy, adapter, quantise_stage1="8bit")
    with pytest.raises(UsageError, match=message):
        tiny_experiment(choices)


@needs_bitsandbytes
@pytest.mark.usefixtures("as_on_a_gpu")
@pytest.mark.parametrize("width", WIDTHS)
def test_logits_stay_close_and_only_the_layers_maps_shrink(width: str, tiny_checkpoint: CheckpointMaker) -> None:
    experiment = tiny_experiment(tiny_choices(tiny_checkpoint("bert"), "finetune"))
    plain, small = (data_of(experiment).load_classifier() for _ in range(2))
    quantise(small, width, device="cpu", precision="fp32")
    inputs = torch.arange(10).view(2, 5) + 5
    with torch.no_grad():
        expected, found = plain.model(inputs).logits, small.model(inputs).logits
    assert not torch.equal(found, expected)
    torch.testing.assert_close(found, expected, rtol=0, atol=0.05 if width == "8bit" else 0.5)
    dtypes = {name: tensor.dtype for name, tensor in small.model.named_parameters()}
    assert {name for name, dtype in dtypes.items() if dtype != torch.float32} == {
        name
        for name in dtypes
        if ".layer." in name and name.endswith(("dense.weight", "query.weight", "key.weight", "value.weight"))
    }
    assert digests(small.head_tensors()) == digests(plain.head_tensors())


@needs_bitsandbytes
@pytest.mark.usefixtures("as_on_a_gpu")
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize(
    "adapter",
    ["lora"]
    + [pytest.param(name, marks=pytest.mark.slow) for name in READING_OUTPUTS if name not in ("lora", "p_tuning")],
)
def test_stage_1_trains_on_a_quantised_backbone_and_stage_2_on_the_full_one(
    adapter: str, width: str, tiny_checkpoint: CheckpointMaker, tmp_path: Path
) -> None:
    _, record = do_run(
        tiny_choices(tiny_checkpoint("bert"), "eh_ft", adapter, quantise_stage1=width, steps=6), tmp_path
    )
    first, second = record.stages
    assert first.moved["adapter"] > 0
    assert first.moved["backbone"] == 0
    assert first.backbone_restored
    assert first.dtypes["head"] == first.dtypes["adapter"] == "float32"
    assert "int8" in first.dtypes["backbone"]
    assert second.dtypes["backbone"] == "float32"
    trained = stage_tensors(tmp_path, "2-finetune", "backbone.safetensors")
    assert {tensor.dtype for tensor in trained.values()} <= {torch.float32, torch.int64}
