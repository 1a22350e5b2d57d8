"""`headstart compare`: strategies side by side over paired seeds, ending with the table."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from headstart.cli import options
from headstart.cli.groups import grouped
from headstart.cli.recipe import recipe_defaults

RATES_HELP = (
    "Peak rate of stages that train the backbone; of several, one is chosen per strategy on held-out training rows."
)


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("compare")(grouped(compare))


def compare(
    data: options.DataOptions,
    model: options.ModelOptions,
    training: options.TrainingOptions,
    file: Annotated[
        str | None,
        typer.Argument(
            help=f"{options.FILE_HELP} Or a YAML recipe with these options.", is_eager=True, callback=recipe_defaults
        ),
    ] = None,
    tasks: Annotated[
        str | None, typer.Option(help="Tasks by name: glue/rte,super_glue/cb.", rich_help_panel=options.DATA)
    ] = None,
    strategies: Annotated[
        str, typer.Option(help="Comma-separated: finetune,linear_probe,lp_ft,eh_ft,eh_ft:reserve,adapter.")
    ] = "finetune,lp_ft,eh_ft",
    adapters: Annotated[
        str | None,
        typer.Option(
            help="Comma-separated: lora,bitfit,dora,peft:LOHA:r=4 (docs/adapters.md); crossed with strategies that "
            "take one."
        ),
    ] = None,
    seeds: Annotated[
        int | None,
        typer.Option(help="Number of paired seeds; 6 or more for a verdict. (Default: 3, with --folds their number.)"),
    ] = None,
    folds: Annotated[
        int | None,
        typer.Option(help="Cut a file into this many folds; seed n holds out fold n.", rich_help_panel=options.DATA),
    ] = None,
    store: Annotated[Path, typer.Option(help="Folder of runs: finished ones are not repeated.")] = Path("runs"),
    learning_rates: Annotated[
        str | None,
        typer.Option("--learning-rates", "--learning-rate", help=RATES_HELP, rich_help_panel=options.TRAINING),
    ] = None,
    stage1_learning_rates: Annotated[
        str | None,
        typer.Option(
            "--stage1-learning-rates",
            "--stage1-learning-rate",
            help="The same for stages that train head or adapter without the backbone.",
            rich_help_panel=options.TRAINING,
        ),
    ] = None,
    smoke: Annotated[
        bool, typer.Option("--smoke", help="Only show that everything runs: nothing is compared or reported.")
    ] = False,
    quiet: options.Quiet = False,
    as_json: options.AsJson = False,
) -> None:
    """Compare strategies over paired seeds; skip what is finished, go on with what was cut off.

    [bold]Example[/]: headstart compare --tasks glue/rte --strategies finetune,eh_ft --adapters lora,bitfit --seeds 10
    """
    from headstart.cli.comparing import run_comparison
    from headstart.cli.session import choices, num_seeds, open_session, sources
    from headstart.sweeps.plan import Sweep
    from headstart.sweeps.selection import RateLists

    sweep = Sweep(
        choices=choices(model, training, strategies=options.specs(strategies), adapters=options.specs(adapters or "")),
        sources=sources(data, file=file, tasks=options.split_list(tasks or ""), folds=folds),
        seeds=tuple(range(num_seeds(seeds, folds))),
        rates=RateLists(
            learning_rates=options.rates("--learning-rates", learning_rates),
            stage1_learning_rates=options.rates("--stage1-learning-rates", stage1_learning_rates),
        ),
        is_smoke=smoke,
    )
    run_comparison(sweep, open_session(), store, quiet=quiet, json=as_json)
    if not (quiet or as_json or smoke):
        typer.echo(f"Next: headstart report {store} --out report.html")
