"""Which classes the rows of a comparison lack: what no run could learn, and what no score shows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from headstart.comparison.cells import Cell


def class_gaps(cells: Iterable[Cell]) -> list[str]:
    """Return a sentence for each task and side that lacks classes; with the folds where only some of them do."""
    folds_with: defaultdict[tuple[str, str], set[int]] = defaultdict(set)
    folds_of: defaultdict[str, set[int]] = defaultdict(set)
    for cell in cells:
        for run in cell.finished:
            fold = run.seed % run.folds if run.folds else 0
            folds_of[run.task].add(fold)
            for gap in run.class_gaps:
                folds_with[run.task, gap].add(fold)
    return [
        f"{task}: {gap}{'' if folds == folds_of[task] else _in_folds(folds)}."
        for (task, gap), folds in folds_with.items()
    ]


def _in_folds(folds: set[int]) -> str:
    return f" in fold{'s' if len(folds) > 1 else ''} {', '.join(str(fold + 1) for fold in sorted(folds))}"
