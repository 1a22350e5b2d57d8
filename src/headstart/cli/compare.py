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
UNTIL_DECIDED = "Seeds until it is decided"
MATCHED = ",finetune:match_compute"


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
        str,
        typer.Option(
            help="Comma-separated, with options: finetune,lp_ft,eh_ft:reserve,mixout:head=adapter. "
            "(docs/strategies has a card for each.)"
        ),
    ] = "finetune,lp_ft,eh_ft",
    match_compute: Annotated[
        bool,
        typer.Option("--match-compute", help="Add fine-tuning with as many updates as cost what EH-FT costs."),
    ] = False,
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
    stage1_fraction: Annotated[
        str | None,
        typer.Option(
            help="Stage 1's share of all updates, 0 to 1; several are compared: 0.1,0.3,0.5. (Default: 0.1.)",
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
    from headstart.cli.session import choices, num_seeds, open_session, sources, stopping_rule
    from headstart.sweeps.plan import Sweep
    from headstart.sweeps.selection import RateLists

    rule = stopping_rule(until_decided, max_seeds=max_seeds, narrower_than=narrower_than, seeds=seeds, smoke=smoke)

    sweep = Sweep(
        choices=choices(
            model,
            training,
            strategies=options.specs(strategies + MATCHED * match_compute),
            adapters=options.specs(adapters or ""),
        ),
        sources=sources(data, file=file, tasks=options.split_list(tasks or ""), folds=folds),
        seeds=tuple(range(num_seeds(seeds, folds) if rule is None else rule.design.looks[0])),
        stage1_fractions=options.shares("--stage1-fraction", stage1_fraction),
        rates=RateLists(
            learning_rates=options.rates("--learning-rates", learning_rates),
            stage1_learning_rates=options.rates("--stage1-learning-rates", stage1_learning_rates),
        ),
        is_smoke=smoke,
    )
    run_comparison(sweep, open_session(), store, quiet=quiet, json=as_json, until_decided=rule)
    if not (quiet or as_json or smoke):
        typer.echo(f"Next: headstart report {store} --out report.html")
