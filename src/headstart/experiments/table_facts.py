"""What planning needs to know of the rows. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass

from headstart.experiments.experiment import Evaluation
from headstart.tasks.task import Task


@dataclass(frozen=True, slots=True, kw_only=True)
class TableFacts:
    """A task and its training rows, without those that are held out.

    Attributes:
        task: kind of answer, classes, columns.
        fingerprint: SHA-256 of all rows and labels.
        num_rows: to train on.
        class_counts: rows to train on of each class; empty where answers are not classes.
        evaluation: the rows to report on, and those that were set aside.
    """

    task: Task
    fingerprint: str
    num_rows: int
    class_counts: tuple[int, ...]
    evaluation: Evaluation
