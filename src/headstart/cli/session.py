"""What the verbs share before they call the engine: where data comes from, and a quiet transformers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from headstart.cli.options import (
    DataOptions,
    LabelledOptions,
    ModelOptions,
    ReadingOptions,
    TrainingOptions,
    split_list,
)
from headstart.data.file_options import AS_GUESSED, FileOptions
from headstart.data.sources import HUB_PREFIX, name_of
from headstart.errors import UsageError
from headstart.experiments.experiment import TaskSource
from headstart.kinds.catalogue import kind_named
from headstart.registry import Spec
from headstart.tasks.catalogue import TASKS

if TYPE_CHECKING:
    from headstart.experiments.choices import Choices
    from headstart.experiments.run_data import RunDataCache
    from headstart.sweeps.until_decided import StoppingRule

DEFAULT_NUM_SEEDS = 3


def quiet_transformers() -> None:
    """Turn off transformers' own progress bars and advice: headstart says what matters."""
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()


def open_session() -> RunDataCache:
    """Return what planning and the runs of one call share."""
    from headstart.experiments.run_data import RunDataCache

    quiet_transformers()
    return RunDataCache()


def choices(
    model: ModelOptions,
    training: TrainingOptions,
    *,
    strategies: tuple[Spec, ...],
    adapters: tuple[Spec, ...],
    learning_rate: float | None = None,
    stage1_learning_rate: float | None = None,
    stage1_fraction: float | None = None,
) -> Choices:
    """Return what model and training options choose."""
    from headstart.experiments.choices import Choices
    from headstart.training.private.options import parse_privacy

    return Choices(
        model=model.model,
        strategies=strategies,
        adapters=adapters,
        adapter_from=training.adapter_from,
        quantise_stage1=training.quantise_stage1,
        head=Spec.parse(model.head) if model.head else None,
        keep_head=model.keep_head,
        preset=training.preset,
        epochs=training.epochs,
        steps=training.steps,
        budget_factor=training.budget_factor,
        batch_size=training.batch_size,
        learning_rate=learning_rate,
        stage1_learning_rate=stage1_learning_rate,
        stage1_fraction=stage1_fraction,
        stage1_on_top=training.stage1_on_top,
        max_length=training.max_length,
        long=training.long,
        stride=training.stride,
        loss=Spec.parse(training.loss),
        label_smoothing=training.label_smoothing,
        class_weights=training.class_weights,
        precision=training.precision,
        privacy=parse_privacy(training.dp) if training.dp else None,
        diagnostics=not training.no_diagnostics,
        trackers=tuple(dict.fromkeys(split_list(training.tracker or ""))),
        trainer=tuple(training.trainer or ()),
    )


def num_seeds(seeds: int | None, folds: int | None) -> int:
    """Return the number of seeds: as given, else one pass over the folds, else 3.

    Raises:
        UsageError: if the seeds do not go through the folds a whole number of times.
    """
    if folds is None:
        return DEFAULT_NUM_SEEDS if seeds is None else seeds
    if seeds is not None and seeds % folds:
        raise UsageError(
            f"--seeds {seeds} does not go through {folds} folds a whole number of times",
            allowed=f"  Seed n holds out fold n modulo {folds}: give {folds}, {2 * folds}, {3 * folds} seeds or so.",
        )
    return folds if seeds is None else seeds


def stopping_rule(
    until_decided: bool, *, max_seeds: int | None, narrower_than: float | None, seeds: int | None, smoke: bool
) -> StoppingRule | None:
    """Return when no more seeds are added; None for a fixed number of seeds.

    Raises:
        UsageError: if an option would have no effect beside the others.
    """
    from headstart.sweeps.until_decided import DEFAULT_MAX_SEEDS, StoppingRule

    bounds = {"--max-seeds": max_seeds is not None, "--narrower-than": narrower_than is not None}
    fixed = {"--seeds": seeds is not None, "--smoke": smoke}
    unused = [name for name, is_given in (fixed if until_decided else bounds).items() if is_given]
    if unused:
        reason = "it runs as many seeds as it takes" if until_decided else "they bound --until-decided"
        raise UsageError(
            f"{' and '.join(unused)} would have no effect {'with' if until_decided else 'without'} --until-decided: "
            f"{reason}",
            remedy="  Leave it out.",
        )
    if not until_decided:
        return None
    return StoppingRule(
        max_seeds=DEFAULT_MAX_SEEDS if max_seeds is None else max_seeds,
        narrower_than=None if narrower_than is None else narrower_than / 100,
    )


def sources(
    data: DataOptions, *, file: str | None, tasks: Sequence[str], folds: int | None = None
) -> tuple[TaskSource, ...]:
    """Return the sources that a file or task names mean.

    Raises:
        UsageError: if both or neither are given, or options come that would have no effect.
    """
    names = list(dict.fromkeys(tasks))
    if (file is None) == (not names):
        given = "neither a file nor a task was given" if file is None else "both a file and a task were given"
        raise UsageError(given, remedy="  Give a file with --text and --label, or name tasks such as glue/rte.")
    root = str(data.data_root) if data.data_root else None
    elsewhere = tuple(_other_source(name, data, root) for name in split_list(data.evaluate_on or ""))
    if file is not None:
        if root is not None and all(other.file is not None for other in elsewhere):
            raise UsageError("--data-root would have no effect: it holds tasks by name, and a file was given")
        return (
            TaskSource(
                name=name_of(file), file=_absolute(file), options=_file_options(data, folds), evaluate_on=elsewhere
            ),
        )
    unused = data.given() + (["--folds"] if folds is not None else [])
    if unused:
        raise UsageError(
            f"{' and '.join(unused)} would have no effect: a task by name knows its columns and splits",
            remedy="  Leave it out, or give a file.",
        )
    return tuple(TaskSource(name=name, data_root=root, evaluate_on=elsewhere) for name in names)


def reading_options(options: ReadingOptions) -> FileOptions:
    """Return how a file is read, whatever is done with its rows."""
    return FileOptions(
        text=options.text,
        text_pair=options.text_pair,
        choices=tuple(split_list(options.choices or "")),
        columns=options.column_names(),
        encoding=options.encoding,
    )


def labelled_options(options: LabelledOptions) -> FileOptions:
    """Return how a file of labelled rows is read."""
    return replace(reading_options(options), label=options.label, separator=options.separator)


def _file_options(data: DataOptions, folds: int | None) -> FileOptions:
    fraction = data.validation_fraction
    return replace(
        labelled_options(data),
        kind=kind_named(data.kind) if data.kind is not None else None,
        config=data.config,
        revision=data.revision,
        validation=_absolute(str(data.validation)) if data.validation else None,
        split_column=data.split_column,
        group=data.group,
        validation_fraction=AS_GUESSED.validation_fraction if fraction is None else fraction,
        folds=folds,
        drop_leaks=data.drop_leaks,
    )


def _other_source(name: str, data: DataOptions, root: str | None) -> TaskSource:
    """A task's name has no suffix; anything else is a file, read as the training file is."""
    if name in TASKS or not Path(name).suffix:
        return TaskSource(name=name, data_root=root)
    return TaskSource(name=Path(name).name, file=_absolute(name), options=labelled_options(data))


def _absolute(file: str) -> str:
    return file if file.startswith(HUB_PREFIX) else str(Path(file).resolve())
