"""The rows that are kept for the end: scored once, by the model that a fit wrote."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from headstart.data.together import independent_units
from headstart.experiments.run_data import RunData
from headstart.inference.evaluate import scores_of
from headstart.inference.predict import predict
from headstart.inference.saved import load_saved_model
from headstart.stats.intervals import Interval
from headstart.stats.score_interval import intervals_of_rows
from headstart.store.record import OtherResult

TEST = "test"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tested:
    """How a finished model did on the test rows of its own table.

    Attributes:
        intervals: by metric, of those that have one.
    """

    result: OtherResult
    intervals: dict[str, Interval]


def tested(data: RunData, folder: Path) -> Tested | None:
    """Return how a written model does on the test rows of its own table; None where this has none.

    Raises:
        UsageError: if the model cannot be read back.
    """
    rows, task = data.test, data.task
    if not len(rows):
        return None
    answered = predict(load_saved_model(folder), rows)
    found = scores_of(task, rows, answered)
    result = OtherResult(
        name=TEST,
        split=TEST,
        metric=task.main_metric,
        scores=found.scores,
        constant_score=found.constant_scores[task.main_metric],
        constant_scores=found.constant_scores,
        num_examples=found.num_rows,
        is_degenerate=found.is_degenerate,
    )
    right = task.kind.label_array(rows.labels or (), task.num_labels)
    return Tested(
        result=result, intervals=intervals_of_rows(task.metrics, right, answered.decisions, independent_units(rows))
    )
