"""What planning needs to know of the rows. Imports no torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from headstart.data.examples import TaskData, class_counts
from headstart.data.media_rows import longest_sound
from headstart.data.row_weights import class_totals
from headstart.errors import UsageError
from headstart.experiments.experiment import Evaluation, TaskSource
from headstart.experiments.label_scale import scale_of
from headstart.experiments.options import TrainingOptions
from headstart.experiments.resolved_loss import resolve_class_weights, resolve_loss
from headstart.experiments.task_rows import TaskRows
from headstart.losses import RAW, LossConfig, Scale
from headstart.media.modality import Modality
from headstart.option import named
from headstart.store.record import NOTHING_CHOSEN
from headstart.strategies.strategy import Strategy
from headstart.tasks.task import Task


@dataclass(frozen=True, slots=True, kw_only=True)
class TableFacts:
    """A task and its training rows, without those that are held out.

    Attributes:
        task: kind of answer, classes, columns.
        fingerprint: SHA-256 of all rows and labels.
        num_rows: to train on.
        class_counts: rows to train on of each class, or their weights added up; empty where answers are not classes.
        longest_sound: in seconds, of all rows; 0 where they are no sounds.
        scale: of the labels to train on, where these are numbers.
        evaluation: the rows to report on, and those that were set aside.
    """

    task: Task
    fingerprint: str
    num_rows: int
    class_counts: tuple[float, ...]
    longest_sound: float = 0.0
    scale: Scale = RAW
    evaluation: Evaluation


def check_rows(training: TrainingOptions, data: TaskData) -> None:
    """Refuse a training that these rows do not allow, whatever the model.

    Raises:
        UsageError: if the loss does not fit the kind of answer, the preset says nothing about the task, or labels that
            are numbers cannot be told apart.
    """
    num_rows = len(data.training)
    _check_modality(training, data.task.modality)
    scale_of(data.task.kind, data.training.labels or ())
    loss_of(training, data.task, class_counts(data.task, data.training), num_rows)
    training.num_steps(data.task.name, num_rows)


def _check_modality(training: TrainingOptions, modality: Modality) -> None:
    """Refuse options that say how texts, or sounds, are read where rows are something else."""
    of_texts = {"max_length": training.max_length, "long": training.long}
    given = [name for name, value in of_texts.items() if value is not None and modality.is_file]
    if training.clip_seconds is not None and modality is not Modality.AUDIO:
        given.append("clip_seconds")
    if given:
        raise UsageError(f"{named(given)} would have no effect on {modality.thing}s", remedy="  Leave it out.")
    if training.dp is not None and modality.is_file:
        raise UsageError(
            f"`dp` cannot be used with {modality.thing}s: it was not tried there", remedy="  Leave it out."
        )


def loss_of(
    training: TrainingOptions, task: Task, counts: Sequence[float], num_rows: int, scale: Scale = RAW
) -> LossConfig:
    """Return the loss that options name, for a task with so many training rows of each class, and in all.

    `scale` is that of labels that are numbers.

    Raises:
        UsageError: if it does not fit the kind of answer, or the class weights do not fit the classes.
    """
    return resolve_loss(
        task.kind,
        training.loss,
        label_smoothing=training.label_smoothing,
        class_weights=resolve_class_weights(training.class_weights, task, counts, num_rows),
        class_counts=counts,
        scale=scale,
    )


def table_facts(source: TaskSource, rows: TaskRows, strategy: Strategy, evaluation: Evaluation) -> TableFacts:
    """Return what planning needs to know of the rows, those set aside on which a strategy chooses something itself."""
    if strategy.selection_fraction:
        chosen_on = "holdout" if evaluation.chosen_on == NOTHING_CHOSEN else evaluation.chosen_on
        evaluation = replace(evaluation, selection_fraction=strategy.selection_fraction, chosen_on=chosen_on)
    data, train = rows.of(source), rows.parts(source, evaluation).train
    return TableFacts(
        task=data.task,
        fingerprint=data.fingerprint,
        num_rows=len(train),
        class_counts=class_totals(data.task, train),
        longest_sound=longest_sound(list(data.splits.values())),
        scale=scale_of(data.task.kind, train.labels or (), train.weights),
        evaluation=evaluation,
    )
