"""Every kind of answer in every strategy: the engine does not care what a task wants."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet
import pytest
import torch

from headstart.artifacts.saved_model import load_model_folder
from headstart.experiments.experiment import Run
from headstart.experiments.run_data import RunData
from headstart.experiments.scoring import constant_scores_of
from headstart.models.output_units import to_raw_units
from headstart.registry import Spec
from headstart.store.local import LocalStore
from headstart.strategies.catalogue import STRATEGIES, build_strategy
from headstart.sweeps.export import export_run
from headstart.sweeps.serial import SerialExecutor
from headstart.training.config import RunOptions
from tests.support.in_turn import in_turn
from tests.support.kinds import NUM_VALIDATION, TASKS, kind_data, kind_source
from tests.support.runs import ARCHITECTURES, WHEN_TINY, do_run, stage_tensors, tiny_choices, tiny_experiment
from tests.support.temperature import take_up_temperature

CheckpointMaker = Callable[..., Path]


def adapter_of(strategy: str) -> str | None:
    return "lora" if build_strategy(Spec(strategy)).takes_adapter else None


ONE_CLASS_A_ROW = {"classification", "spans"}
COMPARES_CLASSES = {"contrastive"}


SEES_NO_LABELS = {
    *("adapter", "dropout", "ema", "gradual_unfreezing", "layerwise_decay", "mixout", "reinit", "top_k", "wise_ft"),
}
"""They change what starts, moves or is averaged, whatever rows are labelled with: one kind each, in turn."""


def strategies_of_kinds() -> Iterator[Any]:
    """Yield every strategy with every kind; quick is one that sees labels with two kinds in turn."""
    kinds = sorted(TASKS)
    for number, strategy in enumerate(STRATEGIES.names()):
        for kind in kinds:
            if strategy in COMPARES_CLASSES and kind not in ONE_CLASS_A_ROW:
                continue
            if strategy in SEES_NO_LABELS:
                is_quick = kind == kinds[number % len(kinds)]
            elif strategy in COMPARES_CLASSES:
                is_quick = True
            else:
                is_quick = kind in (kinds[number % len(kinds)], kinds[(number + 2) % len(kinds)])
            yield pytest.param(kind, strategy, marks=() if is_quick else pytest.mark.slow)


@pytest.mark.parametrize(("kind", "strategy"), list(strategies_of_kinds()))
def test_every_strategy_runs_on_every_kind(
    kind: str, strategy: str, tiny_checkpoint: CheckpointMaker, tmp_path: Path
) -> None:
    fraction = {"stage1_fraction": 0.25} if build_strategy(Spec(strategy)).has_first_stage else {}
    choices = tiny_choices(tiny_checkpoint("bert"), WHEN_TINY.get(strategy, strategy), adapter_of(strategy), **fraction)
    _, record = do_run(choices, tmp_path, kind_source(kind))
    assert tuple(record.scores) == TASKS[kind].metrics
    assert all(np.isfinite(score) for score in record.scores.values())
    predictions = pyarrow.parquet.read_table(tmp_path / "predictions.validation.parquet")
    assert predictions.num_rows == NUM_VALIDATION
    assert strategy in COMPARES_CLASSES or [each for each in record.stages if each.num_steps][-1].moved["head"] > 0


@pytest.mark.parametrize(
    ("architecture", "kind"),
    in_turn(
        [name for name in ARCHITECTURES if name != "bert"], ["multi_label", "regression", "multiple_choice", "spans"]
    ),
)
def test_every_kind_runs_on_every_architecture(
    kind: str, architecture: str, tiny_checkpoint: CheckpointMaker, tmp_path: Path
) -> None:
    """EH-FT: Stage 2 starts on the pretrained backbone, which invariants check, and the head is Stage 1's."""
    choices = tiny_choices(tiny_checkpoint(architecture), "eh_ft", "lora")
    _, record = do_run(choices, tmp_path, kind_source(kind))
    assert [stage.role for stage in record.stages] == ["adapter", "finetune"]
    assert record.stages[0].backbone_restored


@pytest.mark.parametrize("kind", sorted(TASKS))
def test_a_head_learns_what_stands_in_the_texts(kind: str, tiny_checkpoint: CheckpointMaker, tmp_path: Path) -> None:
    """With enough updates the training loss falls well under that of a constant answer."""
    choices = tiny_choices(tiny_checkpoint("bert"), "finetune", None, steps=150, learning_rate=3e-3)
    _, record = do_run(choices, tmp_path, kind_source(kind))
    (stage,) = record.stages
    assert stage.start_loss is not None
    assert stage.end_loss is not None
    assert stage.end_loss < 0.5 * stage.start_loss


@pytest.mark.parametrize("kind", sorted(TASKS))
def test_what_is_saved_answers_as_what_was_evaluated(
    kind: str, tiny_checkpoint: CheckpointMaker, tmp_path: Path
) -> None:
    source = kind_source(kind)
    choices = tiny_choices(tiny_checkpoint("bert"), "eh_ft", "lora")
    run = Run(tiny_experiment(choices, source), 0, source)
    store = LocalStore(tmp_path / "store")
    (record,) = SerialExecutor(store, RunOptions(keep_backbone=True)).execute([run])
    export_run(RunData.of(run), store, tmp_path / "model", SerialExecutor(store))
    saved = load_model_folder(tmp_path / "model")
    folder = store.run_folder(run.experiment.digest, 0).folder
    trained = stage_tensors(folder, "2-finetune", "head.safetensors")
    as_trained = load_model_folder(tmp_path / "model")
    in_raw_units = as_trained.classifier
    in_raw_units.load_head(trained)
    to_raw_units(in_raw_units, run.experiment.training.loss.scale)
    take_up_temperature(as_trained)
    for name, tensor in saved.classifier.head_tensors().items():
        assert torch.equal(tensor, in_raw_units.head_tensors()[name])
    from headstart.inference.evaluate import evaluate

    split = kind_data(kind).evaluation
    # The answers of so small a model hardly differ, so that rounding to raw units shows in their correlation.
    assert evaluate(saved, split).scores == pytest.approx(record.scores, abs=1e-5)


def test_probing_choices_on_cached_features_is_probing_them_on_the_backbone(
    tiny_checkpoint: CheckpointMaker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sequences of an example are found again in the cache: the head comes out the same, to rounding."""
    choices = tiny_choices(tiny_checkpoint("distilbert"), "linear_probe")
    do_run(choices, tmp_path / "cached", kind_source("multiple_choice"))
    monkeypatch.setattr("headstart.experiments.frozen_backbone.reads_one_vector", lambda classifier, batch: False)
    do_run(choices, tmp_path / "direct", kind_source("multiple_choice"))
    cached, direct = (stage_tensors(tmp_path / name, "1-probe", "head.safetensors") for name in ("cached", "direct"))
    for name, tensor in cached.items():
        torch.testing.assert_close(tensor, direct[name], rtol=1e-4, atol=1e-5)


def test_the_constant_answer_is_that_of_the_evaluated_rows() -> None:
    """By hand: of the classes 0, 1, 2, 3, 0, 1, 2, 3, 0, 1 three are 0; a constant number correlates with nothing."""
    for kind, expected in (("regression", 0.0), ("many_classes", 3 / NUM_VALIDATION)):
        data = kind_data(kind)
        assert constant_scores_of(data.task, data.evaluation)[data.task.main_metric] == pytest.approx(expected)
