"""Witnesses are handed in, look in turn and change nothing."""

from __future__ import annotations

import gc
import weakref
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from headstart.experiments.consumption import Consumption
from headstart.experiments.evaluation import Evaluation
from headstart.experiments.observer import Observer
from headstart.experiments.stage_run import StageRun
from headstart.experiments.stored_stage import finished_stage
from headstart.experiments.witness import StageEnd, StageStart, Witness
from headstart.store.layout import RunFolder
from headstart.store.record import StageRecord
from headstart.strategies.site import FinishedStage
from headstart.strategies.strategy import Stage
from headstart.training.config import RunOptions
from tests.conftest import CheckpointMaker
from tests.support.runs import data_of, tiny_choices, tiny_experiment


class Diary(Witness):
    """Writes down when it is asked to look."""

    def __init__(self, name: str, pages: list[str]) -> None:
        self.name, self.pages = name, pages

    def before(self, start: StageStart) -> None:
        assert all(parameter.grad is None for parameter in start.classifier.model.parameters())
        self.pages.append(f"{start.stage.name} before {self.name}")

    def after(self, end: StageEnd, record: StageRecord) -> StageRecord:
        assert all(parameter.grad is None for parameter in end.outcome.model.parameters()), "memory is let go of"
        self.pages.append(f"{end.stage.name} after {self.name}")
        return replace(record, scores=record.scores | {self.name: 1.0})


def test_the_last_to_look_before_is_the_first_to_look_after(tiny_checkpoint: CheckpointMaker, tmp_path: Path) -> None:
    choices = tiny_choices(tiny_checkpoint("bert"), "soup:ingredients=2", stage1_fraction=0.25)
    data, pages = data_of(tiny_experiment(choices)), list[str]()
    earlier: list[FinishedStage] = []
    for index, stage in enumerate(data.run.experiment.plan):
        stage_run = StageRun(data, RunFolder(tmp_path), RunOptions(), index, tuple(earlier))
        stored = stage_run.train([Diary("a", pages), Diary("b", pages)], None)
        assert stored.record.scores == {"a": 1.0, "b": 1.0}
        assert stage_run.load() == stored
        earlier.append(finished_stage(stage, stored, stage_run.folder))
    trained = ("adapter", "finetune-1", "finetune-2")
    moments = [f"{name} {moment}" for name in trained for moment in ("before a", "before b", "after b", "after a")]
    assert pages == [*moments, "soup after b", "soup after a"]


def test_without_witnesses_nothing_is_evaluated_or_measured(tiny_checkpoint: CheckpointMaker, tmp_path: Path) -> None:
    data = data_of(tiny_experiment(tiny_choices(tiny_checkpoint("bert"), "finetune")))
    record = StageRun(data, RunFolder(tmp_path), RunOptions(), 0, ()).train((), None).record
    assert (record.scores, record.diagnostics, record.evaluation_seconds) == ({}, None, 0.0)
    assert not list(tmp_path.glob("predictions.*"))


def test_a_backbone_that_stays_small_is_not_moved_before(tiny_checkpoint: CheckpointMaker) -> None:
    data = data_of(tiny_experiment(tiny_choices(tiny_checkpoint("bert"), "eh_ft")))
    training = replace(data.run.experiment.training, device="cuda")
    data = replace(data, run=replace(data.run, experiment=replace(data.run.experiment, training=training)))
    evaluation = Evaluation(data, RunFolder(Path()))
    classifier = data.load_classifier()
    stage: Stage = data.run.experiment.plan[0]
    Observer(data, evaluation, Consumption("cpu")).before(
        StageStart(stage=stage, classifier=classifier, is_pretrained=True, is_resumed=False, stays_small=True)
    )
    assert {parameter.device for parameter in classifier.model.parameters()} == {torch.device("cpu")}


@pytest.mark.parametrize("split", ["validation", None])
def test_the_evaluation_s_answers_are_kept_where_something_is_reported(
    split: str | None, tiny_checkpoint: CheckpointMaker, tmp_path: Path
) -> None:
    data = data_of(tiny_experiment(tiny_choices(tiny_checkpoint("bert"), "finetune")))
    evaluation = replace(data.run.experiment.evaluation, split=split)
    data = replace(data, run=replace(data.run, experiment=replace(data.run.experiment, evaluation=evaluation)))
    witness = Evaluation(data, RunFolder(tmp_path))
    record = StageRun(data, RunFolder(tmp_path), RunOptions(), 0, ()).train([witness], None).record
    assert (witness.scored is not None) == bool(record.scores) == (split is not None)
    assert (tmp_path / "predictions.validation.parquet").exists() == (split is not None)


@pytest.mark.parametrize("strategy", ["finetune", "adapter"])
def test_a_finished_stage_leaves_no_model_behind(
    strategy: str, tiny_checkpoint: CheckpointMaker, tmp_path: Path
) -> None:
    """The next stage loads its own: a model that waited for the garbage collector would be in memory beside it."""
    models: list[weakref.ref[torch.nn.Module]] = []

    class Sees(Witness):
        def before(self, start: StageStart) -> None:
            models.append(weakref.ref(start.classifier.model))

    data = data_of(tiny_experiment(tiny_choices(tiny_checkpoint("bert"), strategy)))
    gc.disable()
    try:
        StageRun(data, RunFolder(tmp_path), RunOptions(), 0, ()).train([Sees()], None)
        assert models[0]() is None
    finally:
        gc.enable()
