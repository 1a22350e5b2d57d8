"""Rows in memory: texts, labels, splits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from headstart.errors import UsageError
from headstart.kinds.kind import Label
from headstart.tasks.task import Task

Column = TypeVar("Column")


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A place in a text of an example.

    Attributes:
        text: which of the example's texts, from 0.
        begin: its first character, from 0; `end`: the one after its last.
    """

    text: int
    begin: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """Examples in a fixed order. What is None is None for all of them.

    Attributes:
        texts: per example the texts in the order in which the model reads them: one or two; for multiple choice those
            that stand before every choice: none or one.
        labels: per example the right answer, as the task's kind has it; None for rows without labels.
        choices: per example the choices, each read after the example's texts.
        spans: per example the two places that the question is about.
        groups: per example a name shared by those that belong together, such as the answers to one question.
    """

    texts: tuple[tuple[str, ...], ...]
    labels: tuple[Label, ...] | None = None
    choices: tuple[tuple[str, ...], ...] | None = None
    spans: tuple[tuple[Span, Span], ...] | None = None
    groups: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        columns = {"labels": self.labels, "choices": self.choices, "spans": self.spans, "groups": self.groups}
        for name, column in columns.items():
            if column is not None and len(column) != len(self.texts):
                raise ValueError(f"{len(self.texts)} examples have {len(column)} {name}")

    def __len__(self) -> int:
        return len(self.texts)

    def take(self, indices: Iterable[int]) -> Split:
        """Return the examples at `indices`, in that order."""
        rows = list(indices)
        return Split(
            texts=tuple(self.texts[row] for row in rows),
            labels=_taken(self.labels, rows),
            choices=_taken(self.choices, rows),
            spans=_taken(self.spans, rows),
            groups=_taken(self.groups, rows),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskData:
    """A task and its rows.

    Attributes:
        fingerprint: SHA-256 over label names, texts and labels of all splits.
        notes: sentences for the user, such as which columns were guessed.
    """

    task: Task
    splits: dict[str, Split]
    fingerprint: str
    notes: tuple[str, ...] = ()

    @property
    def training(self) -> Split:
        """The rows to train on.

        Raises:
            UsageError: if models of other tasks are only evaluated on this one.
        """
        if self.task.train_split is None:
            raise UsageError(
                f"the task {self.task.name!r} has no training rows",
                remedy=f"  Train on a task with the same labels, and give --evaluate-on {self.task.name}.",
            )
        return self.splits[self.task.train_split]

    @property
    def evaluation(self) -> Split:
        """The rows to report on."""
        return self.splits[self.task.evaluation_split]


def class_counts(task: Task, split: Split) -> tuple[int, ...]:
    """Return the rows of each class, nothing where the task has no classes; a row counts for each of its own."""
    counter: Counter[int] = Counter()
    for label in (split.labels or ()) if task.kind.has_classes else ():
        counter.update(label if isinstance(label, tuple) else (int(label),))
    return tuple(counter[index] for index in range(task.num_labels))


def _taken(column: Sequence[Column] | None, rows: Sequence[int]) -> tuple[Column, ...] | None:
    return None if column is None else tuple(column[row] for row in rows)
