"""A loss with all that it needs to know of the training rows. Imports no torch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from headstart.errors import DamageError, UsageError, unknown_name
from headstart.kinds.cells import same_name
from headstart.kinds.kind import Kind
from headstart.losses import LOSSES, RAW, CrossEntropy, LossConfig, Scale
from headstart.registry import Spec
from headstart.safe_files import read_json_value
from headstart.tasks.task import Task

WEIGHTS = ("none", "balanced")
"""The class weights that are not a file."""


def resolve_loss(
    kind: Kind,
    spec: Spec,
    *,
    label_smoothing: float = 0.0,
    class_weights: Sequence[float] | None = None,
    class_counts: Sequence[float] = (),
    scale: Scale = RAW,
) -> LossConfig:
    """Return a loss with all that it needs to know of the training rows, checked.

    Args:
        kind: the task's.
        spec: a name of `LOSSES` with its options.
        label_smoothing: from 0 up to but not including 1.
        class_weights: one per class, above 0; None where all are equal.
        class_counts: training rows of each class, or their weights added up; a class without any counts as one.
        scale: the units that numbers are learned in.

    Raises:
        UsageError: if the loss or an option is unknown, or cannot be used on this kind of task.
    """
    loss = LossConfig(spec=spec).loss
    if not 0 <= label_smoothing < 1:
        raise UsageError(f"`label_smoothing` was given as {label_smoothing}", allowed="  It is 0 or more, and under 1.")
    usable = [name for name in LOSSES if _fits(LOSSES.get(name), kind)]
    if spec.name not in usable:
        raise UsageError(
            f"the loss {spec.name!r} is not defined for a task of kind {kind}",
            allowed=f"  Losses that are: {', '.join(usable)}.",
        )
    if not kind.has_classes and (label_smoothing or class_weights is not None):
        option = "label_smoothing" if label_smoothing else "class_weights"
        raise UsageError(
            f"`{option}` would have no effect: a task of kind {kind} has no classes", remedy="  Leave it out."
        )
    if label_smoothing and loss.has_factor:
        raise UsageError(
            f"`label_smoothing` would have no defined effect on the loss {spec.name!r}", remedy="  Leave one out."
        )
    counts = [count or 1 for count in class_counts] if loss.needs_frequencies else []
    return LossConfig(
        spec=spec,
        label_smoothing=label_smoothing,
        class_weights=tuple(class_weights or ()),
        frequencies=tuple(count / sum(counts) for count in counts),
        scale=scale,
    )


def _fits(loss: type[CrossEntropy], kind: Kind) -> bool:
    return (kind.has_classes or not loss.needs_classes) and (kind.picks_one or not loss.needs_frequencies)


def resolve_class_weights(choice: str, task: Task, counts: Sequence[float], num_rows: int) -> tuple[float, ...] | None:
    """Return one weight per class; None where all are equal.

    Args:
        choice: "none", "balanced", or a JSON file that holds an object of label: weight.
        task: says the classes.
        counts: training rows of each class, or their weights added up.
        num_rows: training rows in all.

    Raises:
        UsageError: if the file cannot be read, or lacks a class, or holds something that is not a weight.
    """
    if choice == "none":
        return None
    if not task.kind.has_classes:
        raise UsageError(
            f"`class_weights` would have no effect: {task.name!r} is of kind {task.kind}", remedy="  Leave it out."
        )
    return task.kind.balanced_weights(counts, num_rows) if choice == "balanced" else _read(Path(choice), task.labels)


def _read(path: Path, labels: Sequence[str]) -> tuple[float, ...]:
    if not path.is_file():
        raise UsageError(
            f"`class_weights` was given as {str(path)!r}, a file that does not exist",
            allowed="  Allowed: none, balanced, or a JSON file that holds an object of label: weight.",
        )
    try:
        values = read_json_value(path)
    except DamageError as error:
        raise UsageError(f"{path} is not JSON: {error.what}") from error
    if not isinstance(values, dict):
        raise UsageError(f"{path} should hold an object of label: weight")
    own = {same_name(label): label for label in labels} | {label: label for label in labels}
    named = {name: own.get(name) or own.get(same_name(name)) for name in values}
    for name, label in named.items():
        if label is None:
            raise unknown_name(f"class in {path}", name, labels)
    values = {named[name]: weight for name, weight in values.items()}
    missing = [label for label in labels if label not in values]
    if missing:
        raise UsageError(f"{path} has no weight for {', '.join(missing)}", remedy="  Give one for every class.")
    for name, weight in values.items():
        if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 < weight < math.inf:
            raise UsageError(f"{path}: the weight of {name!r} is {weight!r}", allowed="  It is a number above 0.")
    return tuple(float(values[label]) for label in labels)
