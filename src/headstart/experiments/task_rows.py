"""The rows of tasks, read once: found by their source, cut for an evaluation, and those of other tasks. No torch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from headstart.data.examples import Split, TaskData, joined
from headstart.data.few_rows import with_rows_per_class
from headstart.data.holdout import fold_of, hold_out
from headstart.data.label_rows import with_label_rows
from headstart.data.loading import fingerprint, load_task
from headstart.data.row_weights import with_mean_one
from headstart.data.user_rows import VALIDATION, UncutRows, read_file, read_labelled
from headstart.experiments.bounded_cache import BoundedCache
from headstart.experiments.experiment import Evaluation, TaskSource
from headstart.inference.other_tasks import relabelled, require_same_answers
from headstart.tasks.task import Task

MAX_BYTES = 1 << 30
"""Of all rows, tokens and features that one process keeps for its next run."""
HOLDOUT_SEED, SELECTION_SEED = 0, 1
"""The held-out part of a training split is the same for all runs: what is chosen on it is comparable."""
EMPTY = Split.of((), labels=())
REFERENCE_BYTES, TEXT_BYTES = 8, 100
"""What Python needs for a value in a tuple, and for a text beside its characters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The rows of one evaluation.

    Attributes:
        train: to train on; `choose`: training rows that a strategy chooses on; `report`: to report on. The last two may
            be empty.
    """

    train: Split
    report: Split
    choose: Split


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadRows:
    """Rows of a run as they were read, so that another machine need not find them.

    Attributes:
        own: of its task; `source` is where they are from, whatever the fold.
        others: of other tasks and files that the finished model is scored on.
    """

    source: TaskSource
    own: TaskData | UncutRows
    others: Mapping[TaskSource, TaskData]


class TaskRows:
    """Rows by their source. A file is read once, and all of its folds are cuts of the same rows.

    Args:
        kept: where rows are kept while there is room.
        given: rows that need not be read.
    """

    def __init__(self, kept: BoundedCache | None = None, given: ReadRows | None = None) -> None:
        self.kept = kept if kept is not None else BoundedCache(MAX_BYTES)
        self._given = given

    def read(self, source: TaskSource) -> ReadRows:
        """Return all rows that runs of a source read, uncut."""
        whole = _uncut(source)
        own = self.of(whole) if whole.file is None else self._read_file(whole)
        return ReadRows(
            source=whole, own=own, others={other: self.other(source, other) for other in source.evaluate_on}
        )

    def of(self, source: TaskSource) -> TaskData:
        """Return a task's rows.

        Raises:
            UsageError: if they cannot be found or are faulty.
            CheckpointError: if rows that were stored are missing or damaged.
        """
        source = replace(source, evaluate_on=(), inner_folds=None, inner_fold=0)
        if source.rows_per_class is not None:
            few, whole = source.rows_per_class, source.whole
            return self.kept.get(
                ("few", source),
                lambda: with_rows_per_class(self.of(whole), few, source.draw),
                lambda data: _reference_bytes(data.splits.values()),
            )
        if source.file is None:
            return self.kept.get(("rows", source), lambda: self._read(source), _text_bytes)
        # Asked for every time: what cuts refer to is as much in use as they are.
        uncut = self._read_file(source)
        return self.kept.get(
            ("cut", source), lambda: uncut.cut(source.options), lambda data: _reference_bytes(data.splits.values())
        )

    def cuts_validation_off(self, source: TaskSource) -> bool:
        """Whether a person's data has no validation rows of its own, so that some training rows become these."""
        return source.file is not None and VALIDATION not in self._read_file(source).splits

    def _read_file(self, source: TaskSource) -> UncutRows:
        whole = _uncut(source)
        if self._given is not None and self._given.source == whole and isinstance(self._given.own, UncutRows):
            return self._given.own
        return self.kept.get(("uncut", whole), lambda: read_file(str(whole.file), whole.options), _text_bytes)

    def _read(self, source: TaskSource) -> TaskData:
        if self._given is not None and self._given.source == source and isinstance(self._given.own, TaskData):
            return self._given.own
        return _read(source)

    def other(self, source: TaskSource, other: TaskSource) -> TaskData:
        """Return the rows of another task or file that models of `source` are scored on.

        Raises:
            UsageError: if they cannot be found or are faulty, or their labels are not the task's.
        """
        if self._given is not None and other in self._given.others:
            return self._given.others[other]
        source = source.at(0)
        return self.kept.get(("other", source, other), lambda: _read_other(self.of(source).task, other), _text_bytes)

    def parts(self, source: TaskSource, evaluation: Evaluation) -> Parts:
        """Return the rows to train on, to report on and to choose on."""
        data = self.of(source)
        return self.kept.get(
            ("parts", source, evaluation),
            lambda: _parts(data, source, evaluation),
            lambda parts: _reference_bytes((parts.train, parts.report, parts.choose)),
        )


def _uncut(source: TaskSource) -> TaskSource:
    """Return the source of all rows that cuts, draws and folds are from."""
    return replace(source.whole, evaluate_on=()).at(0)


def _parts(data: TaskData, source: TaskSource, evaluation: Evaluation) -> Parts:
    rest, held_out, choose = data.training, EMPTY, EMPTY
    if evaluation.trains_on_validation:
        rest = joined(rest, data.evaluation)
    if source.inner_folds is not None:
        rest, held_out = fold_of(rest, source.inner_folds, source.inner_fold, HOLDOUT_SEED)
    if evaluation.holdout_fraction > 0:
        rest, held_out = hold_out(rest, evaluation.holdout_fraction, HOLDOUT_SEED)
    if evaluation.selection_fraction > 0:
        rest, choose = hold_out(rest, evaluation.selection_fraction, SELECTION_SEED)
    rest = with_mean_one(rest)
    if evaluation.label_names:
        rest = with_label_rows(rest, data.task)
    if evaluation.split is None:
        return Parts(train=rest, report=EMPTY, choose=choose)
    report = held_out if evaluation.split == "holdout" else data.splits[evaluation.split]
    return Parts(train=rest, report=report, choose=choose)


def _read(source: TaskSource) -> TaskData:
    if source.stored_rows is not None:
        from headstart.data.stored_rows import read_rows

        return read_rows(Path(source.stored_rows))
    return load_task(source.name, data_root=Path(source.data_root) if source.data_root else None)


def _read_other(task: Task, other: TaskSource) -> TaskData:
    if other.file is not None:
        labelled = read_labelled(other.file, task, other.options)
        rows = {task.evaluation_split: labelled.split}
        named = replace(task, name=other.name)
        return TaskData(task=named, splits=rows, fingerprint=fingerprint(task, rows), notes=labelled.notes)
    data = _read(other)
    require_same_answers(task, data.task)
    splits = {data.task.evaluation_split: relabelled(data.evaluation, data.task, task)}
    return replace(data, task=replace(data.task, labels=task.labels), splits=splits)


def _text_bytes(data: TaskData | UncutRows) -> int:
    texts = (text for split in data.splits.values() for row in split.texts for text in row)
    return sum(TEXT_BYTES + len(text) for text in texts)


def _reference_bytes(splits: Iterable[Split]) -> int:
    """Return the size of splits whose rows are kept elsewhere."""
    return sum(REFERENCE_BYTES * len(split) * (1 + len(split.columns)) for split in splits)
