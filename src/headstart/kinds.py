"""The kinds of answer that a task can want."""

from __future__ import annotations

from enum import StrEnum


class TaskKind(StrEnum):
    """What kind of answer a task wants."""

    CLASSIFICATION = "classification"
    """One of k classes."""
    MULTI_LABEL = "multi_label"
    """Any number of k classes, none included."""
    REGRESSION = "regression"
    """A number."""
    MULTIPLE_CHOICE = "multiple_choice"
    """One of the choices that come with the example; their number may differ from example to example."""

    @property
    def has_classes(self) -> bool:
        """Whether answers are among classes that the task fixes for all examples."""
        return self in (TaskKind.CLASSIFICATION, TaskKind.MULTI_LABEL)
