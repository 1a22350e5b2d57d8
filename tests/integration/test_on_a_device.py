"""Stages, prediction and diagnostics with the model on another device than the rows: a stand-in, and a GPU if any."""

from __future__ import annotations

import pickle
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import TrainingArguments
from transformers.training_args import OptimizerNames

import headstart as hs
from headstart.artifacts.model_folder import save_model_folder
from headstart.experiments.evaluation import scored
from headstart.experiments.experiment import Run
from headstart.experiments.observer import observed
from headstart.experiments.run import run_one
from headstart.inference.predict import predict
from headstart.models.loading import load_config
from headstart.models.source import resolve_model
from headstart.registry import Spec
from headstart.store.json_records import read_record
from headstart.store.layout import RunFolder
from headstart.store.local import LocalStore
from headstart.store.provenance import Provenance
from headstart.store.record import RunStatus
from headstart.sweeps.serial import SerialExecutor
from headstart.training.arguments import build_arguments, parse_overrides
from headstart.training.callbacks import Progress
from headstart.training.config import STORED, RunOptions
from tests.conftest import CheckpointMaker
from tests.support.gpu import ON_A_GPU
from tests.support.other_architectures import make_other_checkpoint
from tests.support.runs import SOURCE, data_of, do_run, tiny_choices, tiny_experiment, tiny_rows
from tests.support.saved import TEXT_TASK, logits_of, make_example, texts
from tests.support.stand_in_device import StandInDevice, stand_in_gpu
from tests.support.tiny import make_model, make_tokenizer

EVERY_KIND_OF_STAGE = {
    "all": ("finetune", None, "native"),
    "head_on_cached_features": ("linear_probe", None, "native"),
    "head_of_our_own_on_all_tokens": ("linear_probe", None, "linear:pooling=mean"),
    "probe_then_all": ("lp_ft", None, "native"),
    "probed_head": ("mixout:head=probe", None, "native"),
    "lora_then_all": ("eh_ft", "lora", "native"),
    "calibrated_head": ("eh_ft:head_calibration", "bitfit", "native"),
    "merged_adapter": ("eh_ft:reserve", "lora", "native"),
    "adapter_that_cannot_merge": ("adapter", "prefix", "native"),
    "top_layers": ("top_k:layers=1", None, "native"),
    "soup": ("soup", None, "native"),
    "regularised": ("mixout", None, "native"),
    "masked_by_gradients": ("child_tuning", None, "native"),
}


class RealDevice:
    """Answers as the stand-in does."""

    def holds(self, tensor: torch.Tensor) -> bool:
        return tensor.is_cuda


@pytest.fixture(params=["stand_in", pytest.param("cuda", marks=ON_A_GPU)])
def gpu(request: pytest.FixtureRequest) -> Iterator[StandInDevice | RealDevice]:
    """The stand-in, and where there is one a GPU."""
    if request.param == "cuda":
        yield RealDevice()
        return
    with stand_in_gpu() as device:
        yield device


@pytest.fixture
def stand_in() -> Iterator[StandInDevice]:
    with stand_in_gpu() as device:
        yield device


@pytest.mark.parametrize(("strategy", "adapter", "head"), EVERY_KIND_OF_STAGE.values(), ids=EVERY_KIND_OF_STAGE)
def test_every_kind_of_stage_comes_to_its_end(
    strategy: str, adapter: str | None, head: str, gpu: Any, tiny_checkpoint: CheckpointMaker, tmp_path: Path
) -> None:
    """With diagnostics, evaluation and stored predictions."""
    choices = tiny_choices(tiny_checkpoint("bert"), strategy, adapter, head=Spec.parse(head))
    run, record = do_run(choices, tmp_path, options=RunOptions(keep_backbone=True, diagnostics=True))
    assert (run.experiment.training.device, run.experiment.training.attention) == ("cuda", "sdpa")
    assert record.status is RunStatus.FINISHED
    assert all(stage.diagnostics is not None for stage in record.stages if stage.num_steps)
    assert (tmp_path / "predictions.validation.parquet").exists()


def test_a_killed_stage_goes_on(gpu: Any, tiny_checkpoint: CheckpointMaker, tmp_path: Path) -> None:
    data = data_of(tiny_experiment(tiny_choices(tiny_checkpoint("bert"), "eh_ft", "lora")))
    options = RunOptions(checkpoint_seconds=0.0)

    def kill(progress: Progress) -> None:
        if (progress.stage, progress.step) == ("finetune", 3):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_one(data, RunFolder(tmp_path), options, kill, observed)
    assert (tmp_path / "2-finetune" / "checkpoint-2").is_dir()
    assert run_one(data, RunFolder(tmp_path), options, witnesses=observed).status is RunStatus.FINISHED


def test_the_same_answers_as_on_a_cpu(gpu: Any, tiny_checkpoint: CheckpointMaker, tmp_path: Path) -> None:
    example = make_example(tiny_checkpoint("bert"))
    save_model_folder(example.classifier, example.tokenizer, tmp_path / "model", info=example.info)
    rows = texts(TEXT_TASK)
    expected = torch.softmax(logits_of(example.classifier.model, example.tokenizer, rows), dim=-1)
    loaded = hs.load(tmp_path / "model")
    torch.testing.assert_close(torch.from_numpy(predict(loaded, rows).answers), expected)
    assert all(gpu.holds(parameter) for parameter in loaded.model.parameters())
    assert not any(gpu.holds(parameter) for parameter in example.classifier.model.parameters())


@pytest.mark.parametrize(("batch_size", "num_passes"), [(None, 1), (32, 3)])
def test_more_rows_are_answered_at_once(
    batch_size: int | None, num_passes: int, gpu: Any, tiny_checkpoint: CheckpointMaker, tmp_path: Path
) -> None:
    """Than on a CPU, where 32 are; of one length, since a pass also ends where padding would be much."""
    example = make_example(tiny_checkpoint("bert"))
    save_model_folder(example.classifier, example.tokenizer, tmp_path / "model", info=example.info)
    rows, loaded, passes = texts(TEXT_TASK).take([0] * 80), hs.load(tmp_path / "model"), []
    loaded.model.register_forward_hook(lambda *_: passes.append(1))
    answers = predict(loaded, rows, batch_size=batch_size).answers
    assert len(passes) == num_passes
    np.testing.assert_allclose(answers, answers[:1].repeat(80, axis=0), rtol=1e-5)


@pytest.mark.parametrize("strategy", ["linear_probe", "lp_ft"])
def test_cached_features_are_where_the_rows_are(
    strategy: str, gpu: Any, tiny_checkpoint: CheckpointMaker, tmp_path: Path
) -> None:
    """Without diagnostics nothing else brings the second run's model to the device before its features."""
    experiment = tiny_experiment(tiny_choices(tiny_checkpoint("bert"), strategy))
    executor = SerialExecutor(LocalStore(tmp_path), RunOptions(diagnostics=False))
    records = executor.execute([Run(experiment, seed, SOURCE) for seed in range(2)])
    assert [(record.status, record.error) for record in records] == 2 * [(RunStatus.FINISHED, "")]


def test_updates_are_set_up_for_a_gpu(
    stand_in: StandInDevice, tiny_checkpoint: CheckpointMaker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows come from pinned memory while it computes, and one kernel updates all weights."""
    given: list[TrainingArguments] = []

    def built(values: dict[str, Any]) -> TrainingArguments:
        given.append(build_arguments(values))
        return given[-1]

    monkeypatch.setattr("headstart.training.updates.build_arguments", built)
    choices = tiny_choices(tiny_checkpoint("bert"), "finetune", steps=2)
    run, _ = do_run(choices, tmp_path / "usual", options=RunOptions())
    assert run.experiment.training.attention == "sdpa"
    do_run(choices, tmp_path / "unpinned", options=RunOptions(overrides=parse_overrides("dataloader_pin_memory=false")))
    assert [arguments.dataloader_pin_memory for arguments in given] == [True, False]
    assert [arguments.accelerator_config.non_blocking for arguments in given] == [True, False]
    assert {str(arguments.optim) for arguments in given} == {str(OptimizerNames.ADAMW_TORCH_FUSED)}


def test_a_run_that_is_too_large_says_what_to_do(
    stand_in: StandInDevice, tiny_checkpoint: CheckpointMaker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> Any:
        raise torch.OutOfMemoryError(
            "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of ..."
        )

    monkeypatch.setattr("headstart.training.stage.run_updates", fail)
    experiment = tiny_experiment(tiny_choices(tiny_checkpoint("bert"), "finetune"))
    (record,) = SerialExecutor(LocalStore(tmp_path)).execute([Run(experiment, 0, SOURCE)])
    assert record.status is RunStatus.ERROR
    assert record.error.startswith("the GPU's memory did not suffice: CUDA out of memory\n")
    assert "`batch_size`" in record.error
    assert "Traceback" not in record.error


def test_what_is_pickled_can_be_read_without_the_device(gpu: Any, tiny_checkpoint: CheckpointMaker) -> None:
    rows, labels = zip(*tiny_rows(12), strict=True)
    fitted = hs.HeadstartClassifier(str(tiny_checkpoint("bert")), strategy="eh_ft", steps=4, precision="fp32").fit(
        rows, labels
    )
    answers = fitted.predict_proba(rows)
    assert all(gpu.holds(parameter) for parameter in fitted._saved.model.parameters())
    pickled = pickle.dumps(fitted)
    assert not any(gpu.holds(parameter) for parameter in fitted._saved.model.parameters())
    np.testing.assert_array_equal(pickle.loads(pickled).predict_proba(rows), answers)


def test_a_run_says_which_device_it_was_on(gpu: Any, tiny_checkpoint: CheckpointMaker, tmp_path: Path) -> None:
    store, experiment = LocalStore(tmp_path), tiny_experiment(tiny_choices(tiny_checkpoint("bert"), "finetune"))
    SerialExecutor(store).execute([Run(experiment, 0, SOURCE)])
    started = read_record(Provenance, store.run_folder(experiment.digest, 0).started_json)
    assert started.gpu == torch.cuda.get_device_name()


@pytest.mark.skipif(not hasattr(torch.backends, "fp32_precision"), reason="this torch has the older switch alone")
def test_updates_in_tf32_leave_no_trace(
    stand_in: StandInDevice, tiny_checkpoint: CheckpointMaker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Trainer sets TF32 for the whole process; evaluation is in fp32, and so is the next run."""
    monkeypatch.setattr("transformers.training_args.is_torch_tf32_available", lambda: True)
    seen: list[str] = []

    def look(progress: Progress) -> None:
        seen.append(torch.backends.fp32_precision)  # type: ignore[attr-defined]

    def scored_in(*given: Any, **options: Any) -> Any:
        seen.append(f"scored in {torch.backends.fp32_precision}")  # type: ignore[attr-defined]
        return scored(*given, **options)

    monkeypatch.setattr("headstart.experiments.evaluation.scored", scored_in)
    choices = tiny_choices(tiny_checkpoint("bert"), "finetune", steps=2, trainer=("tf32=true",))
    for number in range(2):
        run_one(data_of(tiny_experiment(choices)), RunFolder(tmp_path / str(number)), RunOptions(), look)
    assert seen == 2 * ["tf32", "tf32", "scored in none"]


@pytest.mark.parametrize("is_there", [False, True])
@pytest.mark.parametrize("adapter", ["lora", None])
def test_pretrain_head_leaves_the_model_where_it_was(adapter: str | None, is_there: bool, gpu: Any) -> None:
    model, tokenizer = make_model("bert"), make_tokenizer("bert")
    model.to("cuda" if is_there else "cpu")
    rows = [dict(tokenizer(text)) | {"labels": label} for text, label in tiny_rows(12)]
    options = {"adapter": adapter, "processing_class": tokenizer, "precision": "fp32"}
    record = hs.pretrain_head(model, rows, steps=4, batch_size=4, **options)
    assert record.moved["head"] > 0
    assert {gpu.holds(parameter) for parameter in model.parameters()} == {is_there}


class SmallWeights(torch.nn.Parameter):
    """Stands in for what bitsandbytes packs; remembers what the device held when it was made."""

    device: StandInDevice
    met_on_the_device: list[bool]

    def __new__(cls, weight: torch.Tensor, requires_grad: bool = False, **_: object) -> torch.nn.Parameter:
        cls.met_on_the_device.append(cls.device.holds(weight))
        return torch.nn.Parameter(weight, requires_grad=requires_grad)


class SmallLinear(torch.nn.Linear):
    """Stands in for a linear map of bitsandbytes."""

    def __init__(self, inputs: int, outputs: int, bias: bool, has_fp16_weights: bool) -> None:
        super().__init__(inputs, outputs, bias)


def test_a_backbone_is_quantised_before_it_is_on_the_device(
    stand_in: StandInDevice, tiny_checkpoint: CheckpointMaker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    SmallWeights.device, SmallWeights.met_on_the_device = stand_in, []
    stub = types.ModuleType("bitsandbytes")
    stub.__spec__ = types.SimpleNamespace()  # type: ignore[assignment]
    stub.nn = types.SimpleNamespace(Linear8bitLt=SmallLinear, Int8Params=SmallWeights)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "bitsandbytes", stub)
    choices = tiny_choices(tiny_checkpoint("bert"), "eh_ft", "bitfit", quantise_stage1="8bit")
    _, record = do_run(choices, tmp_path, options=RunOptions(keep_backbone=True, diagnostics=True))
    assert record.status is RunStatus.FINISHED
    assert len(SmallWeights.met_on_the_device) == 12, "two layers of six maps"
    assert not any(SmallWeights.met_on_the_device)


def test_frozen_maps_are_never_on_the_device_in_fp32(
    stand_in: StandInDevice, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither while it trains, nor while it is looked at, nor at the end, where only the attention is merged."""
    model = make_other_checkpoint(tmp_path / "model", "llama", dtype=torch.bfloat16)
    inner = load_config(resolve_model(str(model))).intermediate_size
    real, moved = StandInDevice._moved, set[torch.dtype]()

    def watched(self: StandInDevice, func: Any, args: Any, kwargs: dict[str, Any]) -> torch.Tensor:
        was_there, result = self.holds(args[0]), real(self, func, args, kwargs)
        if self.holds(result) and not was_there and result.dim() == 2 and inner in result.shape:
            moved.add(result.dtype)
        return result

    monkeypatch.setattr(StandInDevice, "_moved", watched)
    choices = tiny_choices(model, "eh_ft:stage2=adapter", "lora", steps=4)
    options = RunOptions(keep_backbone=True, diagnostics=True, frozen_precision=STORED)
    _, record = do_run(choices, tmp_path / "run", options=options)
    assert [stage.dtypes["backbone"] for stage in record.stages] == ["bfloat16+float32"] * 2
    assert moved == {torch.bfloat16}


def test_of_several_devices_one_is_used(tiny_checkpoint: CheckpointMaker, tmp_path: Path) -> None:
    """transformers would wrap the model in DataParallel and multiply the batch."""
    with stand_in_gpu(num_devices=2):
        arguments = build_arguments({"output_dir": str(tmp_path), "per_device_train_batch_size": 4})
        assert (arguments.n_gpu, arguments.train_batch_size) == (1, 4)
        _, record = do_run(tiny_choices(tiny_checkpoint("bert"), "finetune", steps=4), tmp_path)
    assert record.stages[0].num_examples_seen == 16


def test_the_current_device_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with stand_in_gpu(num_devices=2):
        monkeypatch.setattr(torch.cuda, "current_device", lambda: 1)
        arguments = build_arguments({"output_dir": str(tmp_path)})
        assert arguments.device == torch.device("cuda", 1)
        assert build_arguments({"output_dir": str(tmp_path), "use_cpu": True}).device == torch.device("cpu")
