"""The options that several verbs share, each said once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from headstart.errors import UsageError
from headstart.registry import Spec

MODEL_HELP = "A hub id, a local folder, or embedded:minilm-l6 (ships with the extra 'demo')."

Model = Annotated[str, typer.Option("--model", "-m", help=MODEL_HELP, rich_help_panel="Model")]
Head = Annotated[
    str | None, typer.Option(help="native (the model's own) or mlp (the paper's).", rich_help_panel="Model")
]
KeepHead = Annotated[
    bool, typer.Option("--keep-head", help="Start from the checkpoint's own head.", rich_help_panel="Model")
]
Text = Annotated[str | None, typer.Option(help="Column of the text. (Guessed when obvious.)", rich_help_panel="Data")]
TextPair = Annotated[str | None, typer.Option(help="Column of a second text.", rich_help_panel="Data")]
Label = Annotated[str | None, typer.Option(help="Column of the label.", rich_help_panel="Data")]
Validation = Annotated[
    Path | None,
    typer.Option(help="A validation file. (Default: a fifth of the rows, stratified.)", rich_help_panel="Data"),
]
DataRoot = Annotated[
    Path | None,
    typer.Option(
        help="Folder with tasks as <suite>/<task>/<split>.jsonl, in place of the hub.", rich_help_panel="Data"
    ),
]
Preset = Annotated[str, typer.Option(help="default, paper or paper_code.", rich_help_panel="Training")]
Epochs = Annotated[
    float | None, typer.Option(help="Passes over the training rows, all stages together.", rich_help_panel="Training")
]
Steps = Annotated[
    int | None, typer.Option(help="Updates, all stages together, instead of --epochs.", rich_help_panel="Training")
]
BatchSize = Annotated[int | None, typer.Option(help="Examples per update.", rich_help_panel="Training")]
LearningRate = Annotated[
    float | None, typer.Option(help="Peak rate of stages that train the backbone.", rich_help_panel="Training")
]
Stage1Fraction = Annotated[
    float | None,
    typer.Option(help="Stage 1's share of all updates, 0 to 1. (Default: 0.1.)", rich_help_panel="Training"),
]
Stage1LearningRate = Annotated[
    float | None,
    typer.Option(
        help="Peak rate of stages that train head or adapter without the backbone.", rich_help_panel="Training"
    ),
]
MaxLength = Annotated[
    int | None, typer.Option(help="Tokens per example; longer ones are cut.", rich_help_panel="Training")
]
Precision = Annotated[
    str, typer.Option(help="auto (bf16 where the hardware computes it), fp32 or bf16.", rich_help_panel="Training")
]
TrainerArguments = Annotated[
    list[str] | None,
    typer.Option(
        "--trainer",
        metavar="KEY=VALUE",
        help="A TrainingArguments field, or stage.KEY=VALUE for one stage. May be repeated.",
        rich_help_panel="Training",
    ),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print results only.", rich_help_panel="Output")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.", rich_help_panel="Output")]


def specs(text: str) -> tuple[Spec, ...]:
    """Read a comma-separated list of names with options."""
    return tuple(Spec.parse(part) for part in split_list(text))


def split_list(text: str) -> list[str]:
    """Read a comma-separated list; empty parts are dropped."""
    return [part.strip() for part in text.split(",") if part.strip()]


def rates(option: str, text: str | None) -> tuple[float, ...]:
    """Read a comma-separated list of learning rates.

    Raises:
        UsageError: if one is not a number above 0.
    """
    values = []
    for part in split_list(text or ""):
        try:
            value = float(part)
        except ValueError:
            value = 0.0
        if not value > 0:
            raise UsageError(f"{option} was given {part!r}", allowed="  A learning rate is a number above 0, as 2e-5.")
        values.append(value)
    return tuple(dict.fromkeys(values))
