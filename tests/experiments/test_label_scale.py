"""Numbers of any scale and offset are learned alike, and a saved model answers in their own units."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet
import pytest
import torch

from headstart.artifacts.saved_model import load_model_folder
from headstart.errors import UsageError
from headstart.experiments.experiment import Experiment, Run, TaskSource
from headstart.experiments.label_scale import scale_of
from headstart.experiments.run_data import RunData
from headstart.inference.evaluate import evaluate
from headstart.inference.predict import predict
from headstart.inference.saved import load_saved_model
from headstart.losses import RAW, Scale
from headstart.store.json_records import dump, load
from headstart.store.local import LocalStore
from headstart.store.record import RunRecord
from headstart.sweeps.export import export_run
from headstart.sweeps.serial import SerialExecutor
from headstart.training.config import RunOptions
from tests.support.kinds import TASKS, kind_data
from tests.support.other_architectures import make_other_checkpoint
from tests.support.runs import SOURCE, data_of, do_run, stored, tiny_choices, tiny_experiment

CheckpointMaker = Callable[..., Path]
TASK = TASKS["regression"]


@cache
def scaled_source(offset: float = 0.0, size: float = 1.0) -> TaskSource:
    """Return the tiny task whose numbers, 0.5 to 4.5, were multiplied and moved."""
    splits = {
        name: split.with_columns(labels=tuple(offset + size * float(label) for label in split.labels or ()))
        for name, split in kind_data("regression").splits.items()
    }
    return stored(TASK, splits)


def fitted(choices: Any, folder: Path, source: TaskSource) -> tuple[Run, RunRecord]:
    """Train and write a model folder."""
    run = Run(tiny_experiment(choices, source), 0, source)
    store = LocalStore(folder / "store")
    executor = SerialExecutor(store, RunOptions(keep_backbone=True))
    (record,) = executor.execute([run])
    export_run(RunData.of(run), store, folder / "model", executor)
    return run, record


def predicted(folder: Path) -> np.ndarray:
    return pyarrow.parquet.read_table(folder / "predictions.validation.parquet")["predicted"].to_numpy()


def test_numbers_of_any_scale_and_offset_are_learned_alike(tiny_checkpoint: CheckpointMaker, tmp_path: Path) -> None:
    choices = tiny_choices(tiny_checkpoint("bert"), "finetune", None, steps=24, learning_rate=3e-3)
    _, base = do_run(choices, tmp_path / "base", scaled_source(), options=RunOptions())
    expected = predicted(tmp_path / "base")
    assert base.scores["pearson"] > 0.5
    for offset, size in ((-2e-6, 1e-6), (1e4, 1.0), (-3e9, 1e9)):
        folder = tmp_path / f"{offset} {size}"
        _, record = do_run(choices, folder, scaled_source(offset, size), options=RunOptions())
        np.testing.assert_allclose((predicted(folder) - offset) / size, expected, atol=2e-3)
        for name in ("pearson", "spearman"):
            assert record.scores[name] == pytest.approx(base.scores[name], abs=1e-3)
        for scores in ("scores", "constant_scores"):
            for name in ("mae", "rmse"):
                assert getattr(record, scores)[name] / size == pytest.approx(getattr(base, scores)[name], rel=1e-2)
        assert not record.is_degenerate


@pytest.mark.parametrize(
    ("head", "strategy", "adapter"),
    [
        ("native", "eh_ft", "lora"),
        ("native", "adapter", "prefix"),
        ("fourier_kan", "lp_ft", None),
        ("linear", "head_soup", "bitfit"),
    ],
)
def test_a_saved_model_answers_in_the_labels_units(
    head: str, strategy: str, adapter: str | None, tiny_checkpoint: CheckpointMaker, tmp_path: Path
) -> None:
    """What the run scored is what the folder answers; after a few updates that is nearer to the labels than 0 is."""
    source = scaled_source(250_000.0, 10_000.0)
    choices = tiny_choices(tiny_checkpoint("bert"), strategy, adapter, head=head, stage1_fraction=0.25)
    run, record = fitted(choices, tmp_path, source)
    scale = run.experiment.training.loss.scale
    assert scale == Scale(offset=pytest.approx(275_000, rel=0.01), size=pytest.approx(14_000, rel=0.1))
    saved = load_saved_model(tmp_path / "model")
    split = RunData.of(run).report
    found = evaluate(saved, split)
    assert found.scores == pytest.approx(record.scores, rel=1e-3, abs=1e-5)
    assert found.constant_scores == pytest.approx(record.constant_scores)
    assert found.scores["mae"] < 10 * scale.size < 250_000


def test_pipeline_answers_in_the_labels_units(tiny_checkpoint: CheckpointMaker, tmp_path: Path) -> None:
    from transformers import pipeline

    choices = tiny_choices(tiny_checkpoint("roberta"), "finetune", None, steps=2)
    run, _ = fitted(choices, tmp_path, scaled_source(-700.0, 1000.0))
    split = RunData.of(run).report
    answers = pipeline("text-classification", str(tmp_path / "model"), device="cpu")([text for (text,) in split.texts])
    ours = predict(load_model_folder(tmp_path / "model"), split).decisions
    np.testing.assert_allclose([answer["score"] for answer in answers], ours, rtol=1e-4, atol=0.1)
    assert np.abs(ours - run.experiment.training.loss.scale.offset).max() < 3000


@pytest.mark.parametrize("head", ["native", "fourier_kan"])
def test_numbers_on_a_large_offset_keep_their_digits_in_bf16(
    head: str, tiny_checkpoint: CheckpointMaker, tmp_path: Path
) -> None:
    """bf16 itself knows 9,984 and 10,048, and no number between; a step of it in the features is worth far less."""
    choices = tiny_choices(tiny_checkpoint("bert"), "finetune", None, head=head, learning_rate=3e-3)
    run, _ = fitted(choices, tmp_path, scaled_source(10_000.0))
    saved, split = load_model_folder(tmp_path / "model"), RunData.of(run).report
    exact, rounded = (predict(saved, split, precision=precision).decisions for precision in ("fp32", "bf16"))
    assert np.abs(rounded - exact).max() < 0.5


def test_a_kept_head_starts_with_the_answers_that_it_had(tiny_checkpoint: CheckpointMaker, tmp_path: Path) -> None:
    source = scaled_source(1e6, 1000.0)
    fitted(tiny_choices(tiny_checkpoint("bert"), "finetune", None), tmp_path, source)
    before = load_model_folder(tmp_path / "model")
    choices = tiny_choices(tmp_path / "model", "finetune", None, keep_head=True, steps=1, learning_rate=1e-12)
    run, record = do_run(choices, tmp_path / "again", source, options=RunOptions())
    expected = predict(before, RunData.of(run).report).decisions
    np.testing.assert_allclose(predicted(tmp_path / "again"), expected, atol=1.0)
    assert record.stages[0].start_loss is not None
    assert record.stages[0].start_loss < 10


def test_a_head_without_a_bias_keeps_zero_where_it_is(tmp_path: Path) -> None:
    model = make_other_checkpoint(tmp_path / "gpt2", "gpt2")
    choices = tiny_choices(model, "finetune", None, steps=2, head="native")
    source = scaled_source(0.0, 1000.0)
    run, record = fitted(choices, tmp_path, source)
    labels = np.array(RunData.of(run).train.labels)
    assert run.experiment.training.loss.scale == Scale(size=pytest.approx(np.sqrt(np.square(labels).mean())))
    found = evaluate(load_model_folder(tmp_path / "model"), RunData.of(run).report)
    assert found.scores == pytest.approx(record.scores, rel=1e-3)
    with pytest.raises(UsageError, match=r"no bias[^$]*Use the `head` linear"):
        tiny_experiment(choices, scaled_source(700.0, 10.0))


@pytest.mark.parametrize(
    ("labels", "match"),
    [
        ((1e9, 1e9 + 1, 1e9 + 2), "do not tell them apart[^$]*Subtract 1000000001 from the labels"),
        ((1e38, -1e38), "larger or smaller unit"),
        ((1e300, -1e300), "larger or smaller unit"),
        ((1e-40, 2e-40), "larger or smaller unit"),
    ],
)
def test_labels_that_fp32_cannot_hold_are_refused(labels: tuple[float, ...], match: str) -> None:
    with pytest.raises(UsageError, match=match):
        scale_of(TASK.kind, labels)


def test_the_scale_is_that_of_the_training_rows_and_of_numbers_alone() -> None:
    labels = (1.0, 2.0, 6.0)
    assert scale_of(TASK.kind, labels) == Scale(offset=np.mean(labels), size=np.std(labels))
    assert scale_of(TASK.kind, labels[2:]) == Scale(offset=6.0)
    assert scale_of(TASKS["many_classes"].kind, (1, 2)) == RAW


def test_a_scale_and_back() -> None:
    scale = Scale(offset=1e9, size=3.0)
    numbers = torch.tensor([1e9 - 3, 1e9, 1e9 + 1.5], dtype=torch.float64)
    assert scale.standard(numbers).tolist() == [-1.0, 0.0, 0.5]
    assert scale.raw(scale.standard(numbers)).tolist() == numbers.tolist()
    assert scale.inverse.raw(numbers).tolist() == pytest.approx([-1.0, 0.0, 0.5], abs=1e-6)
    assert scale.without_offset.offset == 0


def test_the_scale_counts_in_a_digest_and_none_does_not(tiny_checkpoint: CheckpointMaker) -> None:
    """What was stored before there were scales is found and done again as it was."""
    choices = tiny_choices(tiny_checkpoint("bert"), "finetune", None)
    experiment = tiny_experiment(choices, scaled_source())
    loss = experiment.training.loss
    unscaled = replace(experiment, training=replace(experiment.training, loss=replace(loss, scale=RAW)))
    assert loss.scale != RAW
    assert unscaled.digest != experiment.digest
    values = dump(unscaled)
    del values["training"]["loss"]["scale"]
    assert load(Experiment, values, Path("experiment.json")).digest == unscaled.digest
    assert tiny_experiment(choices, SOURCE).training.loss.scale == RAW


def test_private_rows_give_no_scale(tiny_checkpoint: CheckpointMaker) -> None:
    pytest.importorskip("opacus")
    choices = tiny_choices(tiny_checkpoint("bert"), "linear_probe", None, dp="epsilon=8,delta=0.001")
    source = scaled_source()
    data = data_of(tiny_experiment(choices, source), source)
    assert data.scale == RAW
