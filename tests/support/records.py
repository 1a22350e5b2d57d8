"""Records of runs as tests need them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TypeVar

from headstart.store.json_records import dump, load
from headstart.store.record import RunRecord, RunStatus, StageRecord


def stage_record(name: str = "finetune") -> StageRecord:
    return StageRecord(
        name=name,
        role=name,
        num_steps=10,
        scores={"accuracy": 0.75},
        start_loss=0.7,
        end_loss=0.25,
        trained={"head": 66, "backbone": 1000},
        moved={"head": 2, "backbone": 16},
        backbone_restored=False,
        seconds=1.5,
        evaluation_seconds=0.5,
        checks_seconds=0.01,
        num_examples_seen=160,
        num_tokens_seen=2560,
        dtypes={"head": "float32"},
    )


def run_record(digest: str = "abc", seed: int = 0, status: RunStatus = RunStatus.FINISHED) -> RunRecord:
    return RunRecord(
        status=status,
        experiment_digest=digest,
        seed=seed,
        task="glue/rte",
        model="tiny",
        label="finetune",
        strategy="finetune",
        adapter=None,
        metric="accuracy",
        scores={"accuracy": 0.75},
        constant_score=0.5,
        num_evaluation_examples=20,
        reported_split="validation",
        chosen_on="none",
        stages=(stage_record(),),
        warnings=("short",),
    )


T = TypeVar("T")


def as_stored(value: T) -> T:
    """Return a dataclass written as JSON and read back."""
    return load(type(value), json.loads(json.dumps(dump(value))), Path("values.json"))
