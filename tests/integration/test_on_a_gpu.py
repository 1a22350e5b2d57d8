"""What only a GPU can show; `make gpu` runs it on one."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from headstart.adapters.catalogue import adapter_names
from headstart.store.record import RunStatus
from headstart.training.config import RunOptions
from tests.conftest import CheckpointMaker
from tests.support.gpu import ON_A_GPU
from tests.support.runs import do_run, stage_tensors, tiny_choices

pytestmark = list(ON_A_GPU)

needs_bitsandbytes = pytest.mark.skipif(
    importlib.util.find_spec("bitsandbytes") is None, reason="bitsandbytes is not installed"
)
WITH_DIAGNOSTICS = RunOptions(keep_backbone=True, diagnostics=True)


@pytest.mark.parametrize("adapter", adapter_names())
def test_every_adapter_trains_before_the_whole_model(
    adapter: str, tiny_checkpoint: CheckpointMaker, tmp_path: Path
) -> None:
    _, record = do_run(tiny_choices(tiny_checkpoint("bert"), "eh_ft", adapter), tmp_path, options=WITH_DIAGNOSTICS)
    assert record.status is RunStatus.FINISHED
    assert record.stages[0].moved["adapter"] > 0
    assert record.stages[0].backbone_restored
    assert record.peak_memory_bytes > 0


@pytest.mark.parametrize("strategy", ["finetune", "eh_ft", "linear_probe"])
def test_bf16_keeps_what_trains_in_fp32(strategy: str, tiny_checkpoint: CheckpointMaker, tmp_path: Path) -> None:
    run, record = do_run(
        tiny_choices(tiny_checkpoint("roberta"), strategy, precision="bf16"), tmp_path, options=WITH_DIAGNOSTICS
    )
    assert (run.experiment.training.precision, run.experiment.training.attention) == ("bf16", "sdpa")
    assert record.status is RunStatus.FINISHED
    assert {stage.dtypes["head"] for stage in record.stages} == {"float32"}


@needs_bitsandbytes
@pytest.mark.parametrize("width", ["8bit", "4bit"])
def test_stage_1_trains_on_a_quantised_backbone(width: str, tiny_checkpoint: CheckpointMaker, tmp_path: Path) -> None:
    choices = tiny_choices(tiny_checkpoint("bert"), "eh_ft", "lora", quantise_stage1=width)
    _, record = do_run(choices, tmp_path, options=WITH_DIAGNOSTICS)
    assert "int8" in record.stages[0].dtypes["backbone"]
    assert record.stages[1].dtypes["backbone"] == "float32"
    trained = stage_tensors(tmp_path, "2-finetune", "backbone.safetensors")
    assert "float32" in {str(tensor.dtype).removeprefix("torch.") for tensor in trained.values()}
