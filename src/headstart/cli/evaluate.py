"""`headstart evaluate`: the metrics of a model on labelled rows."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Annotated

import typer

from headstart.cli import options
from headstart.cli.console import TextConsole
from headstart.cli.flags import in_flags
from headstart.cli.groups import Only
from headstart.cli.output import rows_text
from headstart.cli.plain_text import say
from headstart.cli.scores import class_table, constant_text, group_table
from headstart.errors import UsageError
from headstart.metrics import written
from headstart.tables.file_options import LABELLED, FileOptions

if TYPE_CHECKING:
    from headstart.inference.evaluate import Scores


def evaluate(
    reading: Annotated[FileOptions, Only((*LABELLED, "split_column", "label_file", "weight"))],
    folder: Annotated[str, typer.Argument(help=options.FOLDER_HELP)],
    file: Annotated[str | None, typer.Argument(help=f"Rows with labels: {options.ROWS_HELP}")] = None,
    task: Annotated[
        str | None,
        typer.Option(
            help="A task by name whose labels are the model's, such as super_glue/axg.", rich_help_panel=options.DATA
        ),
    ] = None,
    data_root: options.DataRoot = None,
    group_by: Annotated[
        str | None,
        typer.Option(
            help="Column of groups, such as a language: the main metric of each, the worst one, and the gap.",
            rich_help_panel=options.DATA,
        ),
    ] = None,
    reads_anew: options.ReadsAnew = False,
    batch_size: options.PredictionBatchSize = None,
    precision: options.PredictionPrecision = "auto",
    device: options.Device = None,
    quiet: options.Quiet = False,
    as_json: options.AsJson = False,
) -> None:
    """Print the metrics of a saved model on a labelled file, or on a task with the same labels.

    The file is read as the model's own table was, where nothing else is said. Where a column says train, validation or
    test, the test rows are scored.

    [bold]Example[/]: headstart evaluate my-model test.csv
    """
    from headstart.artifacts.found_folder import find_folder
    from headstart.cli.display import row_display
    from headstart.cli.session import check_source
    from headstart.inference.user_files import evaluate_file, evaluate_task
    from headstart.models.own_process import prepare_process

    check_source(reading, file, [task] if task is not None else [], data_root)
    if task is not None and group_by is not None:
        raise UsageError("`group_by` would have no effect: it is a column of a file, and a task was given")
    prepare_process()
    place = find_folder(folder)
    with row_display("evaluating", quiet=quiet or as_json) as progress:
        found = (
            evaluate_task(
                place.path,
                task,
                data_root=data_root,
                batch_size=batch_size,
                precision=precision,
                device=device,
                progress=progress,
            )
            if task is not None
            else evaluate_file(
                place.path,
                str(file),
                options=reading,
                reads_anew=reads_anew,
                group_by=group_by,
                batch_size=batch_size,
                precision=precision,
                device=device,
                progress=progress,
            )
        )
    found = replace(found, notes=(*filter(None, [place.note]), *found.notes))
    if as_json:
        print(json.dumps(asdict(found), indent=2))
    else:
        _print(found, task or str(file))


def _print(found: Scores, source: str) -> None:
    for name, score in found.scores.items():
        say(f"{name}: {written(name, score)}")
    say(f"on {rows_text(found.num_rows)} of {source}; {constant_text(found.constant_scores)}")
    if found.classes:
        TextConsole(highlight=False, markup=False).print(class_table(found.classes))
    if found.by_group is not None:
        TextConsole(highlight=False, markup=False).print(group_table(found.by_group))
        say(found.by_group.gap_text)
    for note in found.notes:
        say(in_flags(note))
    if found.num_truncated:
        were = "was" if found.num_truncated == 1 else "were"
        say(f"{rows_text(found.num_truncated)} {were} longer than the model reads, and {were} cut")
    if found.is_degenerate:
        say("every answer is the same, or as good as the same: these numbers say nothing about the model")
