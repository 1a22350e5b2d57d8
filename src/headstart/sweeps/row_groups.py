"""How the strategies of a comparison do on groups of the rows that they are reported on.

Letters: n rows, c classes, s seeds.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import numpy as np

from headstart.comparison.cells import Cell
from headstart.comparison.report import Report
from headstart.data.row_groups import GroupColumn, read_group_column
from headstart.data.together import Units, independent_units
from headstart.errors import CheckpointError, UsageError
from headstart.experiments.experiment import StoredExperiment, TaskSource
from headstart.experiments.stored_answers import StoredAnswers, read_answers
from headstart.experiments.task_rows import TaskRows
from headstart.kinds.kind import Values
from headstart.stats.group_scores import GroupScores, mean_group_scores
from headstart.store.local import LocalStore
from headstart.store.record import ON_OTHER_ROWS
from headstart.sweeps.stored_runs import read_in_place


def read_groups(source: TaskSource, column: str) -> GroupColumn:
    """Return a column of groups of the rows of a source.

    Raises:
        UsageError: if the rows are not of a file, or each seed holds out other ones.
        DataError: if a table has no such column.
    """
    if source.file is None:
        raise UsageError(
            f"`group_by` is a column of a file, and {source.name} is not one", remedy="  Leave it out, or give a file."
        )
    if source.options.folds is not None:
        raise UsageError(
            "`group_by` does not go with `folds`, where each seed holds out other rows",
            remedy="  Leave one of them out.",
        )
    return read_group_column(source.file, source.options, column)


def scores_by_group(
    cells: Iterable[Cell], store: LocalStore, column: str, damaged: Collection[Path] = frozenset()
) -> dict[tuple[str, str], GroupScores]:
    """Return the scores of groups for each strategy that finished a run, the means over its seeds, by the cell's key.

    Rows of other tasks and files have no such groups, and strategies whose predictions are `damaged` no such scores.

    Args:
        cells: of a comparison.
        store: of their runs.
        column: of groups, in the tables that the runs were on.
        damaged: files that may not be read.

    Raises:
        UsageError: if rows are not of a file, have changed since, or each seed holds out other ones.
        DataError: if they cannot be read, or have no such column.
        CheckpointError: if the runs did not answer these rows.
    """
    rows, known = TaskRows(), dict[tuple[str, str], _Groups]()
    found = {}
    for cell in cells:
        if ON_OTHER_ROWS in cell.first.task or not cell.finished:
            continue
        stored = read_in_place(store, cell.experiment_digest)
        rows_key = (stored.experiment.task_fingerprint, repr(stored.experiment.evaluation))
        if rows_key not in known:
            known[rows_key] = _groups(stored, column, rows)
        groups, answers = known[rows_key], _answers(cell, store, damaged)
        if answers:
            if len(answers[0]) != len(groups.names):
                raise CheckpointError(
                    f"runs of {cell.first.label} have not answered the rows that they are reported on"
                )
            decisions = cast(Values, np.stack([each.decisions for each in answers]))
            found[cell.key] = mean_group_scores(
                cell.first.metric, answers[0].labels, decisions, groups.names, units=groups.units
            )
    return found


@dataclass(frozen=True, slots=True)
class _Groups:
    """The group of each row [n], and the number of each row's unit [n]."""

    names: tuple[str, ...]
    units: Units


def _groups(stored: StoredExperiment, column: str, rows: TaskRows) -> _Groups:
    """Return the groups and units of the rows that an experiment is reported on."""
    experiment, source = stored.experiment, stored.source.at(0)
    groups = read_groups(source, column)
    if rows.of(source).fingerprint != experiment.task_fingerprint:
        raise UsageError(
            f"{source.file} has changed since its runs: which row is in which group is not known any more",
            remedy="  Put the table there as it was, or leave `group_by` out.",
        )
    report = rows.parts(source, experiment.evaluation).report
    names = groups.of_rows(str(experiment.evaluation.split), report.numbers or ())
    return _Groups(names, independent_units(report))


def _answers(cell: Cell, store: LocalStore, damaged: Collection[Path]) -> list[StoredAnswers]:
    """Return the answers of a cell's runs, all to the same rows."""
    paths = [
        store.run_folder(cell.experiment_digest, run.seed).predictions(run.reported_split) for run in cell.finished
    ]
    found = [answers for path in paths if path not in damaged and (answers := read_answers(path)) is not None]
    if any(not np.array_equal(each.labels, found[0].labels) for each in found):
        raise CheckpointError(f"runs of {cell.first.label} have answered different rows under one name")
    return found


def with_groups(report: Report, column: str) -> Report:
    """Return the report of a store with the scores of groups of rows; see `scores_by_group`."""
    if report.store is None:
        raise ValueError("groups are scored from stored predictions")
    found = scores_by_group(report.cells.values(), report.store, column, report.damaged)
    return replace(report, group_by=column, by_group=found)
