"""`headstart tasks`: the tasks that are known by name."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from headstart.cli import options

if TYPE_CHECKING:
    from headstart.tasks.task import Task


def tasks(as_json: options.AsJson = False) -> None:
    """List the tasks that `--tasks` takes, with their columns, labels, metrics and sizes.

    A task without training rows is for `--evaluate-on`: models of a task with the same labels are scored on it.
    """
    from headstart.cli.console import TextConsole
    from headstart.cli.printing import list_table
    from headstart.tasks.catalogue import TASKS

    known = [TASKS.get(name) for name in TASKS]
    if as_json:
        print(json.dumps([_facts(task) for task in known], indent=2))
        return
    table = list_table("task", "what it reads -> answers; metrics; rows; licence")
    for task in known:
        table.add_row(task.name, _in_lines(task))
    TextConsole(highlight=False, markup=False).print(table)


def _in_lines(task: Task) -> str:
    """Return a task's facts in two lines, so that no word is broken in a narrow terminal."""
    reads = ", ".join((*task.text_columns, *task.choice_columns))
    answers = ", ".join(task.labels) or str(task.kind).replace("_", " ")
    wanted = (task.train_split, task.evaluation_split)
    rows = ", ".join(f"{split} {count:,}" for split, count in task.num_rows if split in wanted)
    return f"{reads} -> {answers}\n{', '.join(task.metrics)}; {rows}; {task.licence}"


def _facts(task: Task) -> dict[str, object]:
    return {
        "name": task.name,
        "kind": str(task.kind),
        "text_columns": task.text_columns,
        "choice_columns": task.choice_columns,
        "label_column": task.label_column,
        "labels": task.labels,
        "has_spans": task.has_spans,
        "metrics": task.metrics,
        "train_split": task.train_split,
        "evaluation_split": task.evaluation_split,
        "num_rows": dict(task.num_rows),
        "source": f"{task.source.repository}@{task.source.revision}" if task.source else None,
        "licence": task.licence,
        "citation": task.citation,
    }
