"""A few rows of each class: what a table would be if less of it were labelled."""

from __future__ import annotations

from headstart.data.examples import Split, TaskData
from headstart.data.holdout import strata_of
from headstart.errors import UsageError
from headstart.seeding import numpy_generator


def with_rows_per_class(data: TaskData, rows_per_class: int, draw: int) -> TaskData:
    """Return the task with a random few of its training rows; the rows to report on stay whole.

    The fingerprint stays that of all rows: draws are runs of one experiment.

    Args:
        data: a task whose rows each have one class.
        rows_per_class: rows of each class, at least 1; a class with fewer keeps what it has.
        draw: root of the stream `subsample`. With the same draw the rows of a smaller number are among those of a
            larger one.

    Raises:
        UsageError: if the number is under 1, or rows have no class or several.
    """
    if rows_per_class < 1:
        raise UsageError(f"`rows_per_class` was given as {rows_per_class}", allowed="  It is 1 or more.")
    if not data.task.kind.has_one_class:
        raise UsageError(
            f"`rows_per_class` would have no effect on {data.task.name}: its rows do not have one class each "
            f"({data.task.kind})",
            remedy="  Leave it out.",
        )
    training = data.training
    return TaskData(
        task=data.task,
        splits={**data.splits, str(data.task.train_split): _drawn(training, rows_per_class, draw)},
        fingerprint=data.fingerprint,
        notes=(*data.notes, *_notes(training, rows_per_class)),
    )


def _drawn(split: Split, rows_per_class: int, draw: int) -> Split:
    generator = numpy_generator(draw, "subsample")
    kept = [row for rows in strata_of(split.labels or ()) for row in generator.permutation(rows)[:rows_per_class]]
    return split.take(sorted(kept))


def _notes(split: Split, rows_per_class: int) -> tuple[str, ...]:
    rare = [rows for rows in strata_of(split.labels or ()) if len(rows) < rows_per_class]
    if not rare:
        return ()
    return (f"{len(rare)} classes have fewer training rows than `rows_per_class` {rows_per_class}: they keep all",)
