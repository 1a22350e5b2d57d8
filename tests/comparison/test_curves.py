"""Curves against averages done by hand."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from headstart.comparison.curves import MAX_POINTS_PER_STAGE, learning_curve, read_losses
from headstart.comparison.frame import Frame
from headstart.store.local import LocalStore
from headstart.store.metrics_log import MOST_BYTES
from tests.support.stores import fail, make_record, write_store


def write_losses(store: Path, seed: int, stage: str, losses: dict[int, float | None]) -> None:
    folder = store / "demo-eh_ft_lora" / f"seed-{seed}" / stage
    folder.mkdir(exist_ok=True)
    lines = [json.dumps({"step": step, "loss": loss}) for step, loss in losses.items()]
    (folder / "metrics.jsonl").write_text("\n".join(lines) + "\n")


def test_stages_follow_each_other_and_seeds_are_averaged(tmp_path: Path):
    records = [make_record("eh_ft(lora)", seed, stage1=0.6) for seed in (0, 1)]
    store = write_store(tmp_path / "runs", [*records, fail(make_record("eh_ft(lora)", 2, stage1=0.6))])
    write_losses(store, 0, "1-first", {10: 1.0, 20: 0.8})
    write_losses(store, 1, "1-first", {10: 2.0, 20: 1.0})
    write_losses(store, 0, "2-finetune", {5: 0.5})
    write_losses(store, 2, "1-first", {10: 99.0})
    curve = learning_curve(LocalStore(store), Frame.from_store(store).cells[0])
    assert curve is not None
    first, second = curve.stages
    assert [(p.step, p.low, p.high) for p in first.points] == [(10, 1.0, 2.0), (20, 0.8, 1.0)]
    assert [p.mean for p in first.points] == pytest.approx([1.5, 0.9])
    assert second.first_step == 20
    assert [(p.step, p.mean) for p in second.points] == [(25, 0.5)]


def test_no_logs_no_curve(tmp_path: Path):
    store = write_store(tmp_path / "runs", [make_record()])
    assert learning_curve(LocalStore(store), Frame.from_store(store).cells[0]) is None


def test_many_points_are_averaged_to_few(tmp_path: Path):
    store = write_store(tmp_path / "runs", [make_record("eh_ft(lora)", stage1=0.6)])
    write_losses(store, 0, "1-first", {step: float(step) for step in range(1, 1001)})
    curve = learning_curve(LocalStore(store), Frame.from_store(store).cells[0])
    assert curve is not None
    points = curve.stages[0].points
    assert len(points) <= MAX_POINTS_PER_STAGE
    assert points[-1].step == 1000
    assert points[0].mean == pytest.approx((1 + points[0].step) / 2)


def test_losses_that_are_not_there_are_left_out(tmp_path: Path):
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"step": 1, "loss": 0.5}\n{"step": 2, "loss": null}\n{"step": 3, "loss": NaN}\n[]\n{"st')
    assert read_losses(path) == {1: 0.5}
    assert read_losses(tmp_path / "none.jsonl") == {}


@pytest.mark.parametrize("name", ["step", "loss", "seconds"])
def test_numbers_that_no_machine_has_are_left_out(name: str, tmp_path: Path):
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"step": 1, "loss": 0.5}\n' + json.dumps({"step": 2, "loss": 0.5} | {name: 10**400}))
    assert read_losses(path) == {1: 0.5}


def test_a_log_without_end_is_not_read(tmp_path: Path):
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"step": 1, "loss": 0.5}\n')
    os.truncate(path, MOST_BYTES + 1)
    assert read_losses(path) == {}
    path.unlink()
    os.mkfifo(path)
    assert read_losses(path) == {}
