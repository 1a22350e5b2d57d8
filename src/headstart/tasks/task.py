"""A task: labelled data, its columns, labels and metrics, pinned to a revision. Rows are read in `data`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from headstart.kinds.catalogue import DEFAULT_KIND
from headstart.kinds.kind import Kind
from headstart.media.modality import Modality


@dataclass(frozen=True, slots=True, kw_only=True)
class HubSource:
    """A data set on the hub, pinned."""

    repository: str
    configuration: str
    revision: str


RowFormatName = Literal["texts", "axg", "copa", "multirc", "wic", "wic_marked", "wsc", "wsc_marked"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What is known of a task without its rows.

    Attributes:
        name: as `headstart compare` takes it, such as `glue/rte`.
        kind: what kind of answer it wants.
        modality: what rows are; for images and sounds the text column names their files.
        text_columns: one or two, in the order in which the model reads them; a row format may read more columns.
        choice_columns: one per choice, for multiple choice; empty otherwise.
        labels: class names, the index is the integer label; empty where answers are not classes.
        metrics: names in `headstart.metrics`; the first is the main one.
        row_format: how rows become examples, by name in `headstart.data.formats`.
        has_spans: examples point at two places in their texts (words in context, coreference).
        train_split: None where only models of other tasks are evaluated.
        test_split: rows whose labels are not public, for submissions.
        folder: where a local copy lies, under the data root; "" is the name.
        num_rows: (split, official number of rows).
        source: on the hub; None for built-in tasks and users' tables.
    """

    name: str
    kind: Kind = DEFAULT_KIND
    modality: Modality = Modality.TEXT
    text_columns: tuple[str, ...]
    choice_columns: tuple[str, ...] = ()
    label_column: str = "label"
    labels: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ("accuracy",)
    row_format: RowFormatName = "texts"
    has_spans: bool = False
    train_split: str | None = "train"
    evaluation_split: str = "validation"
    test_split: str = "test"
    folder: str = ""
    num_rows: tuple[tuple[str, int], ...] = ()
    source: HubSource | None = None
    licence: str = ""
    citation: str = ""

    def __post_init__(self) -> None:
        if self.kind.has_classes != bool(self.labels):
            raise ValueError(f"{self.name}: a task of kind {self.kind} has {len(self.labels)} classes")

    @property
    def main_metric(self) -> str:
        """The metric that stands in tables."""
        return self.metrics[0]

    @property
    def num_labels(self) -> int:
        """The number of classes."""
        return len(self.labels)
