"""Diagnostics of real runs: they are recorded, they are right where that is known, and they change nothing."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from headstart.experiments.consumption import Consumption
from headstart.experiments.observer import calibrations, observed, steps_to
from headstart.experiments.run import run_one
from headstart.experiments.run_data import SAMPLE_SIZE, RunData
from headstart.experiments.scoring import Scored
from headstart.experiments.witness import StageEnd, StageStart
from headstart.kinds.catalogue import kind_named
from headstart.models.loading import load_classifier
from headstart.models.source import resolve_model
from headstart.registry import Spec
from headstart.store.layout import RunFolder
from headstart.store.record import StageRecord
from headstart.training.callbacks import Progress
from headstart.training.config import RunOptions
from headstart.training.energy import EnergyMeter
from headstart.training.stage_values import untrained
from tests.support.kinds import TASKS, kind_data, kind_source
from tests.support.records import as_stored
from tests.support.runs import data_of, do_run, stage_tensors, tiny_choices, tiny_experiment, tiny_source

CheckpointMaker = Callable[..., Path]


@pytest.mark.parametrize("strategy", ["finetune", "eh_ft", "lp_ft", pytest.param("soup", marks=pytest.mark.slow)])
def test_a_run_is_the_same_with_and_without_diagnostics(
    strategy: str, tiny_checkpoint: CheckpointMaker, tmp_path: Path
) -> None:
    records = []
    for diagnostics in (True, False):
        folder = tmp_path / str(diagnostics)
        options = RunOptions(keep_backbone=True, diagnostics=diagnostics)
        choices = tiny_choices(
            tiny_checkpoint("bert"), strategy, steps=12, **({} if strategy == "finetune" else {"stage1_fraction": 0.25})
        )
        records.append(do_run(choices, folder, options=options)[1])
    with_them, without = records
    assert with_them.scores == without.scores
    last = f"{len(without.stages)}-{without.stages[-1].name}"
    for file in ("head.safetensors", "backbone.safetensors"):
        first, second = (stage_tensors(tmp_path / name, last, file) for name in ("True", "False"))
        assert all(torch.equal(first[key], second[key]) for key in first)
    assert all(stage.diagnostics is None for stage in without.stages)


def test_a_stage_that_was_cut_off_has_the_diagnostics_of_one_that_was_not(
    tiny_checkpoint: CheckpointMaker, tmp_path: Path
) -> None:
    choices = tiny_choices(tiny_checkpoint("bert"), "eh_ft", "lora", steps=24)
    options = RunOptions(checkpoint_seconds=0.0, diagnostics=True)
    _, undisturbed = do_run(choices, tmp_path / "undisturbed", options=options)

    def cut(progress: Progress) -> None:
        if progress.stage == "finetune" and progress.step == 7:
            raise KeyboardInterrupt

    data = data_of(tiny_experiment(choices))
    with pytest.raises(KeyboardInterrupt):
        run_one(data, RunFolder(tmp_path / "cut"), options, cut, observed)
    assert (tmp_path / "cut" / "2-finetune" / "checkpoint.json").exists()
    _, resumed = do_run(choices, tmp_path / "cut", options=options)
    for stage, expected in zip(resumed.stages, undisturbed.stages, strict=True):
        assert _measured(stage) == _measured(expected)


def _measured(stage: StageRecord) -> dict[str, object]:
    """Return the diagnostics that do not hang on the machine's moment."""
    assert stage.diagnostics is not None
    of_the_moment = ("seconds", "peak_memory_bytes", "energy_joules")
    return {name: value for name, value in asdict(stage.diagnostics).items() if name not in of_the_moment}


def test_the_energy_of_a_stage_that_was_cut_off_is_not_known(
    tiny_checkpoint: CheckpointMaker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the first call used is not counted, so the rest would be too little."""
    counting = SimpleNamespace(joules=lambda: 3.0)
    monkeypatch.setattr(EnergyMeter, "started", classmethod(lambda cls, device: counting))
    classifier = load_classifier(
        resolve_model(str(tiny_checkpoint("bert"))), labels=("bad", "good"), head=Spec("native"), seed=0
    )
    stage = tiny_experiment(tiny_choices(tiny_checkpoint("bert"), "finetune")).plan[0]
    outcome = untrained(classifier, 0.0)
    end = StageEnd(stage=stage, outcome=outcome, folder=Path(), is_last=True, final_model=lambda: classifier.model)
    joules = []
    for is_resumed in (False, True):
        witness = Consumption("cpu")
        witness.before(StageStart(stage=stage, classifier=classifier, is_pretrained=True, is_resumed=is_resumed))
        witness.after(end, outcome.record(stage, backbone_restored=True))
        joules.append(witness.joules)
    assert joules == [3.0, None]


@pytest.mark.parametrize("name", TASKS)
def test_every_kind_of_task_has_a_feature_per_sequence(
    name: str, tiny_checkpoint: CheckpointMaker, tmp_path: Path
) -> None:
    rows = kind_data(name).training
    _, record = do_run(tiny_choices(tiny_checkpoint("bert"), "finetune"), tmp_path, kind_source(name))
    found = record.stages[0].diagnostics
    assert found is not None
    assert found.num_sample_rows == len(rows)
    assert found.feature_change is not None
    assert found.feature_change_mean is not None
    num_sequences = sum(len(each) for each in rows.choices) if rows.choices else len(rows)
    assert found.feature_change == pytest.approx(found.feature_change_mean * num_sequences)
    has_classes = TASKS[name].kind in (kind_named("classification"), kind_named("multiple_choice"))
    assert (found.sample_accuracy_start is not None) == has_classes
    assert (found.calibration is not None) == has_classes


def test_looking_draws_nothing_and_leaves_the_modes(tiny_checkpoint: CheckpointMaker) -> None:
    experiment = tiny_experiment(tiny_choices(tiny_checkpoint("bert"), "finetune"))
    model = data_of(experiment).load_classifier().model
    model.train()
    model.base_model.embeddings.eval()
    modes = [module.training for module in model.modules()]
    states = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].tolist()
    data_of(experiment).sample.snapshot(model)
    data_of(experiment).pretrained_features()
    assert [module.training for module in model.modules()] == modes
    assert torch.equal(torch.get_rng_state(), states[0])
    assert (random.getstate(), np.random.get_state()[1].tolist()) == states[1:]


def test_the_sample_is_evenly_spaced_and_the_same_for_every_seed(tiny_checkpoint: CheckpointMaker) -> None:
    source = tiny_source(num_train=300)
    data = data_of(tiny_experiment(tiny_choices(tiny_checkpoint("bert"), "finetune"), source), source)
    tokens, everything = data.sample.tokens, data.tokens("train")
    rows = range(0, 300, 3)
    assert len(tokens) == len(rows) <= SAMPLE_SIZE
    assert tokens.features["input_ids"] == [everything.features["input_ids"][row] for row in rows]


def test_an_untouched_backbone_has_no_feature_change(tiny_checkpoint: CheckpointMaker, tmp_path: Path) -> None:
    """T6: 0 after linear probing; more than 0 after fine-tuning."""
    _, record = do_run(tiny_choices(tiny_checkpoint("bert"), "lp_ft"), tmp_path)
    probe, finetune = (stage.diagnostics for stage in record.stages)
    assert probe is not None
    assert finetune is not None
    assert probe.feature_change == 0.0
    assert probe.feature_similarity == pytest.approx(1.0)
    assert probe.layer_distances == {}
    assert probe.head_distance is not None
    assert probe.head_distance > 0
    assert finetune.feature_change is not None
    assert finetune.feature_change > 0
    assert finetune.feature_change_mean == pytest.approx(finetune.feature_change / 24)
    assert finetune.head_norm_start == pytest.approx(probe.head_norm_end)
    assert set(finetune.layer_distances) == {"embeddings", "layer 0", "layer 1", "above"}
    assert all(distance > 0 for distance in finetune.layer_distances.values())


def test_what_is_measured_and_evaluated_after_bf16_training_is_fp32(
    tiny_checkpoint: CheckpointMaker, tmp_path: Path
) -> None:
    """Autocast rounds features by a hundredth; the untouched backbone's must come out bit for bit."""
    _, record = do_run(tiny_choices(tiny_checkpoint("bert"), "linear_probe", precision="bf16"), tmp_path)
    diagnostics = record.stages[0].diagnostics
    assert diagnostics is not None
    assert diagnostics.feature_change == 0.0


def test_the_start_of_stage_2_is_measured_with_the_head_that_it_starts_with(
    tiny_checkpoint: CheckpointMaker, tmp_path: Path
) -> None:
    """A probed head has a lower loss on its training rows than the fresh one that fine-tuning starts with."""
    losses = {}
    for strategy in ("finetune", "lp_ft"):
        choices = tiny_choices(
            tiny_checkpoint("bert"),
            strategy,
            steps=200,
            **({} if strategy == "finetune" else {"stage1_fraction": 0.5, "stage1_learning_rate": 0.02}),
        )
        _, record = do_run(choices, tmp_path / strategy)
        last = record.stages[-1].diagnostics
        assert last is not None
        losses[strategy] = last.sample_loss_start
    assert losses["finetune"] == pytest.approx(np.log(2), abs=0.05)
    assert losses["lp_ft"] is not None
    assert losses["lp_ft"] < 0.65


def test_the_record_survives_json(tiny_checkpoint: CheckpointMaker, tmp_path: Path) -> None:
    _, record = do_run(tiny_choices(tiny_checkpoint("bert"), "eh_ft"), tmp_path)
    for stage in record.stages:
        assert as_stored(stage) == stage
    assert record.stages[-1].diagnostics is not None
    assert record.stages[-1].diagnostics.calibration is not None
    assert record.stages[0].diagnostics is not None
    assert record.stages[0].diagnostics.calibration is None


def test_the_running_accuracy_is_logged_and_reaches_90_percent(
    tiny_checkpoint: CheckpointMaker, tmp_path: Path
) -> None:
    choices = tiny_choices(tiny_checkpoint("bert"), "finetune", steps=300, learning_rate=3e-3)
    _, record = do_run(choices, tmp_path)
    lines = [json.loads(line) for line in (tmp_path / "1-finetune" / "metrics.jsonl").read_text().splitlines()]
    assert all(0 <= line["accuracy"] <= 1 for line in lines)
    diagnostics = record.stages[0].diagnostics
    assert diagnostics is not None
    expected = next(line["step"] for line in lines if line["accuracy"] >= 0.9)
    assert diagnostics.steps_to_90 == expected


def test_steps_to() -> None:
    entries = [{"step": 3, "accuracy": 0.5}, {"step": 6, "accuracy": 0.9}, {"step": 9, "accuracy": 1.0}]
    assert steps_to(0.9, entries) == 6
    assert steps_to(0.9, entries[:1]) is None
    assert steps_to(0.9, [{"step": 1, "loss": 0.1}]) is None


def test_temperature_scaling_repairs_overconfidence() -> None:
    generator = np.random.default_rng(0)
    logits = generator.normal(size=(400, 3))
    right = np.array([generator.choice(3, p=np.exp(row) / np.exp(row).sum()) for row in logits])
    overconfident = np.exp(4 * logits) / np.exp(4 * logits).sum(axis=1, keepdims=True)
    scored = Scored(
        scores={},
        labels=right,
        decisions=overconfident.argmax(axis=1),
        answers=overconfident.astype(np.float32),
        says_nothing=False,
    )
    before, after = calibrations(scored, kind_named("classification"))
    assert before is not None
    assert after is not None
    assert after.expected_error < before.expected_error / 2
    assert after.log_loss < before.log_loss
    assert sum(count for _, _, count in after.bins) == 400


@pytest.mark.parametrize("num_wrong", [0, 1])
def test_no_temperature_is_recorded_where_fewer_than_two_answers_are_wrong(num_wrong: int) -> None:
    answers = np.tile(np.array([[0.95, 0.05]], dtype=np.float32), (50, 1))
    right = (np.arange(50) < num_wrong).astype(np.int64)
    scored = Scored(scores={}, labels=right, decisions=answers.argmax(axis=1), answers=answers, says_nothing=False)
    before, after = calibrations(scored, kind_named("classification"))
    assert before is not None
    assert after is None


@pytest.mark.parametrize("strategy", ["finetune", "reinit", "lp_ft"])
def test_the_pretrained_features_are_those_of_the_untouched_backbone(
    strategy: str, tiny_checkpoint: CheckpointMaker, tmp_path: Path
) -> None:
    """Whichever run of a process asks first: also one whose backbone starts with redrawn layers."""
    data = data_of(tiny_experiment(tiny_choices(tiny_checkpoint("bert"), strategy)), seed=3)
    run_one(data, RunFolder(tmp_path), RunOptions(), witnesses=observed)
    kept = data.pretrained_features()
    alone = RunData.of(data.run).pretrained_features()
    assert torch.equal(kept, alone)


def test_rows_of_a_unit_are_scaled_without_each_other() -> None:
    answers = np.tile(np.array([[0.95, 0.05]], dtype=np.float32), (50, 1))
    right = (np.arange(50) < 5).astype(np.int64)
    scored = Scored(scores={}, labels=right, decisions=answers.argmax(axis=1), answers=answers, says_nothing=False)
    kind = kind_named("classification")
    assert calibrations(scored, kind)[1] is not None
    assert calibrations(scored, kind, list(range(50))) == calibrations(scored, kind)
    before, after = calibrations(scored, kind, (np.arange(50) // 5).tolist())
    assert before is not None
    assert after is None
    assert calibrations(scored, kind, (np.arange(50) // 15).tolist())[1] is None
