"""Rows in memory: texts, labels, splits."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from headstart.tasks.task import Task


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """Examples in a fixed order.

    Attributes:
        texts: per example one text or two, in the order in which the model reads them.
        labels: per example an index into the task's labels; None for rows without labels.
    """

    texts: tuple[tuple[str, ...], ...]
    labels: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        if self.labels is not None and len(self.labels) != len(self.texts):
            raise ValueError(f"{len(self.texts)} examples have {len(self.labels)} labels")

    def __len__(self) -> int:
        return len(self.texts)

    def take(self, indices: Iterable[int]) -> Split:
        """Return the examples at `indices`, in that order."""
        rows = list(indices)
        labels = None if self.labels is None else tuple(self.labels[row] for row in rows)
        return Split(texts=tuple(self.texts[row] for row in rows), labels=labels)


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
