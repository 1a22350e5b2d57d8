"""Tasks that a model was not trained on: whether it can answer them, and what their labels are to it."""

from __future__ import annotations

from headstart.data.examples import Split
from headstart.errors import UsageError
from headstart.kinds.kind import Label
from headstart.tasks.task import Task


def require_same_answers(own: Task, other: Task) -> None:
    """Refuse to evaluate a model of the task `own` on `other` where their examples or answers differ.

    Raises:
        UsageError: if they differ in kind, in the class names, or in what an example consists of.
    """
    if own.kind != other.kind or set(own.labels) != set(other.labels):
        raise UsageError(
            f"a model of {own.name!r} cannot be evaluated on {other.name!r}: their answers differ",
            allowed=f"  {own.name} has {_answers(own)}, {other.name} has {_answers(other)}.",
        )
    if (len(own.text_columns), own.has_spans) != (len(other.text_columns), other.has_spans):
        raise UsageError(
            f"a model of {own.name!r} cannot be evaluated on {other.name!r}: their examples differ",
            allowed=f"  {own.name} has {_example(own)}, {other.name} has {_example(other)}.",
        )


def relabelled(split: Split, task: Task, own: Task) -> Split:
    """Return a task's examples with labels that are indices into the classes of `own`, where there are classes."""
    if not own.kind.has_classes or split.labels is None:
        return split
    places = {index: own.labels.index(name) for index, name in enumerate(task.labels)}
    return split.with_columns(labels=tuple(_placed(label, places) for label in split.labels))


def _placed(label: Label, places: dict[int, int]) -> Label:
    return tuple(sorted(places[each] for each in label)) if isinstance(label, tuple) else places[int(label)]


def _answers(task: Task) -> str:
    return f"the labels {', '.join(task.labels)}" if task.labels else f"answers of kind {task.kind}"


def _example(task: Task) -> str:
    texts = "two texts" if len(task.text_columns) == 2 else "one text"
    return f"{texts} and places in them" if task.has_spans else texts
