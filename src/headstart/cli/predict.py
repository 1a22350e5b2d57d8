"""`headstart predict`: add predictions to a user's rows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from headstart.cli import options


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("predict")(predict)


def predict(
    folder: Annotated[Path, typer.Argument(help="A model folder that fit or export left.")],
    file: Annotated[Path, typer.Argument(help="CSV, JSONL or Parquet.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="CSV, JSONL or Parquet; must not exist.")],
    text: options.Text = None,
    text_pair: options.TextPair = None,
    prefix: Annotated[str, typer.Option(help="Put before the names of the new columns.")] = "",
    batch_size: Annotated[int, typer.Option(help="Rows per forward pass; does not change results.")] = 32,
    precision: Annotated[str, typer.Option(help="fp32, bf16 or auto.")] = "fp32",
    quiet: options.Quiet = False,
    as_json: options.AsJson = False,
) -> None:
    """Add `predicted_label` and `probability_<class>` to every row, in the rows' order.

    [bold]Example[/]: headstart predict my-model new-reviews.csv --out predictions.csv
    """
    from headstart.cli.display import row_display
    from headstart.cli.session import quiet_transformers
    from headstart.inference.files import predict_file
    from headstart.training.config import resolve_device, resolve_precision

    quiet_transformers()
    with row_display("predicting", quiet=quiet or as_json) as progress:
        num_rows = predict_file(
            folder,
            file,
            out,
            text=text,
            text_pair=text_pair,
            prefix=prefix,
            batch_size=batch_size,
            precision=resolve_precision(precision, resolve_device()),
            progress=progress,
        )
    if as_json:
        typer.echo(json.dumps({"num_rows": num_rows, "out": str(out)}))
    elif not quiet:
        typer.echo(f"{num_rows} rows: {out}")
