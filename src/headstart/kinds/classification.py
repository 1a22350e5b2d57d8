"""One of c classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, final

from headstart.kinds.cells import class_name
from headstart.kinds.kind import Cell, Label
from headstart.kinds.one_of_several import OneOfSeveral


@final
class Classification(OneOfSeveral):
    """One of c classes, which are the same for all examples; whole numbers are classes too."""

    name = "classification"
    metrics = ("accuracy", "macro_f1")
    min_classes = 2
    problem_type = "single_label_classification"
    decision = ("predicted_label", "")

    def would_take(self, cells: Sequence[object], separator: str | None, choices: Sequence[str]) -> str | None:
        """Take any column without a reason: what is not another kind is this one."""
        return ""

    def read(self, value: object, separator: str | None, choices: Sequence[str]) -> Cell:
        """Return a class by its name."""
        return Cell(names=(class_name(value),))

    def label(self, cell: Cell, index: Mapping[str, int]) -> Label:
        """Return the class's index."""
        return index[cell.names[0]]

    def fault_of_all(self, cells: Sequence[Cell]) -> str:
        """Two classes are needed, and some class needs two rows."""
        names = {cell.names[0] for cell in cells}
        if len(names) == 1:
            return f"all rows have the label {names.pop()!r}; two classes are needed"
        return "every row has a label of its own; is this the label's column?" if 1 < len(names) == len(cells) else ""

    def written(self, decision: Any, labels: Sequence[str]) -> str:
        """Return the class's name."""
        return labels[int(decision)]
