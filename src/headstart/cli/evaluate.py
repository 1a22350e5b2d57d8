"""`headstart evaluate`: the metrics of a model on a labelled file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from headstart.cli import options


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("evaluate")(evaluate)


def evaluate(
    folder: Annotated[Path, typer.Argument(help="A model folder that fit or export left.")],
    file: Annotated[Path, typer.Argument(help="CSV or JSONL with labels.")],
    text: options.Text = None,
    text_pair: options.TextPair = None,
    label: options.Label = None,
    batch_size: Annotated[int, typer.Option(help="Rows per forward pass; does not change results.")] = 32,
    precision: Annotated[str, typer.Option(help="fp32, bf16 or auto.")] = "fp32",
    quiet: options.Quiet = False,
    as_json: options.AsJson = False,
) -> None:
    """Print the metrics of a saved model on a labelled file.

    [bold]Example[/]: headstart evaluate my-model test.csv
    """
    from headstart.cli.display import row_display
    from headstart.cli.session import quiet_transformers
    from headstart.inference.files import evaluate_file
    from headstart.training.config import resolve_device, resolve_precision

    quiet_transformers()
    with row_display("evaluating", quiet=quiet or as_json) as progress:
        scores, num_rows = evaluate_file(
            folder,
            file,
            text=text,
            text_pair=text_pair,
            label=label,
            batch_size=batch_size,
            precision=resolve_precision(precision, resolve_device()),
            progress=progress,
        )
    if as_json:
        typer.echo(json.dumps({"num_rows": num_rows, "scores": scores}, indent=2))
        return
    for name, score in scores.items():
        typer.echo(f"{name}: {100 * score:.2f}")
    typer.echo(f"on {num_rows} rows of {file}")
