"""`headstart predict`: add predictions to a user's rows."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from headstart.cli import options
from headstart.cli.flags import in_flags
from headstart.cli.groups import Only
from headstart.cli.output import rows_text
from headstart.cli.plain_text import say
from headstart.executor_options import IN_PREDICT, ExecutorOptions
from headstart.tables.file_options import READING, FileOptions

if TYPE_CHECKING:
    from headstart.inference.user_files import Written


def predict(
    reading: Annotated[FileOptions, Only(READING)],
    executing: Annotated[ExecutorOptions, Only(IN_PREDICT)],
    folder: Annotated[str, typer.Argument(help=options.FOLDER_HELP)],
    file: Annotated[str, typer.Argument(help=f"The rows: {options.ROWS_HELP}")],
    out: Annotated[
        Path,
        typer.Option(
            "--out", "-o", help="A new file: .csv, .tsv, .jsonl, .parquet or .arrow; the text formats also as .gz."
        ),
    ],
    prefix: Annotated[str, typer.Option(help="Text to put before the names of the new columns.")] = "",
    top: Annotated[
        int | None,
        typer.Option(help="Name this many of the most probable answers, in place of one probability per class."),
    ] = None,
    no_probabilities: Annotated[
        bool, typer.Option("--no-probabilities", help="Write the decisions without any probability.")
    ] = False,
    spreadsheet_safe: options.SpreadsheetSafe = False,
    reads_anew: options.ReadsAnew = False,
    batch_size: options.PredictionBatchSize = None,
    precision: options.PredictionPrecision = "auto",
    device: options.Device = None,
    quiet: options.Quiet = False,
    as_json: options.AsJson = False,
) -> None:
    """Add the model's answers to every row, in the rows' order.

    Classes give the columns predicted_label and probability_<class>, multi-label answers give predicted_labels (a list)
    and probability_<class>, numbers give predicted_value, and choices give predicted_choice and probability_<n>, where
    n counts from 0. --top K writes top_1, top_1_probability, top_2, ... in place of the probabilities.

    The file is read as the model's own table was, where nothing else is said. A row without a text gets no answer.

    A long file needs no more memory than a short one. A call that was killed goes on where it was when you repeat it.

    [bold]Example[/]: headstart predict my-model new-reviews.csv --out predictions.csv
    """
    from headstart.inference.table_writing import require_cells, require_writable
    from headstart.media.modality import may_hold_media
    from headstart.tables.paths import local_path
    from headstart.tables.reading import require_table

    if out.exists():
        from headstart.inference.partial_answers import remove_if_done

        remove_if_done(out)
    require_writable(out)
    if spreadsheet_safe:
        require_cells(out)
    if not may_hold_media(local_path(file)):
        require_table(local_path(file))
    from headstart.artifacts.found_folder import find_folder
    from headstart.cli.display import row_display
    from headstart.cli.interruption import says_what_is_kept
    from headstart.inference.partial_answers import SUFFIX
    from headstart.inference.prediction_columns import WantedColumns
    from headstart.inference.user_files import predict_file
    from headstart.models.own_process import prepare_process
    from headstart.temporary import path_beside

    reading.require_names()
    prepare_process()
    found = find_folder(folder)
    partial = path_beside(out, SUFFIX)
    with says_what_is_kept(partial), row_display("predicting", quiet=quiet or as_json) as progress:
        written = predict_file(
            found.path,
            file,
            out,
            options=reading,
            reads_anew=reads_anew,
            wanted=WantedColumns(prefix=prefix, top=top, no_probabilities=no_probabilities),
            spreadsheet_safe=spreadsheet_safe,
            batch_size=batch_size,
            precision=precision,
            device=device,
            progress=progress,
            executing=executing,
        )
    written = replace(written, notes=(*filter(None, [found.note]), *written.notes))
    if as_json:
        print(json.dumps(asdict(written) | {"out": str(out)}))
    elif not quiet:
        _print(written, out)


def _print(written: Written, out: Path) -> None:
    resumed = f", {written.num_resumed} of them from a call that was stopped" if written.num_resumed else ""
    say(f"{rows_text(written.num_rows)}{resumed}: {out}")
    for note in written.notes:
        say(in_flags(note))
    if written.num_incomplete:
        lack = "lacks" if written.num_incomplete == 1 else "lack"
        say(f"{rows_text(written.num_incomplete)} {lack} a text and got no answer")
    if written.num_truncated:
        were = "was" if written.num_truncated == 1 else "were"
        say(f"{rows_text(written.num_truncated)} {were} longer than the model reads, and {were} cut")
    if written.num_without_label:
        say(f"{rows_text(written.num_without_label)} got no label: no class was probable enough")
