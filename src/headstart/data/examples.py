"""Rows in memory: texts, labels, splits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from headstart.errors import UsageError
from headstart.kinds.kind import Label
from headstart.media.media_file import MediaFile
from headstart.tasks.task import Task

HALF_CHARACTER = "holds half of a character (an unpaired surrogate)"
"""What is wrong with a text that `has_half_character`."""


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
    """Examples in a fixed order.

    Attributes:
        texts: per example the texts in the order in which the model reads them: one or two; for multiple choice those
            that stand before every choice: at most one.
        columns: name -> one value per example, for all that stands beside the texts. A column is there for all examples
            or for none, and is taken and cut together with the texts.
    """

    texts: tuple[tuple[str, ...], ...]
    columns: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, column in self.columns.items():
            if len(column) != len(self.texts):
                raise ValueError(f"{len(self.texts)} examples have {len(column)} {name}")

    @classmethod
    def of(cls, texts: tuple[tuple[str, ...], ...], **columns: tuple[Any, ...] | None) -> Split:
        """Return the examples with these columns; one that is None is left out."""
        return cls(texts=texts, columns={name: column for name, column in columns.items() if column is not None})

    def __len__(self) -> int:
        return len(self.texts)

    @property
    def labels(self) -> tuple[Label, ...] | None:
        """Per example the right answer, as the task's kind has it; None for rows without labels."""
        return self.columns.get("labels")

    @property
    def choices(self) -> tuple[tuple[str, ...], ...] | None:
        """Per example the choices, each read after the example's texts."""
        return self.columns.get("choices")

    @property
    def spans(self) -> tuple[tuple[Span, Span], ...] | None:
        """Per example the two places that the question is about."""
        return self.columns.get("spans")

    @property
    def groups(self) -> tuple[str, ...] | None:
        """Per example a name that it shares with those it belongs with, such as the answers to one question."""
        return self.columns.get("groups")

    @property
    def numbers(self) -> tuple[int, ...] | None:
        """Per example which row of a person's table it is, from 0."""
        return self.columns.get("numbers")

    @property
    def weights(self) -> tuple[float, ...] | None:
        """Per example how much it counts in training, above 0."""
        return self.columns.get("weights")

    @property
    def files(self) -> tuple[MediaFile, ...] | None:
        """Per example the image or the sound that its text names; None for texts."""
        return self.columns.get("files")

    def with_columns(self, **columns: tuple[Any, ...] | None) -> Split:
        """Return the examples with these columns in place of those of the same names; one that is None goes."""
        return Split.of(self.texts, **{**self.columns, **columns})

    def take(self, indices: Iterable[int]) -> Split:
        """Return the examples at `indices`, in that order."""
        rows = list(indices)
        taken = {name: tuple(column[row] for row in rows) for name, column in self.columns.items()}
        return Split(texts=tuple(self.texts[row] for row in rows), columns=taken)


def joined(first: Split, second: Split) -> Split:
    """Return the examples of one split and then those of another, with the columns that both have."""
    names = [name for name in first.columns if name in second.columns]
    return Split(
        texts=(*first.texts, *second.texts),
        columns={name: (*first.columns[name], *second.columns[name]) for name in names},
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
                remedy=f"  Train on a task with the same labels, and give `evaluate_on` {self.task.name}.",
            )
        return self.splits[self.task.train_split]

    @property
    def evaluation(self) -> Split:
        """The rows to report on."""
        return self.splits[self.task.evaluation_split]


def has_half_character(text: str) -> bool:
    """Return whether a text holds half of a character: an unpaired surrogate, as no text in UTF-8 does."""
    return not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text)


def class_counts(task: Task, split: Split) -> tuple[int, ...]:
    """Return the rows of each class, nothing where the task has no classes; a row counts for each of its own."""
    counter: Counter[int] = Counter()
    for label in (split.labels or ()) if task.kind.has_classes else ():
        counter.update(label if isinstance(label, tuple) else (int(label),))
    return tuple(counter[index] for index in range(task.num_labels))
