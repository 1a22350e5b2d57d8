"""The classes' names as rows to train on: with few rows of each class, the name is one more.

Source: Schick and Schütze (EACL 2021), "Exploiting Cloze-Questions for Few-Shot Text Classification and Natural
Language Inference", for what names of classes are worth; here they are plain rows, and need no cloze.
"""

from __future__ import annotations

from headstart.data.examples import Split, joined
from headstart.errors import UsageError
from headstart.tasks.task import Task

NO_ROW = -1
"""Stands where other rows say which row of a table they are."""


def with_label_rows(rows: Split, task: Task) -> Split:
    """Return rows with one more behind them for each class: its name as text, with spaces for underscores.

    Args:
        rows: whose weights, where they have some, have the mean 1; so has a name.
        task: whose rows are one text with one class each.

    Raises:
        UsageError: if the task has no such rows, or a name is blank.
    """
    if not _has_single_texts(task):
        raise UsageError(
            f"`label_names` would have no effect on {task.name}: names of classes can be rows where a row is one text "
            f"with one class ({task.kind}, columns {', '.join(task.text_columns)})",
            remedy="  Leave it out.",
        )
    if any(not name for name in _names_of(task)):
        raise UsageError(
            f"`label_names` cannot be used on {task.name}: the name of a class says nothing as a text",
            remedy="  Leave it out, or give the class another name.",
        )
    names = Split.of(
        tuple((name,) for name in _names_of(task)),
        labels=tuple(range(task.num_labels)),
        weights=None if rows.weights is None else (1.0,) * task.num_labels,
        numbers=None if rows.numbers is None else (NO_ROW,) * task.num_labels,
        groups=None if rows.groups is None else task.labels,
    )
    return joined(rows, names)


def has_label_rows(task: Task) -> bool:
    """Whether a class's name is a row like others: one text, and one class a row."""
    return _has_single_texts(task) and all(_names_of(task))


def _names_of(task: Task) -> tuple[str, ...]:
    """Return the classes' names as texts, "" for one of signs that stand for spaces alone."""
    return tuple(label.replace("_", " ") if label.strip("_ ") else "" for label in task.labels)


def _has_single_texts(task: Task) -> bool:
    has_one_text = len(task.text_columns) == 1 and not task.modality.is_file
    return task.kind.picks_one and not task.choice_columns and not task.has_spans and has_one_text
