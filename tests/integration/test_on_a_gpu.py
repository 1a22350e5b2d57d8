"""What only a GPU can show; `make gpu` runs it on one."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from headstart.adapters.catalogue import adapter_names
from headstart.store.record import RunStatus
from headstart.training.config import RunOptions
from tests.conftest import CheckpointMaker
from tests.support.gpu import ON_A_GPU
from tests.support.paths import REPOSITORY
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


def test_a_training_leaves_the_gpus_generator_as_it_was() -> None:
    """Also the first training of a process, which is the first to use the GPU."""
    code = """
import torch
import headstart as hs
from tests.support.runs import tiny_rows
from tests.support.tiny import make_model, make_tokenizer
torch.rand(3, device="cuda") if ASKED_FIRST else None
tokenizer, model = make_tokenizer("bert"), make_model("bert")
rows = [dict(tokenizer(text)) | {"labels": label} for text, label in tiny_rows(12)]
torch.manual_seed(5)
hs.pretrain_head(model, rows, head=["classifier"], processing_class=tokenizer, steps=2, batch_size=4)
print(torch.rand(3, device="cuda").tolist())
"""
    drawn = [
        subprocess.run(
            [sys.executable, "-W", "ignore", "-c", code.replace("ASKED_FIRST", asked_first)],
            capture_output=True,
            text=True,
            check=True,
            cwd=REPOSITORY,
        ).stdout
        for asked_first in ("True", "False")
    ]
    alone = "import torch; torch.manual_seed(5); print(torch.rand(3, device='cuda').tolist())"
    expected = subprocess.run([sys.executable, "-c", alone], capture_output=True, text=True, check=True).stdout
    assert drawn == [expected, expected]
