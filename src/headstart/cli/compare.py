"""`headstart compare`: strategies side by side over paired seeds, ending with the table."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from headstart.cli import options
from headstart.cli.recipe import recipe_defaults
from headstart.registry import Spec


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("compare")(compare)


def compare(
    file: Annotated[
        Path | None,
        typer.Argument(
            help="A CSV or JSONL file of your own, or a YAML recipe with these options.",
            is_eager=True,
            callback=recipe_defaults,
        ),
    ] = None,
    tasks: Annotated[
        str | None, typer.Option(help="Tasks by name: glue/rte,super_glue/cb.", rich_help_panel="Data")
    ] = None,
    model: options.Model = "embedded:minilm-l6",
    strategies: Annotated[
        str, typer.Option(help="Comma-separated: finetune,linear_probe,lp_ft,eh_ft,eh_ft:reserve,adapter.")
    ] = "finetune,lp_ft,eh_ft",
    adapters: Annotated[
        str | None, typer.Option(help="Comma-separated: lora,bitfit,prefix; crossed with strategies that take one.")
    ] = None,
    seeds: Annotated[int, typer.Option(help="Number of paired seeds; 6 or more for a verdict.")] = 3,
    store: Annotated[Path, typer.Option(help="Folder of runs: finished ones are not repeated.")] = Path("runs"),
    text: options.Text = None,
    text_pair: options.TextPair = None,
    label: options.Label = None,
    validation: options.Validation = None,
    data_root: options.DataRoot = None,
    head: options.Head = None,
    keep_head: options.KeepHead = False,
    preset: options.Preset = "default",
    epochs: options.Epochs = None,
    steps: options.Steps = None,
    batch_size: options.BatchSize = None,
    learning_rates: Annotated[
        str | None,
        typer.Option(
            "--learning-rates",
            "--learning-rate",
            help="Peak rate of stages that train the backbone; of several, one is chosen per strategy on held-out "
            "training rows.",
            rich_help_panel="Training",
        ),
    ] = None,
    stage1_learning_rates: Annotated[
        str | None,
        typer.Option(
            "--stage1-learning-rates",
            "--stage1-learning-rate",
            help="The same for stages that train head or adapter without the backbone.",
            rich_help_panel="Training",
        ),
    ] = None,
    stage1_fraction: options.Stage1Fraction = None,
    max_length: options.MaxLength = None,
    precision: options.Precision = "auto",
    trainer: options.TrainerArguments = None,
    quiet: options.Quiet = False,
    as_json: options.AsJson = False,
) -> None:
    """Compare strategies over paired seeds; skip what is finished, go on with what was cut off.

    [bold]Example[/]: headstart compare --tasks glue/rte --strategies finetune,eh_ft --adapters lora,bitfit --seeds 10
    """
    from headstart.cli.comparing import run_comparison
    from headstart.cli.session import open_session, sources
    from headstart.experiments.grid import Choices
    from headstart.sweeps.plan import Sweep
    from headstart.sweeps.selection import RateLists

    choices = Choices(
        model=model,
        strategies=options.specs(strategies),
        adapters=options.specs(adapters or ""),
        head=Spec.parse(head) if head else None,
        keep_head=keep_head,
        preset=preset,
        epochs=epochs,
        steps=steps,
        batch_size=batch_size,
        stage1_fraction=stage1_fraction,
        max_length=max_length,
        precision=precision,
        trainer=tuple(trainer or ()),
    )
    rates = RateLists(
        learning_rates=options.rates("--learning-rates", learning_rates),
        stage1_learning_rates=options.rates("--stage1-learning-rates", stage1_learning_rates),
    )
    wanted = sources(
        file, tasks, text=text, text_pair=text_pair, label=label, validation=validation, data_root=data_root
    )
    sweep = Sweep(choices=choices, sources=wanted, seeds=tuple(range(seeds)), rates=rates)
    run_comparison(sweep, open_session(), store, quiet=quiet, json=as_json)
    if not (quiet or as_json):
        typer.echo(f"Next: headstart report {store} --out report.html")
