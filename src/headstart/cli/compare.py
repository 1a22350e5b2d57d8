"""`headstart compare`: strategies side by side over paired seeds, ending with the table."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from headstart.cli import options
from headstart.cli.output import next_line
from headstart.cli.plain_text import say
from headstart.cli.recipe import EXPECTED, recipe_defaults
from headstart.errors import UsageError
from headstart.executor_options import ExecutorOptions
from headstart.experiments.methods import ComparedMethods
from headstart.experiments.options import ModelOptions, TaskOptions, TrainingOptions
from headstart.experiments.varied import settings_of
from headstart.option import split_list
from headstart.registry import Spec
from headstart.tables.file_options import FileOptions

UNTIL_DECIDED = "Seeds until it is decided"
MATCHED = Spec("finetune", (("match_compute", True),))


def compare(
    context: typer.Context,
    reading: FileOptions,
    where: TaskOptions,
    model: ModelOptions,
    columns: ComparedMethods,
    training: TrainingOptions,
    executing: ExecutorOptions,
    file: Annotated[
        str | None,
        typer.Argument(
            help=f"{options.FILE_HELP} Or a YAML recipe with these options.", is_eager=True, callback=recipe_defaults
        ),
    ] = None,
    tasks: Annotated[
        str | None,
        typer.Option("--tasks", "--task", help="Tasks by name: glue/rte,super_glue/cb.", rich_help_panel=options.DATA),
    ] = None,
    match_compute: Annotated[
        bool, typer.Option("--match-compute", help="Add fine-tuning with as many updates as cost what EH-FT costs.")
    ] = False,
    seeds: Annotated[
        int | None,
        typer.Option(help="Number of paired seeds; 6 or more for a verdict. (Default: 3, with --folds their number.)"),
    ] = None,
    rows_per_class: Annotated[
        int | None,
        typer.Option(
            help="Train on so many rows of each class, drawn anew for each seed; the rows to report on stay whole. "
            "(Default: all rows.)",
            rich_help_panel=options.DATA,
        ),
    ] = None,
    until_decided: Annotated[
        bool,
        typer.Option(
            "--until-decided",
            help="Add paired seeds, looking after each from the 6th on, until every 95 % interval of a mean gain "
            "leaves out zero. Group-sequential: repeated confidence intervals (Jennison and Turnbull 1989) with an "
            "error spent evenly over the seeds (Lan and DeMets 1983), so that looking often keeps the 5 % error rate.",
            rich_help_panel=UNTIL_DECIDED,
        ),
    ] = False,
    max_seeds: Annotated[
        int | None,
        typer.Option(
            help="The most seeds that --until-decided runs, 6 or more; declared once. (Default: 20.)",
            rich_help_panel=UNTIL_DECIDED,
        ),
    ] = None,
    narrower_than: Annotated[
        float | None,
        typer.Option(
            help="Stop also where the interval is narrower than so many points.", rich_help_panel=UNTIL_DECIDED
        ),
    ] = None,
    store: Annotated[Path, typer.Option(help="Folder of runs: finished ones are not repeated.")] = Path("runs"),
    group_by: options.GroupBy = None,
    no_diagnostics: Annotated[
        bool,
        typer.Option(
            "--no-diagnostics",
            help="Do not measure what stages do to features, weights and probabilities.",
            rich_help_panel=options.TRAINING,
        ),
    ] = False,
    smoke: Annotated[
        bool, typer.Option("--smoke", help="Only show that everything runs: nothing is compared or reported.")
    ] = False,
    quiet: options.Quiet = False,
    as_json: options.AsJson = False,
) -> None:
    """Compare strategies over paired seeds; skip what is finished, go on with what was cut off.

    [bold]Examples[/]:
    headstart compare --tasks glue/rte --strategies finetune,eh_ft --adapters lora,bitfit --seeds 10
    headstart compare --tasks glue/rte --strategies finetune,eh_ft --vary head=native,linear,fourier_kan --seeds 6
    """
    from headstart.cli.session import num_seeds, open_session, sources, stopping_rule
    from headstart.comparison.expected import read_expected

    if match_compute:
        columns = replace(columns, strategies=(*columns.strategies, MATCHED))
    columns.check(training)
    rule = stopping_rule(until_decided, max_seeds=max_seeds, narrower_than=narrower_than, seeds=seeds, smoke=smoke)
    expected = read_expected(context.meta.get(EXPECTED, {}))
    settings = settings_of(columns.vary, model, training)
    found = sources(reading, where, file=file, tasks=split_list(tasks or ""))
    found = tuple(replace(source, rows_per_class=rows_per_class) for source in found)
    session = open_session([each.training for each in settings], found)
    if group_by is not None:
        from headstart.sweeps.row_groups import read_groups

        if smoke:
            raise UsageError("`group_by` would have no effect: `smoke` compares nothing", remedy="  Leave one out.")
        for source in found:
            read_groups(source, group_by)
    from headstart.cli.comparing import run_comparison
    from headstart.sweeps.plan import Sweep

    sweep = Sweep(
        model=model,
        columns=columns,
        training=training,
        sources=found,
        seeds=tuple(range(num_seeds(seeds, reading.folds) if rule is None else rule.design.looks[0])),
        diagnostics=not no_diagnostics,
        is_smoke=smoke,
    )
    run_comparison(
        sweep,
        session,
        store,
        quiet=quiet,
        json=as_json,
        until_decided=rule,
        expected=expected,
        group_by=group_by,
        executing=executing,
    )
    if not (quiet or as_json or smoke):
        say(next_line("headstart", "report", store, "--out", "report.html"))
