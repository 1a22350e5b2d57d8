"""Learning curves: the training loss of each update, averaged over seeds."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from headstart.comparison.cells import Cell
from headstart.store.local import LocalStore
from headstart.store.metrics_log import METRICS_FILE, read_metrics

MAX_POINTS_PER_STAGE = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class CurvePoint:
    """The loss (nats) at a step of the whole run: mean, lowest and highest over the seeds."""

    step: int
    mean: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class StageCurve:
    """One stage's part of a curve. Its points are averages over equal windows where there would be too many."""

    name: str
    first_step: int
    points: tuple[CurvePoint, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LearningCurve:
    """The training loss over a run's stages, one after the other."""

    stages: tuple[StageCurve, ...]


def learning_curve(store: LocalStore, cell: Cell, damaged: Collection[Path] = frozenset()) -> LearningCurve | None:
    """Return the curve of a cell's finished runs without `damaged` logs; None when no stage logged a loss."""
    if not cell.finished:
        return None
    stages, first_step = [], 0
    for index, stage in enumerate(cell.finished[0].stages):
        folders = (store.run_folder(record.experiment_digest, record.seed) for record in cell.finished)
        logs = [folder.stage_folder(index, stage.name) / METRICS_FILE for folder in folders]
        losses = [read_losses(path) for path in logs if path not in damaged]
        points = _over_seeds(losses, first_step)
        if points:
            stages.append(StageCurve(name=stage.name, first_step=first_step, points=_thin(points)))
        first_step += stage.num_steps
    return LearningCurve(stages=tuple(stages)) if stages else None


def read_losses(path: Path) -> dict[int, float]:
    """Return finite losses by step of one stage's log; empty without the file."""
    losses = {int(entry["step"]): entry.get("loss") for entry in read_metrics(path)}
    return {step: float(loss) for step, loss in losses.items() if loss is not None and math.isfinite(loss)}


def _over_seeds(losses: Iterable[dict[int, float]], first_step: int) -> list[CurvePoint]:
    by_step: defaultdict[int, list[float]] = defaultdict(list)
    for run in losses:
        for step, loss in run.items():
            by_step[first_step + step].append(loss)
    return [
        CurvePoint(step=step, mean=sum(values) / len(values), low=min(values), high=max(values))
        for step, values in sorted(by_step.items())
    ]


def _thin(points: list[CurvePoint]) -> tuple[CurvePoint, ...]:
    """Average neighbours so that few enough points remain; a window stands at its last step, as a log entry does."""
    size = math.ceil(len(points) / MAX_POINTS_PER_STAGE)
    windows = [points[begin : begin + size] for begin in range(0, len(points), size)]
    return tuple(
        CurvePoint(
            step=window[-1].step,
            mean=sum(point.mean for point in window) / len(window),
            low=sum(point.low for point in window) / len(window),
            high=sum(point.high for point in window) / len(window),
        )
        for window in windows
    )
