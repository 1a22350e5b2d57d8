"""The rows that are kept for the end: scored once, by the model that a fit wrote."""

from __future__ import annotations

from pathlib import Path

from headstart.experiments.run_data import RunData
from headstart.inference.evaluate import evaluate
from headstart.inference.saved import load_saved_model
from headstart.store.record import OtherResult

TEST = "test"


def tested(data: RunData, folder: Path) -> OtherResult | None:
    """Return how a written model does on the test rows of its own table; None where this has none.

    Raises:
        UsageError: if the model cannot be read back.
    """
    rows = data.test
    if not len(rows):
        return None
    found = evaluate(load_saved_model(folder), rows)
    return OtherResult(
        name=TEST,
        split=TEST,
        metric=data.task.main_metric,
        scores=found.scores,
        constant_score=found.constant_scores[data.task.main_metric],
        constant_scores=found.constant_scores,
        num_examples=found.num_rows,
        is_degenerate=found.is_degenerate,
    )
