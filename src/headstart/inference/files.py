"""A user's file in, predictions or metrics out."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pyarrow as pa

from headstart.artifacts.model_folder import read_info
from headstart.data.files import load_unlabelled, read_labelled
from headstart.errors import UsageError
from headstart.inference.evaluate import evaluate
from headstart.inference.forward import Progress
from headstart.inference.predict import PREDICTION_BATCH_SIZE, Predictions, predict
from headstart.inference.saved import load_saved_model
from headstart.inference.tables import add_columns, require_new_columns, require_writable, write_table
from headstart.tasks.task import Task

LABEL_COLUMN, PROBABILITY_COLUMN = "predicted_label", "probability_"


def predict_file(
    folder: Path,
    input_path: Path,
    out_path: Path,
    *,
    text: str | None = None,
    text_pair: str | None = None,
    prefix: str = "",
    batch_size: int = PREDICTION_BATCH_SIZE,
    precision: str = "fp32",
    device: str | None = None,
    progress: Progress | None = None,
) -> int:
    """Write the user's rows with `predicted_label` and `probability_<class>` after their columns; return their number.

    Everything that can be wrong is looked for before the model is loaded; the file is written whole or not at all.

    Args:
        folder: a saved model.
        input_path: CSV, JSON lines or Parquet.
        out_path: likewise, by its suffix; must not exist.
        text: column of the text; None takes the column that the model was trained on.
        text_pair: column of the second text, likewise.
        prefix: put before the names of the new columns.
        batch_size: rows per forward pass.
        precision: "fp32" or "bf16".
        device: "cpu" or "cuda"; None takes a GPU where there is one.
        progress: called after each batch with rows done and rows in all.

    Raises:
        UsageError: if the folder is no model, the output cannot be written, or a new column's name is taken.
        DataError: if rows cannot be read; all faults at once.
    """
    require_writable(out_path)
    task = _with_columns(read_info(folder)[1].task, text, text_pair)
    table, split = load_unlabelled(input_path, *task.text_columns)
    require_new_columns(table, _new_names(task, prefix))
    predictions = predict(
        load_saved_model(folder),
        split,
        batch_size=batch_size,
        precision=precision,
        device=device,
        progress=progress,
    )
    write_table(add_columns(table, _new_columns(predictions, prefix)), out_path)
    return len(split)


def evaluate_file(
    folder: Path,
    input_path: Path,
    *,
    text: str | None = None,
    text_pair: str | None = None,
    label: str | None = None,
    batch_size: int = PREDICTION_BATCH_SIZE,
    precision: str = "fp32",
    device: str | None = None,
    progress: Progress | None = None,
) -> tuple[dict[str, float], int]:
    """Return the metrics of the model's task on a labelled file, the main one first, and the number of rows.

    Args:
        folder: a saved model.
        input_path: a labelled file; its labels are among the model's classes.
        text: column of the text; None takes the column that the model was trained on.
        text_pair: column of the second text, likewise.
        label: column of the label, likewise.
        batch_size: rows per forward pass.
        precision: "fp32" or "bf16".
        device: "cpu" or "cuda"; None takes a GPU where there is one.
        progress: called after each batch with rows done and rows in all.

    Raises:
        UsageError: if the folder is no model.
        DataError: if rows cannot be read or a label is unknown; all faults at once.
    """
    task = _with_columns(read_info(folder)[1].task, text, text_pair, label)
    split = read_labelled(input_path, task)
    scores = evaluate(
        load_saved_model(folder), split, batch_size=batch_size, precision=precision, device=device, progress=progress
    )
    return scores, len(split)


def _with_columns(task: Task, text: str | None, text_pair: str | None, label: str | None = None) -> Task:
    """Return the task with the columns that the user named in place of those that the model was trained on."""
    first, *second = task.text_columns
    if text_pair is not None and not second:
        raise UsageError(
            f"--text-pair {text_pair!r} would have no effect: the model reads one text", remedy="  Leave it out."
        )
    columns = (text or first, *(text_pair or name for name in second))
    return dataclasses.replace(task, text_columns=columns, label_column=label or task.label_column)


def _new_names(task: Task, prefix: str) -> list[str]:
    return [f"{prefix}{LABEL_COLUMN}", *(f"{prefix}{PROBABILITY_COLUMN}{label}" for label in task.labels)]


def _new_columns(predictions: Predictions, prefix: str) -> dict[str, pa.Array]:
    """Return the new columns; a probability is written with as many digits as tell it from its fp32 neighbours."""
    columns = {f"{prefix}{LABEL_COLUMN}": pa.array(predictions.predicted_labels, pa.string())}
    for index, label in enumerate(predictions.labels):
        shortest = [float(str(value)) for value in predictions.probabilities[:, index]]
        columns[f"{prefix}{PROBABILITY_COLUMN}{label}"] = pa.array(shortest, pa.float64())
    return columns
