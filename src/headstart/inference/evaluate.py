"""How well a saved model does on labelled rows."""

from __future__ import annotations

import numpy as np

from headstart import metrics
from headstart.artifacts.model_folder import SavedModel
from headstart.data.examples import Split
from headstart.inference.forward import Progress
from headstart.inference.predict import PREDICTION_BATCH_SIZE, predict


def evaluate(
    saved: SavedModel,
    split: Split,
    *,
    batch_size: int = PREDICTION_BATCH_SIZE,
    precision: str = "fp32",
    device: str | None = None,
    progress: Progress | None = None,
) -> dict[str, float]:
    """Return the metrics of the model's own task, the main one first.

    Args:
        saved: the model.
        split: labelled rows; labels are indices into the model's classes.
        batch_size: rows per forward pass.
        precision: "fp32" or "bf16".
        device: "cpu" or "cuda"; None takes a GPU where there is one.
        progress: called after each batch with rows done and rows in all.
    """
    if split.labels is None or not len(split):
        raise ValueError("evaluation needs labelled rows")
    predictions = predict(saved, split, batch_size=batch_size, precision=precision, device=device, progress=progress)
    return metrics.compute(saved.info.task.metrics, np.asarray(split.labels), predictions.indices)
