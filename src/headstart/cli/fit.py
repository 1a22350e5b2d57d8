"""`headstart fit`: train one model on a user's table or a task."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from headstart.cli import options
from headstart.registry import Spec


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("fit")(fit)


def fit(
    file: Annotated[Path | None, typer.Argument(help="A CSV or JSONL file with a text and a label column.")] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the model; new or empty.")] = Path("model"),
    model: options.Model = "embedded:minilm-l6",
    task: Annotated[
        str | None, typer.Option(help="A task by name, such as glue/rte, instead of a file.", rich_help_panel="Data")
    ] = None,
    text: options.Text = None,
    text_pair: options.TextPair = None,
    label: options.Label = None,
    validation: options.Validation = None,
    data_root: options.DataRoot = None,
    strategy: Annotated[
        str, typer.Option(help="finetune, linear_probe, lp_ft, eh_ft, eh_ft:reserve or adapter.")
    ] = "eh_ft",
    adapter: Annotated[
        str | None,
        typer.Option(help="lora, bitfit or prefix; options as in lora:rank=16. (Default: lora where one is used.)"),
    ] = None,
    head: options.Head = None,
    keep_head: options.KeepHead = False,
    preset: options.Preset = "default",
    epochs: options.Epochs = None,
    steps: options.Steps = None,
    batch_size: options.BatchSize = None,
    learning_rate: options.LearningRate = None,
    stage1_fraction: options.Stage1Fraction = None,
    stage1_learning_rate: options.Stage1LearningRate = None,
    max_length: options.MaxLength = None,
    precision: options.Precision = "auto",
    seed: Annotated[int, typer.Option(help="Root of every random choice.", rich_help_panel="Training")] = 0,
    trainer: options.TrainerArguments = None,
    quiet: options.Quiet = False,
    as_json: options.AsJson = False,
) -> None:
    """Train one model and leave a folder that transformers loads as it is.

    A killed run, called again in the same words, goes on where it was.

    [bold]Example[/]: headstart fit reviews.csv --text text --label stars --model roberta-base --out my-model
    """
    from headstart.cli.fitting import run_fit
    from headstart.cli.session import open_session, sources
    from headstart.experiments.grid import Choices

    choices = Choices(
        model=model,
        strategies=(Spec.parse(strategy),),
        adapters=(Spec.parse(adapter),) if adapter else (),
        head=Spec.parse(head) if head else None,
        keep_head=keep_head,
        preset=preset,
        epochs=epochs,
        steps=steps,
        batch_size=batch_size,
        learning_rate=learning_rate,
        stage1_learning_rate=stage1_learning_rate,
        stage1_fraction=stage1_fraction,
        max_length=max_length,
        precision=precision,
        trainer=tuple(trainer or ()),
    )
    (source,) = sources(
        file, task, text=text, text_pair=text_pair, label=label, validation=validation, data_root=data_root
    )
    run_fit(choices, source, seed, out, open_session(), quiet=quiet, json=as_json)
