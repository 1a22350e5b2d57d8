"""A task: labelled data, its columns, labels and metrics, pinned to a revision. Rows are read in `data`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class TaskKind(StrEnum):
    """What kind of answer a task wants."""

    CLASSIFICATION = "classification"
    """One of k classes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HubSource:
    """A data set on the hub, pinned."""

    repository: str
    configuration: str
    revision: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What is known of a task without its rows.

    Attributes:
        name: as `--tasks` takes it, such as `glue/rte`.
        text_columns: one or two, in the order in which the model reads them.
        labels: class names; the index is the integer label.
        metrics: names in `headstart.metrics`; the first is the main one.
        num_rows: official sizes by split.
        source: on the hub; None for built-in tasks and users' tables.
    """

    name: str
    kind: TaskKind = TaskKind.CLASSIFICATION
    text_columns: tuple[str, ...]
    label_column: str
    labels: tuple[str, ...]
    metrics: tuple[str, ...] = ("accuracy",)
    train_split: str = "train"
    evaluation_split: str = "validation"
    num_rows: tuple[tuple[str, int], ...] = ()
    source: HubSource | None = None
    licence: str = ""
    citation: str = ""

    @property
    def main_metric(self) -> str:
        """The metric that stands in tables."""
        return self.metrics[0]

    @property
    def num_labels(self) -> int:
        """The number of classes."""
        return len(self.labels)
