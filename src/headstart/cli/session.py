"""What the verbs share before they call the engine: where data comes from, and how many seeds there are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from headstart.errors import UsageError
from headstart.experiments.experiment import TaskSource
from headstart.experiments.options import TaskOptions, TrainingOptions
from headstart.experiments.table_facts import check_rows
from headstart.experiments.task_rows import TaskRows
from headstart.option import given, named
from headstart.store.layout import file_part
from headstart.tables.file_options import LABELLED, FileOptions
from headstart.tables.paths import ADDRESS, HUB_PREFIX, absolute
from headstart.tables.sources import distinct_names, name_of
from headstart.tasks.catalogue import TASKS

if TYPE_CHECKING:
    from headstart.experiments.run_data import RunDataCache
    from headstart.sweeps.stopping import StoppingRule

DEFAULT_NUM_SEEDS = 3


def open_session(trainings: Sequence[TrainingOptions] = (), sources: Sequence[TaskSource] = ()) -> RunDataCache:
    """Return what planning and the runs of one call share; what can be refused without torch is refused first.

    Args:
        trainings: what the call trains with; several where it varies something.
        sources: the rows it is about.

    Raises:
        UsageError: if rows cannot be found, are faulty, or cannot be trained on in this way.
    """
    rows = TaskRows()
    for source in sources:
        data = rows.of(source)
        for other in source.evaluate_on:
            rows.other(source, other)
        for training in trainings:
            check_rows(training, data)
    from headstart.experiments.run_data import RunDataCache
    from headstart.models.own_process import prepare_process

    prepare_process()
    return RunDataCache(rows)


def num_seeds(seeds: int | None, folds: int | None) -> int:
    """Return the number of seeds: as given, else one pass over the folds, else 3.

    Raises:
        UsageError: if the seeds do not go through the folds a whole number of times.
    """
    if folds is None:
        return DEFAULT_NUM_SEEDS if seeds is None else seeds
    if seeds is not None and seeds % folds:
        from headstart.stats.comparisons import MIN_SEEDS_FOR_VERDICT

        raise UsageError(
            f"`seeds` {seeds} does not go through {folds} folds a whole number of times",
            allowed=f"  Seed n holds out fold n modulo {folds}, so all folds are held out equally often.",
            remedy=(
                f"  Give {folds} seeds. More seeds do not make more of the folds, which are what is compared: "
                f"a verdict needs {MIN_SEEDS_FOR_VERDICT} `folds` or more."
            ),
        )
    return folds if seeds is None else seeds


def stopping_rule(
    until_decided: bool, *, max_seeds: int | None, narrower_than: float | None, seeds: int | None, smoke: bool
) -> StoppingRule | None:
    """Return when no more seeds are added; None for a fixed number of seeds.

    Raises:
        UsageError: if an option would have no effect beside the others.
    """
    bounds = {"max_seeds": max_seeds is not None, "narrower_than": narrower_than is not None}
    fixed = {"seeds": seeds is not None, "smoke": smoke}
    unused = [name for name, is_given in (fixed if until_decided else bounds).items() if is_given]
    if unused:
        reason = "it runs as many seeds as it takes" if until_decided else "they bound `until_decided`"
        raise UsageError(
            f"{named(unused)} would have no effect {'with' if until_decided else 'without'} `until_decided`: {reason}",
            remedy="  Leave it out.",
        )
    if not until_decided:
        return None
    from headstart.sweeps.stopping import DEFAULT_MAX_SEEDS, StoppingRule

    return StoppingRule(
        max_seeds=DEFAULT_MAX_SEEDS if max_seeds is None else max_seeds,
        narrower_than=None if narrower_than is None else narrower_than / 100,
    )


def sources(
    reading: FileOptions, where: TaskOptions, *, file: str | None, tasks: Sequence[str]
) -> tuple[TaskSource, ...]:
    """Return the sources that a file or task names mean.

    Raises:
        UsageError: if both or neither are given, or options come that would have no effect.
    """
    names = list(dict.fromkeys(tasks))
    root = str(where.data_root) if where.data_root else None
    elsewhere = _other_sources(where.evaluate_on, reading, root)
    uses_root = any(other.file is None for other in elsewhere)
    check_source(reading, file, names, where.data_root if not uses_root else None)
    if file is not None:
        options = replace(
            reading,
            validation=absolute(reading.validation) if reading.validation else None,
            label_file=absolute(reading.label_file) if reading.label_file else None,
        )
        return (TaskSource(name=name_of(file), file=absolute(file), options=options, evaluate_on=elsewhere),)
    return tuple(TaskSource(name=name, data_root=root, evaluate_on=elsewhere) for name in names)


def check_source(reading: FileOptions, file: str | None, tasks: Sequence[str], data_root: Path | None) -> None:
    """Hold that rows come from a file or from tasks by name, and that no option is for the other of the two.

    Raises:
        UsageError: if both or neither are given, or options would have no effect.
    """
    if (file is None) == (not tasks):
        problem = "neither a file nor a task was given" if file is None else "both a file and a task were given"
        raise UsageError(problem, remedy="  Give a file with `text` and `label`, or name a `task` such as glue/rte.")
    if not tasks and data_root is not None:
        raise UsageError("`data_root` would have no effect: it holds tasks by name, and a file was given")
    if tasks and given(reading):
        raise UsageError(
            f"{named(given(reading))} would have no effect: a task by name knows its columns and splits",
            remedy="  Leave it out, or give a file.",
        )
    reading.require_names()


def _other_sources(names: Sequence[str], reading: FileOptions, root: str | None) -> tuple[TaskSource, ...]:
    """Return tasks and files that a finished model is scored on; files are read as the training file is."""
    places = dict.fromkeys(name if is_task(name) else absolute(name) for name in names)
    files = [place for place in places if not is_task(place)]
    called = dict(zip(files, distinct_names(files), strict=True))
    options = FileOptions(**{option: getattr(reading, option) for option in (*LABELLED, "modality")})
    found = tuple(
        TaskSource(name=place, data_root=root)
        if is_task(place)
        else TaskSource(name=called[place], file=place, options=options)
        for place in places
    )
    _require_own_files(found)
    return found


def is_task(name: str) -> bool:
    """Whether a name is a task's, which has no suffix; anything else is a file, a folder or a data set on the hub."""
    if name in TASKS:
        return True
    path = Path(name)
    return not (name.startswith((HUB_PREFIX, "~")) or ADDRESS.match(name) or path.suffix or path.is_dir())


def _require_own_files(sources: Sequence[TaskSource]) -> None:
    """Refuse names whose predictions would lie in one file."""
    taken: dict[str, str] = {}
    for source in sources:
        other = taken.setdefault(file_part(source.name).casefold(), source.name)
        if other != source.name:
            raise UsageError(
                f"`evaluate_on` names {other} and {source.name}, whose predictions would lie in one file",
                remedy="  Rename one of them.",
            )
