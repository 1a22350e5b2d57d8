"""`headstart inspect`: what a task's rows are like, before anything is trained on them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from headstart.cli import options
from headstart.cli.groups import Only
from headstart.cli.plain_text import say
from headstart.experiments.options import TaskOptions
from headstart.tables.file_options import CUTTING, FileOptions

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


def inspect(
    reading: Annotated[FileOptions, Only(CUTTING)],
    where: TaskOptions,
    file: Annotated[str | None, typer.Argument(help=options.FILE_HELP)] = None,
    task: options.Task = None,
    model: Annotated[str | None, typer.Option("--model", "-m", help="Also count this model's tokens.")] = None,
    max_length: Annotated[int | None, typer.Option(help="Also count the texts that are longer.")] = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Also write a page with plots to this file.")] = None,
    as_json: options.AsJson = False,
) -> None:
    """Show kind, classes, repeats, leaks and token lengths of a table or task.

    [bold]Example[/]: headstart inspect reviews.csv --label stars --model roberta-base --out data.html
    """
    import json
    from dataclasses import asdict

    from headstart.cli.printing import print_data_report
    from headstart.cli.session import sources
    from headstart.errors import UsageError
    from headstart.experiments.task_rows import TaskRows
    from headstart.inspection.data import inspect_data

    if where.evaluate_on:
        raise UsageError("`evaluate_on` would have no effect: nothing is evaluated", remedy="  Leave it out.")
    if max_length is not None and model is None:
        raise UsageError("`max_length` counts tokens, and no model was named", remedy="  Give `model`.")
    if model is not None and reading.modality.is_file:
        raise UsageError(
            f"`model` would have no effect: it counts tokens, and rows are {reading.modality.thing}s",
            remedy="  Leave it out.",
        )
    (source,) = sources(reading, where, file=file, tasks=(task,) if task else ())
    report = inspect_data(
        TaskRows().of(source), tokenizer=_tokenizer(model) if model else None, model=model, max_length=max_length
    )
    if out is not None:
        from headstart.inspection.data_page import write_data_page

        write_data_page(report, out)
    if as_json:
        print(json.dumps(asdict(report), indent=2))
        return
    print_data_report(report)
    if out is not None:
        say(f"Page: {out.resolve()}")


def _tokenizer(model: str) -> PreTrainedTokenizerBase:
    from headstart.models.loading import load_tokenizer
    from headstart.models.own_process import prepare_process
    from headstart.models.source import resolve_model

    prepare_process()
    return load_tokenizer(resolve_model(model))
