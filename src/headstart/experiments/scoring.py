"""What a model's logits are worth: answers, metrics, and the best constant answer beside them.

Letters: n examples, k logits, c classes, m choices.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet
import torch

from headstart import metrics
from headstart.atomic_files import atomic_path
from headstart.data.examples import Split
from headstart.experiments.stored_answers import StoredAnswers, stored_units
from headstart.kinds.kind import Label
from headstart.store.layout import UNIT
from headstart.tasks.constants import constant_scores
from headstart.tasks.task import Task

Values = npt.NDArray[np.int64] | npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """A split with a model's answers.

    Attributes:
        scores: the task's metrics, the main one first.
        labels: [n], or [n, c] for multi-label.
        decisions: what is scored, of the same shape.
        answers: probabilities [n, c] or [n, m], or values [n, 1].
        says_nothing: of the model; see `Kind.says_nothing`.
    """

    scores: dict[str, float]
    labels: Values
    decisions: Values
    answers: npt.NDArray[np.float32]
    says_nothing: bool = False


def score(task: Task, logits: torch.Tensor, labels: Sequence[Label], groups: Sequence[str] | None) -> Scored:
    """Return a split's answers and metrics from its logits [n, k] or [n, m]."""
    said = task.kind.answers(logits)
    decided = task.kind.decisions(said).numpy()
    right = task.kind.label_array(labels, task.num_labels)
    return Scored(
        scores=metrics.compute(task.metrics, right, decided, groups),
        labels=right,
        decisions=decided,
        answers=said.numpy(),
        says_nothing=task.kind.says_nothing(right, said.numpy(), decided),
    )


def constant_scores_of(task: Task, split: Split) -> dict[str, float]:
    """Return each metric of its best constant answer to a split's own rows; nothing where there are none."""
    labels = task.kind.label_array(split.labels or (), task.num_labels)
    return constant_scores(task.kind, task.metrics, labels, split.groups) if len(split) else {}


def as_stored(scored: Scored, rows: Split) -> StoredAnswers:
    """Return answers to rows as they are read back from `write_predictions`, which keeps no single column of them."""
    return StoredAnswers(
        labels=scored.labels,
        decisions=scored.decisions,
        probabilities=scored.answers.astype(np.float64) if scored.answers.shape[1] > 1 else None,
        units=stored_units(rows),
    )


def write_predictions(scored: Scored, path: Path, rows: Split) -> None:
    """Write one row per example: label, decision and probabilities, or the number; multi-label ones as lists.

    Where some of the `rows` belong together, each also has the number of its unit.
    """
    columns = {"label": _column(scored.labels), "predicted": _column(scored.decisions)}
    if (units := stored_units(rows)) is not None:
        columns[UNIT] = pa.array(units)
    if scored.answers.shape[1] > 1:
        columns |= {f"probability_{index}": pa.array(column) for index, column in enumerate(scored.answers.T)}
    with atomic_path(path) as temporary:
        pyarrow.parquet.write_table(pa.table(columns), temporary)


def _column(values: Values) -> pa.Array:
    return pa.array(list(values) if values.ndim == 2 else values)
