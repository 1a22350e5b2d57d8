"""Stores made by hand: what a sweep leaves behind, without a sweep."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from headstart.store.diagnostics import CalibrationRecord, StageDiagnostics
from headstart.store.json_records import dump
from headstart.store.record import RunRecord, RunStatus, StageRecord
from headstart.store.setting import NOT_PRIVATE, Setting

SETTING = Setting(
    rows="3f2a91bc" * 8,
    model_revision="xxh3:8fd7aea7103a892a346b0af97272df2f",
    head="native",
    keep_head=False,
    max_length=128,
    long="longest_first",
    stride=0,
    loss="cross_entropy",
    label_smoothing=0.0,
    class_weights=(),
    optimizer={"weight_decay": "0.01", "beta2": "0.999"},
    batch_size=16,
    precision="fp32",
    attention="eager",
    device="cpu",
    privacy=NOT_PRIVATE,
    folds=None,
    holdout_fraction=0.0,
    chosen_on="none",
)
"""Of a run that was made with nothing but defaults."""


def make_stage(name: str, role: str, score: float, num_steps: int) -> StageRecord:
    """Return a stage that ended with this accuracy."""
    return StageRecord(
        name=name,
        role=role,
        num_steps=num_steps,
        scores={"accuracy": score},
        start_loss=1.1,
        end_loss=0.4,
        trained={"head": 1155},
        moved={"head": 2},
        backbone_restored=True,
        seconds=num_steps * 0.25,
        evaluation_seconds=0.5,
        checks_seconds=0.1,
        num_examples_seen=num_steps * 16,
        num_tokens_seen=num_steps * 256,
    )


def make_record(
    label: str = "finetune",
    seed: int = 0,
    score: float = 0.75,
    *,
    stage1: float | None = None,
    stage1_role: str = "adapter",
    experiment: str | None = None,
    task: str = "demo",
    **changes: object,
) -> RunRecord:
    """Return a finished run's record; `changes` replaces any field."""
    finetune = make_stage("finetune", "finetune", score, 180 if stage1 is not None else 200)
    stages = (finetune,) if stage1 is None else (make_stage("first", stage1_role, stage1, 20), finetune)
    record = RunRecord(
        status=RunStatus.FINISHED,
        experiment_digest=re.sub(r"[^\w.+=-]", "_", experiment or f"{task}-{label.strip(')')}"),
        seed=seed,
        task=task,
        model="embedded:minilm-l6",
        label=label,
        strategy=label.partition("(")[0],
        adapter=label.partition("(")[2].strip(")") or None,
        metric="accuracy",
        scores={"accuracy": score},
        constant_score=0.34,
        num_evaluation_examples=300,
        reported_split="validation",
        chosen_on="none",
        learning_rates={"finetune": 1e-4},
        stages=stages,
        num_steps=200,
        seconds=50.0 + seed,
        num_trained_parameters=22_714_371,
        setting=SETTING,
        versions={"torch": "2.9.0"},
    )
    return replace(record, **changes)


def fail(record: RunRecord, status: RunStatus = RunStatus.DIVERGED) -> RunRecord:
    """Return the record of the same run, failed."""
    return replace(
        record,
        status=status,
        scores={},
        stages=(),
        seconds=3.0,
        error="diverged in stage finetune at step 7: loss is nan",
        failed_stage="finetune",
        failed_step=7,
    )


def measured(record: RunRecord, scale: float = 1.0) -> RunRecord:
    """Return the record with diagnostics of its last stage; `scale` moves them all."""
    bins = tuple((0.4 + 0.066 * number, 0.35 + 0.06 * number, 10 + 4 * number) for number in range(9))
    calibration = CalibrationRecord(expected_error=0.08 * scale, brier=0.4, log_loss=0.6, bins=bins)
    diagnostics = StageDiagnostics(
        num_sample_rows=128,
        feature_change=128 * scale * (3 + record.seed / 10),
        feature_change_mean=scale * (3 + record.seed / 10),
        feature_similarity=0.9,
        head_norm_start=1.0,
        head_norm_end=1.5,
        layer_distances={"embeddings": 0.001 * scale, "layer 0": 0.01 * scale, "layer 1": 0.03 * scale},
        sample_loss_start=0.9,
        sample_accuracy_start=0.55,
        steps_to_90=40,
        calibration=calibration,
        calibration_scaled=replace(calibration, expected_error=0.03 * scale),
        energy_joules=1200.0,
        peak_memory_bytes=2_500_000_000,
    )
    stages = (*record.stages[:-1], replace(record.stages[-1], diagnostics=diagnostics))
    return replace(record, stages=stages)


def write_store(root: Path, records: Iterable[RunRecord], *, with_metrics: bool = False) -> Path:
    """Write records in the store's layout."""
    root.mkdir(parents=True, exist_ok=True)
    (root / "store.json").write_text('{"kind": "headstart store", "schema_version": 4}', encoding="utf-8")
    for record in records:
        folder = root / record.experiment_digest / f"seed-{record.seed}"
        folder.mkdir(parents=True)
        name = "run.json" if record.status is RunStatus.FINISHED else "failed.json"
        (folder / name).write_text(json.dumps(dump(record)), encoding="utf-8")
        for index, stage in enumerate(record.stages if with_metrics else ()):
            _save_metrics(folder / f"{index + 1}-{stage.name}", stage, record)
    return root


def _save_metrics(folder: Path, stage: StageRecord, record: RunRecord) -> None:
    folder.mkdir()
    pace = 30 + 5 * len(record.label)
    lines = [
        json.dumps(
            {
                "step": step,
                "loss": 0.35 + 0.8 * math.exp(-step / pace) + 0.05 * math.sin(step + record.seed),
                "learning_rate": 1e-4 * (1 - step / stage.num_steps),
                "grad_norm": 1.0,
                "seconds": 0.25 * step,
            }
        )
        for step in range(5, stage.num_steps + 1, 5)
    ]
    (folder / "metrics.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
