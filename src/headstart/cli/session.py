"""What the verbs share before they call the engine: where data comes from, and a quiet transformers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from headstart.cli.options import split_list
from headstart.errors import UsageError
from headstart.experiments.experiment import TaskSource

if TYPE_CHECKING:
    from headstart.experiments.workspace import Workspace


def quiet_transformers() -> None:
    """Turn off transformers' own progress bars and advice: headstart says what matters."""
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()


def open_session() -> Workspace:
    """Return a workspace for one call of the engine."""
    from headstart.experiments.workspace import Workspace

    quiet_transformers()
    return Workspace()


def file_source(
    file: Path, text: str | None, text_pair: str | None, label: str | None, validation: Path | None
) -> TaskSource:
    """Return the source of a user's table."""
    return TaskSource(
        name=file.stem,
        file=str(file.resolve()),
        text=text,
        text_pair=text_pair,
        label=label,
        validation=str(validation.resolve()) if validation else None,
    )


def sources(
    file: Path | None,
    tasks: str | None,
    *,
    text: str | None,
    text_pair: str | None,
    label: str | None,
    validation: Path | None,
    data_root: Path | None,
) -> tuple[TaskSource, ...]:
    """Return the sources that file or task options name.

    Raises:
        UsageError: if both or neither are given, or a file's options come with tasks.
    """
    names = list(dict.fromkeys(split_list(tasks or "")))
    if (file is None) == (not names):
        given = "neither a file nor a task was given" if file is None else "both a file and a task were given"
        raise UsageError(given, remedy="  Give a file with --text and --label, or name tasks such as glue/rte.")
    if file is not None:
        if data_root is not None:
            raise UsageError("--data-root would have no effect: it holds tasks by name, and a file was given")
        return (file_source(file, text, text_pair, label, validation),)
    unused = [
        option
        for option, value in (
            ("--text", text),
            ("--text-pair", text_pair),
            ("--label", label),
            ("--validation", validation),
        )
        if value is not None
    ]
    if unused:
        raise UsageError(
            f"{' and '.join(unused)} would have no effect: a task by name knows its columns and splits",
            remedy="  Leave it out, or give a file.",
        )
    return tuple(TaskSource(name=name, data_root=str(data_root) if data_root else None) for name in names)
