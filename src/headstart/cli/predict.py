"""`headstart predict`: add predictions to a user's rows."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from headstart.cli import options
from headstart.cli.groups import grouped


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("predict")(grouped(predict))


def predict(
    reading: options.ReadingOptions,
    folder: Annotated[Path, typer.Argument(help="A model folder that fit or export left.")],
    file: Annotated[str, typer.Argument(help="CSV, TSV, JSONL, Parquet or Arrow; text formats plain or .gz.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Likewise, by its suffix; must not exist.")],
    prefix: Annotated[str, typer.Option(help="Put before the names of the new columns.")] = "",
    batch_size: options.PredictionBatchSize = 32,
    precision: options.PredictionPrecision = "fp32",
    quiet: options.Quiet = False,
    as_json: options.AsJson = False,
) -> None:
    """Add the model's answers to every row, in the rows' order.

    Classes: predicted_label and probability_<class>. Several at once: predicted_labels, as a list. Numbers:
    predicted_value. Choices: predicted_choice and probability_<n>, counted from 0.

    Files of any length need the same memory. A killed call, called again in the same words, goes on where it was.

    [bold]Example[/]: headstart predict my-model new-reviews.csv --out predictions.csv
    """
    from headstart.cli.display import row_display
    from headstart.cli.session import quiet_transformers, reading_options
    from headstart.inference.user_files import predict_file
    from headstart.training.config import resolve_device, resolve_precision

    quiet_transformers()
    with row_display("predicting", quiet=quiet or as_json) as progress:
        written = predict_file(
            folder,
            file,
            out,
            options=reading_options(reading),
            prefix=prefix,
            batch_size=batch_size,
            precision=resolve_precision(precision, resolve_device()),
            progress=progress,
        )
    if as_json:
        typer.echo(json.dumps(asdict(written) | {"out": str(out)}))
    elif not quiet:
        resumed = f", {written.num_resumed} of them from a call that was stopped" if written.num_resumed else ""
        typer.echo(f"{written.num_rows} rows{resumed}: {out}")
        if written.num_truncated:
            typer.echo(f"{written.num_truncated} rows were longer than the model reads and lost tokens")
