"""`headstart fit`: train one model on a user's table or a task."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from headstart.cli import options
from headstart.cli.groups import Only
from headstart.errors import UsageError
from headstart.experiments.options import (
    DecisionOptions,
    MethodOptions,
    ModelOptions,
    Options,
    TaskOptions,
    TrainingOptions,
)
from headstart.launcher import launched
from headstart.search.options import SearchOptions, check_no_search, check_search
from headstart.spreadsheet_cells import MEANING as SPREADSHEET_SAFE
from headstart.strategies.catalogue import AUTO
from headstart.tables.file_options import CUTTING, FileOptions


def fit(
    reading: Annotated[FileOptions, Only(CUTTING)],
    where: TaskOptions,
    model: ModelOptions,
    search: SearchOptions,
    method: MethodOptions,
    training: TrainingOptions,
    deciding: DecisionOptions,
    file: Annotated[str | None, typer.Argument(help=options.FILE_HELP)] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the model; new or empty.")] = Path("model"),
    task: options.Task = None,
    seed: Annotated[int, typer.Option(help="Root of every random choice.", rich_help_panel=options.TRAINING)] = 0,
    save_adapter: Annotated[
        Path | None,
        typer.Option(
            help="Folder for the trained adapter alone, for --adapter-from; new or empty.",
            rich_help_panel=options.TRAINING,
        ),
    ] = None,
    suspects: Annotated[
        Path | None,
        typer.Option(
            help="File for the training rows whose label looks wrong, as a CSV table.", rich_help_panel=options.TRAINING
        ),
    ] = None,
    spreadsheet_safe: Annotated[
        bool,
        typer.Option("--spreadsheet-safe", help=f"In --suspects: {SPREADSHEET_SAFE}", rich_help_panel=options.TRAINING),
    ] = False,
    group_by: Annotated[
        str | None,
        typer.Option(
            help="Column of groups, such as a language: the report of `strategy` auto has the main metric of each, the "
            "worst group, and how far it is behind the best.",
            rich_help_panel=options.DATA,
        ),
    ] = None,
    jobs: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Trials of `strategy` auto at once, each in a process of its own with its share of the cores. "
            "(Default: 1.)",
            rich_help_panel=options.TRAINING,
        ),
    ] = None,
    diagnostics: Annotated[
        bool,
        typer.Option(
            "--diagnostics",
            help="Also measure what each stage does to features, weights and probabilities; costs time and memory.",
            rich_help_panel=options.TRAINING,
        ),
    ] = False,
    quiet: options.Quiet = False,
    as_json: options.AsJson = False,
) -> None:
    """Find the best model of a table within a time limit, and leave a folder.

    A first model is there within seconds. Then candidates race on held-out rows, and the best one learns from all rows.
    With --strategy one model is trained that way. A killed call, made again in the same words, goes on where it was.

    [bold]Example[/]: headstart fit reviews.csv --text text --label stars --model roberta-base --out my-model
    """
    from headstart.artifacts.working_store import require_free
    from headstart.cli.launching import check_no_launcher
    from headstart.cli.session import open_session, sources
    from headstart.experiments.methods import check_method
    from headstart.search.clock import Clock

    clock = Clock(search.time_limit)
    if spreadsheet_safe and suspects is None:
        raise UsageError(
            "`spreadsheet_safe` would have no effect: it is for the table of `suspects`",
            remedy="  Give `suspects`, too, or leave it out.",
        )
    require_free(out, beside=(save_adapter,) if save_adapter is not None else ())
    asked = Options(model=model, method=method, training=training)
    is_search = method.strategy == AUTO
    if is_search:
        check_no_launcher(launched())
        check_search(asked, search, beside={"save_adapter": save_adapter is not None, "diagnostics": diagnostics})
    else:
        check_no_search(
            search,
            str(method.strategy),
            beside={
                "suspects": suspects is not None,
                "jobs": jobs is not None,
                "group_by": group_by is not None,
            },
        )
        check_method(method, training)
    (source,) = sources(reading, where, file=file, tasks=(task,) if task else ())
    session = open_session((training,), (source,))
    if is_search:
        from headstart.cli.best import run_search

        run_search(
            asked,
            search,
            clock,
            source,
            seed,
            out,
            session,
            deciding=deciding,
            group_by=group_by,
            jobs=jobs or 1,
            suspects=suspects,
            spreadsheet_safe=spreadsheet_safe,
            quiet=quiet,
            json=as_json,
        )
        return
    from headstart.cli.fitting import run_fit

    run_fit(
        asked,
        source,
        seed,
        out,
        session,
        deciding=deciding,
        adapter_out=save_adapter,
        diagnostics=diagnostics,
        quiet=quiet,
        json=as_json,
    )
