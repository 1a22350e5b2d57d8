"""Single options that several verbs share, each said once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from headstart.spreadsheet_cells import MEANING as SPREADSHEET_SAFE

FOLDER_HELP = "A model folder that fit or export left, or OWNER/NAME@REVISION of one that was pushed to the hub."
FILE_HELP = (
    "A table of your own: CSV, TSV, JSON, Parquet, Arrow, a spreadsheet, SPSS or Stata; a folder of texts or of the "
    "library datasets; or hub:OWNER/NAME."
)
ROWS_HELP = "CSV, TSV, JSON, Parquet, Arrow, a spreadsheet, SPSS or Stata; the text formats may be compressed as .gz."
STORE_HELP = "The folder of runs that `headstart compare` wrote (its --store)."
DATA, TRAINING = "Data", "Training"

DataRoot = Annotated[
    Path | None,
    typer.Option(help="Folder with tasks as <suite>/<task>/<split>.jsonl, in place of the hub.", rich_help_panel=DATA),
]
Task = Annotated[
    str | None, typer.Option(help="A task by name, such as glue/rte, instead of a file.", rich_help_panel=DATA)
]
PredictionBatchSize = Annotated[
    int | None,
    typer.Option(
        min=1,
        help="Rows per forward pass; does not change results. (Default: 32; on a GPU up to 256 rows of 16,384 tokens.)",
    ),
]
PredictionPrecision = Annotated[
    str,
    typer.Option(
        help="fp32, bf16, or auto: bf16 where this machine computes it, and held-out rows kept every decision and no "
        "probability moved by more than 0.01."
    ),
]
Device = Annotated[
    str | None, typer.Option(help="cpu or cuda. (Default: a GPU where there is one.)", rich_help_panel=TRAINING)
]
ReadsAnew = Annotated[
    bool,
    typer.Option(
        "--reads-anew",
        help="Guess how the file is read where nothing is said, and do not read it as the model's own table was.",
        rich_help_panel=DATA,
    ),
]
GroupBy = Annotated[
    str | None,
    typer.Option(
        help="Column of groups, such as a language: the main metric of each for every strategy, the worst group, and "
        "how far it is behind the best."
    ),
]
SpreadsheetSafe = Annotated[bool, typer.Option("--spreadsheet-safe", help=SPREADSHEET_SAFE)]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print results only.", rich_help_panel="Output")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.", rich_help_panel="Output")]
