"""Weights of the classes in the loss: all equal, balanced by their frequencies, or from a file."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path

from headstart.errors import UsageError, unknown_name
from headstart.tasks.task import Task
from headstart.training.objective import balanced_weights


def resolve_class_weights(choice: str, task: Task, counts: Sequence[int]) -> tuple[float, ...] | None:
    """Return one weight per class; None where all are equal.

    Args:
        choice: "none", "balanced", or a JSON file that holds an object of label: weight.
        task: says the classes.
        counts: training rows of each class.

    Raises:
        UsageError: if the file cannot be read, or lacks a class, or holds something that is not a weight.
    """
    if choice == "none":
        return None
    if not task.kind.has_classes:
        raise UsageError(
            f"`class_weights` would have no effect: {task.name!r} is of kind {task.kind}", remedy="  Leave it out."
        )
    return balanced_weights(counts) if choice == "balanced" else _read(Path(choice), task.labels)


def _read(path: Path, labels: Sequence[str]) -> tuple[float, ...]:
    if not path.is_file():
        raise UsageError(
            f"`class_weights` was given as {str(path)!r}, and there is no such file",
            allowed="  Allowed: none, balanced, or a JSON file that holds an object of label: weight.",
        )
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UsageError(f"{path} is not JSON: {error}") from error
    if not isinstance(values, dict):
        raise UsageError(f"{path} should hold an object of label: weight")
    for name in values:
        if name not in labels:
            raise unknown_name(f"class in {path}", name, labels)
    missing = [label for label in labels if label not in values]
    if missing:
        raise UsageError(f"{path} has no weight for {', '.join(missing)}", remedy="  Give one for every class.")
    for name, weight in values.items():
        if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 < weight < math.inf:
            raise UsageError(f"{path}: the weight of {name!r} is {weight!r}", allowed="  It is a number above 0.")
    return tuple(float(values[label]) for label in labels)
