"""How well a saved model does on labelled examples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from headstart import metrics
from headstart.artifacts.saved_model import SavedModel
from headstart.data.examples import Split
from headstart.data.row_weights import with_mean_one
from headstart.data.together import independent_units
from headstart.inference.forward import Progress
from headstart.inference.predict import Predictions, predict
from headstart.stats.class_scores import ClassScores, class_scores
from headstart.stats.group_scores import GroupScores, group_scores
from headstart.tasks.constants import constant_scores
from headstart.tasks.task import Task


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """How well a model does.

    Attributes:
        scores: metrics by name, the main one first.
        constant_scores: each metric of its best constant answer to these examples.
        classes: how well it does on each class, where answers are among classes.
        num_rows: examples that were answered.
        num_truncated: examples that lost tokens to the maximum length.
        is_degenerate: whether the model says the same of all examples, which makes every metric meaningless.
        precision: "fp32" or "bf16".
        notes: sentences that say what was recognised or decided.
        by_group: how well it does on groups of rows, where a column of them was named.
    """

    scores: dict[str, float]
    constant_scores: dict[str, float]
    classes: tuple[ClassScores, ...] = ()
    num_rows: int
    num_truncated: int
    is_degenerate: bool
    precision: str = "fp32"
    notes: tuple[str, ...] = ()
    by_group: GroupScores | None = None


def evaluate(
    saved: SavedModel,
    split: Split,
    *,
    metric_names: tuple[str, ...] | None = None,
    groups: Sequence[str] | None = None,
    batch_size: int | None = None,
    precision: str = "fp32",
    device: str | None = None,
    progress: Progress | None = None,
) -> Scores:
    """Return metrics of a model on labelled examples, weighed where these have weights.

    Args:
        saved: the model.
        split: labelled; labels are as the model's task has them.
        metric_names: None takes those of the model's own task.
        groups: [n] names; the main metric is told for each of them, with equal weights of rows.
        batch_size: as `predict` takes it.
        precision: "fp32" or "bf16".
        device: "cpu" or "cuda"; None takes a GPU where there is one.
        progress: called after each batch with rows done and rows in all.

    Raises:
        ValueError: if rows or their labels are missing.
        DataError: with the examples that the model cannot read.
    """
    if split.labels is None or not len(split):
        raise ValueError("evaluation needs labelled rows")
    predictions = predict(saved, split, batch_size=batch_size, precision=precision, device=device, progress=progress)
    task = saved.info.task
    found = scores_of(task, split, predictions, metric_names=metric_names, precision=precision)
    if groups is None:
        return found
    right, metric = task.kind.label_array(split.labels, task.num_labels), next(iter(found.scores))
    return replace(
        found, by_group=group_scores(metric, right, predictions.decisions, groups, units=independent_units(split))
    )


def scores_of(
    task: Task,
    split: Split,
    predictions: Predictions,
    *,
    metric_names: tuple[str, ...] | None = None,
    precision: str = "fp32",
) -> Scores:
    """Return metrics of answers to labelled examples, one at least; arguments are those of `evaluate`."""
    right = task.kind.label_array(split.labels or (), task.num_labels)
    weights = None if split.weights is None else np.asarray(with_mean_one(split).weights)
    names = metric_names or task.metrics
    return Scores(
        scores=metrics.compute(names, right, predictions.decisions, split.groups, weights),
        constant_scores=constant_scores(task.kind, names, right, split.groups, weights),
        classes=class_scores(task.labels, right, predictions.decisions, weights) if task.kind.has_classes else (),
        num_rows=len(split),
        num_truncated=predictions.num_truncated,
        is_degenerate=task.kind.says_nothing(right, predictions.answers, predictions.decisions),
        precision=precision,
    )
