"""Runs whose adapter is peft's, or starts from a saved one."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from headstart.adapters.stored_adapter import ADAPTER_FILE, read_adapter
from headstart.errors import UsageError
from headstart.experiments.experiment import Experiment, Run
from headstart.experiments.run_data import RunData
from headstart.experiments.saved_adapters import START_FOLDER
from headstart.models.parameters import digests
from headstart.store.local import LocalStore
from headstart.store.record import RunStatus
from headstart.sweeps.export import export_adapter, export_run
from headstart.sweeps.serial import SerialExecutor
from headstart.training.config import RunOptions
from tests.conftest import CheckpointMaker
from tests.support.records import as_stored
from tests.support.runs import SOURCE, do_run, stage_tensors, tiny_choices, tiny_experiment


def slow(strategy: str, adapter: str) -> object:
    return pytest.param(strategy, adapter, marks=pytest.mark.slow)


@pytest.mark.parametrize(
    ("strategy", "adapter"),
    [
        ("eh_ft", "vera:r=8"),
        ("eh_ft", "prompt:num_tokens=3"),
        ("eh_ft:reserve", "dora:r=4"),
        ("eh_ft:adapter_kept_fraction=0.5", "pissa:r=4"),
        ("adapter", "peft:LILY:r=4"),
        slow("eh_ft", "ia3"),
        slow("eh_ft", "p_tuning:num_tokens=3"),
        slow("adapter", "olora:r=4"),
        slow("adapter", "ln_tuning"),
        slow("head_soup:heads=2", "peft:LOHA:r=4"),
    ],
)
def test_the_engine_holds_peft_s_adapters_to_what_a_stage_declares(
    strategy: str, adapter: str, tiny_checkpoint: CheckpointMaker, tmp_path: Path
) -> None:
    """One update a stage is enough to break an invariant; the short Stage 1 also meets tensors behind a zero."""
    steps, fraction = (6, 0.17) if "soup" in strategy else (2, 0.5)
    choices = tiny_choices(tiny_checkpoint("bert"), strategy, adapter, steps=steps, stage1_fraction=fraction)
    _, record = do_run(choices, tmp_path)
    assert record.status is RunStatus.FINISHED
    assert record.stages[0].moved["adapter"] > 0
    assert record.stages[0].moved["backbone"] == 0


def with_adapter(folder: Path, tiny_checkpoint: CheckpointMaker, adapter: str = "lora:rank=2") -> Path:
    """Train an adapter and return where it lies."""
    do_run(tiny_choices(tiny_checkpoint("bert"), "eh_ft", adapter, stage1_learning_rate=1e-2), folder)
    return folder / "1-adapter" / "adapter"


def test_an_adapter_starts_from_a_saved_one(tiny_checkpoint: CheckpointMaker, tmp_path: Path) -> None:
    saved = with_adapter(tmp_path / "first", tiny_checkpoint)
    options = {"adapter_from": saved, "steps": 2, "stage1_learning_rate": 1e-9}
    # At a rate at which nothing moves far, the second adapter ends where the first one did.
    choices = tiny_choices(tiny_checkpoint("bert"), "eh_ft", "lora:rank=2", **options)
    do_run(choices, tmp_path / "second", options=RunOptions(adapter_from=saved))
    before, after = (
        read_adapter(path / "1-adapter" / "adapter").tensors for path in (tmp_path / "first", tmp_path / "second")
    )
    assert before.keys() == after.keys()
    for name in before:
        torch.testing.assert_close(after[name], before[name], rtol=0, atol=1e-6)
    assert any(tensor.abs().max() > 1e-3 for name, tensor in before.items() if "lora_B" in name)


def test_the_content_of_a_saved_adapter_counts_and_its_place_does_not(
    tiny_checkpoint: CheckpointMaker, tmp_path: Path
) -> None:
    saved = with_adapter(tmp_path / "first", tiny_checkpoint)
    elsewhere = Path(shutil.copytree(saved, tmp_path / "elsewhere"))

    def experiment(adapter_from: Path | None) -> Experiment:
        choices = tiny_choices(tiny_checkpoint("bert"), "eh_ft", "lora:rank=2", adapter_from=adapter_from)
        return tiny_experiment(choices)

    assert experiment(saved).digest == experiment(elsewhere).digest != experiment(None).digest
    assert experiment(saved).plan[1] == experiment(None).plan[1]
    assert as_stored(experiment(saved)) == experiment(saved)
    tensors = load_file(elsewhere / ADAPTER_FILE)
    name = next(iter(tensors))
    save_file(tensors | {name: tensors[name] + 1e-7}, elsewhere / ADAPTER_FILE)
    assert experiment(saved).digest != experiment(elsewhere).digest


def test_what_changed_since_the_plan_was_made_is_found(tiny_checkpoint: CheckpointMaker, tmp_path: Path) -> None:
    saved = with_adapter(tmp_path / "first", tiny_checkpoint)
    choices = tiny_choices(tiny_checkpoint("bert"), "adapter", "lora:rank=2", adapter_from=saved, steps=2)
    run = Run(tiny_experiment(choices), 0, SOURCE)
    tensors = load_file(saved / ADAPTER_FILE)
    name = next(iter(tensors))
    save_file(tensors | {name: tensors[name] + 1}, saved / ADAPTER_FILE)
    store = LocalStore(tmp_path / "store")
    (record,) = SerialExecutor(store, RunOptions(adapter_from=saved)).execute([run])
    assert record.status is RunStatus.ERROR
    assert "planned with" in record.error


@pytest.mark.parametrize(
    ("strategy", "adapter", "message"),
    [
        ("eh_ft", "lora:rank=3", "holds the adapter 'lora:"),
        ("eh_ft", "bitfit", "but 'bitfit' is wanted"),
        ("eh_ft", "pissa", "begins by changing the backbone"),
        ("finetune", None, "adapter.from`? would have no effect"),
    ],
)
def test_a_saved_adapter_that_cannot_be_used_is_refused_before_training(
    strategy: str, adapter: str | None, message: str, tiny_checkpoint: CheckpointMaker, tmp_path: Path
) -> None:
    saved = with_adapter(tmp_path / "first", tiny_checkpoint)
    choices = tiny_choices(tiny_checkpoint("bert"), strategy, adapter, adapter_from=saved)
    with pytest.raises(UsageError, match=message):
        tiny_experiment(choices)


def test_an_adapter_of_another_backbone_or_a_folder_without_one_is_refused(
    tiny_checkpoint: CheckpointMaker, tmp_path: Path
) -> None:
    saved = with_adapter(tmp_path / "first", tiny_checkpoint)
    with pytest.raises(UsageError, match="another backbone"):
        tiny_experiment(tiny_choices(tiny_checkpoint("distilbert"), "eh_ft", "lora:rank=2", adapter_from=saved))
    with pytest.raises(UsageError, match="holds no adapter"):
        tiny_experiment(tiny_choices(tiny_checkpoint("bert"), "eh_ft", "lora:rank=2", adapter_from=tmp_path))
    with pytest.raises(UsageError, match="no stage here trains an adapter"):
        tiny_experiment(
            tiny_choices(tiny_checkpoint("bert"), "eh_ft", "lora:rank=2", adapter_from=saved, stage1_fraction=0.0)
        )


def test_a_run_keeps_what_it_started_from_and_can_be_done_again(
    tiny_checkpoint: CheckpointMaker, tmp_path: Path
) -> None:
    saved = with_adapter(tmp_path / "first", tiny_checkpoint)
    choices = tiny_choices(tiny_checkpoint("bert"), "adapter", "lora:rank=2", adapter_from=saved, steps=2)
    run = Run(tiny_experiment(choices), 0, SOURCE)
    store = LocalStore(tmp_path / "store")
    (record,) = SerialExecutor(store, RunOptions(adapter_from=saved)).execute([run])
    assert record.status is RunStatus.FINISHED
    kept = store.run_folder(run.experiment.digest, 0).stage_folder(0, "adapter") / START_FOLDER
    assert digests(dict(read_adapter(kept).tensors)) == digests(dict(read_adapter(saved).tensors))
    shutil.rmtree(tmp_path / "first")
    export_run(RunData.of(run), store, tmp_path / "model", SerialExecutor(store))
    export_adapter(run, store, tmp_path / "adapter")
    assert read_adapter(tmp_path / "adapter").digest != read_adapter(kept).digest


def test_a_stage_whose_saved_adapter_is_nowhere_says_so(tiny_checkpoint: CheckpointMaker, tmp_path: Path) -> None:
    saved = with_adapter(tmp_path / "first", tiny_checkpoint)
    choices = tiny_choices(tiny_checkpoint("bert"), "adapter", "lora:rank=2", adapter_from=saved, steps=2)
    with pytest.raises(UsageError, match="Give `adapter_from`"):
        do_run(choices, tmp_path / "second")


def test_an_adapter_that_rewrote_the_backbone_is_not_stored_alone(
    tiny_checkpoint: CheckpointMaker, tmp_path: Path
) -> None:
    do_run(tiny_choices(tiny_checkpoint("bert"), "eh_ft", "pissa:r=4"), tmp_path)
    assert not (tmp_path / "1-adapter" / "adapter").exists()
    assert stage_tensors(tmp_path, "1-adapter", "head.safetensors")
