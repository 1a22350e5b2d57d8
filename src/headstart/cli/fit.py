"""`headstart fit`: train one model on a user's table or a task."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from headstart.cli import options
from headstart.cli.groups import grouped
from headstart.registry import Spec


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("fit")(grouped(fit))


def fit(
    data: options.DataOptions,
    model: options.ModelOptions,
    training: options.TrainingOptions,
    file: Annotated[str | None, typer.Argument(help=options.FILE_HELP)] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the model; new or empty.")] = Path("model"),
    task: Annotated[
        str | None,
        typer.Option(help="A task by name, such as glue/rte, instead of a file.", rich_help_panel=options.DATA),
    ] = None,
    strategy: Annotated[
        str, typer.Option(help="finetune, linear_probe, lp_ft, eh_ft, eh_ft:reserve or adapter.")
    ] = "eh_ft",
    adapter: Annotated[
        str | None,
        typer.Option(
            help="lora, bitfit, prefix, bottleneck, dora, ia3, ... or peft:TYPE (docs/adapters.md); options as in "
            "lora:rank=16. (Default: lora where one is used.)"
        ),
    ] = None,
    learning_rate: options.LearningRate = None,
    stage1_learning_rate: options.Stage1LearningRate = None,
    stage1_fraction: options.Stage1Fraction = None,
    seed: Annotated[int, typer.Option(help="Root of every random choice.", rich_help_panel=options.TRAINING)] = 0,
    save_adapter: Annotated[
        Path | None,
        typer.Option(
            help="Folder for the trained adapter alone, for --adapter-from; new or empty.",
            rich_help_panel=options.TRAINING,
        ),
    ] = None,
    quiet: options.Quiet = False,
    as_json: options.AsJson = False,
) -> None:
    """Train one model and leave a folder that transformers loads as it is.

    A killed run, called again in the same words, goes on where it was.

    [bold]Example[/]: headstart fit reviews.csv --text text --label stars --model roberta-base --out my-model
    """
    from headstart.cli.fitting import run_fit
    from headstart.cli.session import choices, open_session, sources

    chosen = choices(
        model,
        training,
        strategies=(Spec.parse(strategy),),
        adapters=(Spec.parse(adapter),) if adapter else (),
        learning_rate=learning_rate,
        stage1_learning_rate=stage1_learning_rate,
        stage1_fraction=stage1_fraction,
    )
    (source,) = sources(data, file=file, tasks=(task,) if task else ())
    run_fit(chosen, source, seed, out, open_session(), adapter_out=save_adapter, quiet=quiet, json=as_json)
