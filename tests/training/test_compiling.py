"""Training a model that torch compiled (`trainer` torch_compile=true): the same updates as without it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from headstart.experiments.evaluation import evaluated
from headstart.experiments.run import run_one
from headstart.store.layout import RunFolder
from headstart.store.record import RunStatus
from headstart.training.callbacks import Progress
from headstart.training.config import RunOptions
from tests.conftest import CheckpointMaker
from tests.support.runs import data_of, do_run, stage_tensors, tiny_choices, tiny_experiment

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not torch._dynamo.is_dynamo_supported(), reason="torch compiles nothing here"),
    pytest.mark.filterwarnings("ignore"),
]
COMPILED = ("torch_compile=true", "torch_compile_backend=eager")
"""What torch traces is run as it was written, so that numbers can be equal."""
KEPT = RunOptions(keep_backbone=True, checkpoint_seconds=0.0)


def weights(folder: Path, stage: str) -> dict[str, torch.Tensor]:
    return {
        f"{file}/{name}": tensor
        for file in ("head", "backbone")
        for name, tensor in stage_tensors(folder, stage, f"{file}.safetensors").items()
    }


def require_equal(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> None:
    assert set(first) == set(second)
    assert [name for name in first if not torch.equal(first[name], second[name])] == []


@pytest.mark.parametrize(
    ("strategy", "adapter", "last"),
    [("eh_ft", "lora", "2-finetune"), ("lp_ft", None, "2-finetune"), ("mixout", None, "1-finetune")],
)
def test_stages_of_a_compiled_model_end_with_the_same_weights(
    strategy: str, adapter: str | None, last: str, tiny_checkpoint: CheckpointMaker, tmp_path: Path
) -> None:
    """The second stage has another model than the first, which torch traces anew; mixout puts weights in between."""
    for name, options in (("plain", ()), ("compiled", COMPILED)):
        choices = tiny_choices(tiny_checkpoint("bert"), strategy, adapter, trainer=options)
        _, record = do_run(choices, tmp_path / name, options=KEPT)
        assert record.status is RunStatus.FINISHED
    require_equal(weights(tmp_path / "compiled", last), weights(tmp_path / "plain", last))


def test_a_killed_stage_of_a_compiled_model_goes_on(tiny_checkpoint: CheckpointMaker, tmp_path: Path) -> None:
    choices: Any = tiny_choices(tiny_checkpoint("bert"), "eh_ft", "lora", trainer=COMPILED)
    data = data_of(tiny_experiment(choices))

    def kill(progress: Progress) -> None:
        if (progress.stage, progress.step) == ("finetune", 3):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_one(data, RunFolder(tmp_path / "killed"), KEPT, kill, evaluated)
    assert (tmp_path / "killed" / "2-finetune" / "checkpoint-2").is_dir()
    assert run_one(data, RunFolder(tmp_path / "killed"), KEPT, witnesses=evaluated).status is RunStatus.FINISHED
    run_one(data, RunFolder(tmp_path / "whole"), KEPT, witnesses=evaluated)
    require_equal(weights(tmp_path / "killed", "2-finetune"), weights(tmp_path / "whole", "2-finetune"))
