"""The options that several verbs share, each said once."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Any

import typer

from headstart.errors import UsageError
from headstart.registry import Spec

MODEL_HELP = "A hub id, a local folder, or embedded:minilm-l6 (ships with the extra 'demo')."
FILE_HELP = "A table of your own: CSV, TSV, JSON, JSONL, Parquet or Arrow, a datasets folder, or hub:OWNER/NAME."
DATA, MODEL, TRAINING = "Data", "Model", "Training"

Model = Annotated[str, typer.Option("--model", "-m", help=MODEL_HELP, rich_help_panel=MODEL)]
Head = Annotated[
    str | None,
    typer.Option(
        help="native (the model's own), linear, mlp (the paper's) or fourier_kan; options as in mlp:hidden_size=1024.",
        rich_help_panel=MODEL,
    ),
]
KeepHead = Annotated[
    bool, typer.Option("--keep-head", help="Start from the checkpoint's own head.", rich_help_panel=MODEL)
]
Text = Annotated[str | None, typer.Option(help="Column of the text. (Guessed when obvious.)", rich_help_panel=DATA)]
TextPair = Annotated[str | None, typer.Option(help="Column of a second text.", rich_help_panel=DATA)]
Label = Annotated[str | None, typer.Option(help="Column of the label.", rich_help_panel=DATA)]
DataRoot = Annotated[
    Path | None,
    typer.Option(help="Folder with tasks as <suite>/<task>/<split>.jsonl, in place of the hub.", rich_help_panel=DATA),
]
LearningRate = Annotated[
    float | None, typer.Option(help="Peak rate of stages that train the backbone.", rich_help_panel=TRAINING)
]
Stage1LearningRate = Annotated[
    float | None,
    typer.Option(help="Peak rate of stages that train head or adapter without the backbone.", rich_help_panel=TRAINING),
]
Stage1Fraction = Annotated[
    float | None,
    typer.Option(help="Stage 1's share of all updates, 0 to 1. (Default: 0.1.)", rich_help_panel=TRAINING),
]


NOT_OF_A_FILE = ("data_root", "evaluate_on")
"""Options beside these that say how a file is read."""

PredictionBatchSize = Annotated[int, typer.Option(min=1, help="Texts per forward pass; does not change results.")]
PredictionPrecision = Annotated[str, typer.Option(help="fp32, bf16 or auto.")]


def _data(help_text: str, *names: str) -> Any:
    return typer.Option(*names, help=help_text, rich_help_panel=DATA)


def _training(help_text: str, *names: str) -> Any:
    return typer.Option(*names, help=help_text, rich_help_panel=TRAINING)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadingOptions:
    """How a file is read, whatever is done with its rows."""

    text: Text = None
    text_pair: TextPair = None
    choices: Annotated[str | None, _data("Columns of the choices, for multiple choice: a,b,c.")] = None
    no_header: Annotated[bool, _data("The file has no header; --columns names its columns.", "--no-header")] = False
    columns: Annotated[str | None, _data("Names of the columns of a file without a header: label,text.")] = None
    encoding: Annotated[str | None, _data("Of a text file. (Default: UTF-8.)")] = None

    def given(self) -> list[str]:
        """Return the options that were given and say how a file is read."""
        return [
            f"--{field.name.replace('_', '-')}"
            for field in fields(self)
            if field.name not in NOT_OF_A_FILE and getattr(self, field.name) not in (None, False)
        ]

    def column_names(self) -> tuple[str, ...]:
        """Return the names of the columns of a file without a header, none for one that has it.

        Raises:
            UsageError: if only one of the two options is there.
        """
        names = tuple(split_list(self.columns or ""))
        if self.no_header and not names:
            raise UsageError("--no-header needs the columns' names", remedy="  Give --columns, such as label,text.")
        if names and not self.no_header:
            raise UsageError(
                "--columns would have no effect: a header names the columns", remedy="  Give --no-header too."
            )
        return names


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledOptions(ReadingOptions):
    """How a file of labelled rows is read."""

    label: Label = None
    separator: Annotated[str | None, _data("Between the labels of one cell, where a row has several: '|' or ';'.")] = (
        None
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class DataOptions(LabelledOptions):
    """How training data is found, read and cut into splits."""

    kind: Annotated[
        str | None,
        _data("classification, multi_label, regression or multiple_choice. (Inferred from the label's column.)"),
    ] = None
    validation: Annotated[Path | None, _data("A validation file. (Default: a fifth of the rows, stratified.)")] = None
    split_column: Annotated[str | None, _data("Column that says train, validation or test.")] = None
    group: Annotated[str | None, _data("Column of rows that stay together, such as a customer.")] = None
    validation_fraction: Annotated[
        float | None, _data("Share of the rows that is held out as validation. (Default: 0.2.)")
    ] = None
    drop_leaks: Annotated[
        bool, _data("Drop training rows whose texts stand in the validation rows too.", "--drop-leaks")
    ] = False
    config: Annotated[str | None, _data("Configuration of a data set on the hub (hub:OWNER/NAME).")] = None
    revision: Annotated[str | None, _data("Revision of a data set on the hub.")] = None
    data_root: DataRoot = None
    evaluate_on: Annotated[
        str | None, _data("Further tasks or files with the same labels to score the finished model on: super_glue/axg.")
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelOptions:
    """The model and its head."""

    model: Model = "embedded:minilm-l6"
    head: Head = None
    keep_head: KeepHead = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingOptions:
    """How long, on what batches, and what is minimised."""

    preset: Annotated[str, _training("default, paper or paper_code.")] = "default"
    epochs: Annotated[float | None, _training("Passes over the training rows, all stages together.")] = None
    steps: Annotated[int | None, _training("Updates, all stages together, instead of --epochs.")] = None
    budget_factor: Annotated[float | None, _training("The preset's number of updates times this.")] = None
    batch_size: Annotated[int | None, _training("Examples per update.")] = None
    stage1_on_top: Annotated[
        bool,
        _training("Add Stage 1's updates to the others: Stage 2 keeps all of --epochs or --steps.", "--stage1-on-top"),
    ] = False
    adapter_from: Annotated[
        Path | None, _training("Folder of a saved adapter (fit --save-adapter) that adapters start from.")
    ] = None
    quantise_stage1: Annotated[
        str | None, _training("8bit or 4bit: the frozen backbone of a first stage with an adapter, on a GPU.")
    ] = None
    max_length: Annotated[int | None, _training("Tokens per example.")] = None
    long: Annotated[
        str | None,
        _training("What happens to longer texts: truncate, head_tail, or window (logits are averaged)."),
    ] = None
    stride: Annotated[int | None, _training("Tokens that two windows share. (Default: a quarter of --max-length.)")] = (
        None
    )
    loss: Annotated[
        str,
        _training("cross_entropy, focal[:gamma=2], balanced_softmax or logit_adjusted[:tau=1]; numbers get MSE."),
    ] = "cross_entropy"
    label_smoothing: Annotated[float, _training("Share of each target spread over all classes, 0 to 1.")] = 0.0
    class_weights: Annotated[str, _training("none, balanced, or a JSON file of label: weight.")] = "none"
    precision: Annotated[str, _training("auto (bf16 where the hardware computes it), fp32 or bf16.")] = "auto"
    dp: Annotated[
        str | None,
        typer.Option(
            "--dp",
            metavar="epsilon=E,delta=D",
            help="Train with differential privacy: epsilon=8,delta=1e-5[,stages=all|first|last][,first_fraction=0.5]"
            "[,max_grad_norm=1.0]. Needs the extra 'dp'.",
            rich_help_panel=TRAINING,
        ),
    ] = None
    no_diagnostics: Annotated[
        bool, _training("Leave out what is measured beside the scores (features, weights).", "--no-diagnostics")
    ] = False
    tracker: Annotated[
        str | None, _training("Pass runs on to tensorboard, mlflow, wandb or trackio; several: a,b.")
    ] = None
    trainer: Annotated[
        list[str] | None,
        typer.Option(
            "--trainer",
            metavar="KEY=VALUE",
            help="A TrainingArguments field, or stage.KEY=VALUE for one stage. May be repeated.",
            rich_help_panel=TRAINING,
        ),
    ] = None


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
    return _numbers(option, text, lambda value: value > 0, "  A learning rate is a number above 0, as 2e-5.")


def shares(option: str, text: str | None) -> tuple[float, ...]:
    """Read a comma-separated list of Stage 1's shares.

    Raises:
        UsageError: if one is not a number from 0 up to but not including 1.
    """
    return _numbers(option, text, lambda value: 0 <= value < 1, "  A share is 0 or more and under 1, as 0.1.")


def _numbers(option: str, text: str | None, is_allowed: Callable[[float], bool], allowed: str) -> tuple[float, ...]:
    """Read a comma-separated list of numbers; one that comes twice counts once."""
    values = []
    for part in split_list(text or ""):
        try:
            value = float(part)
        except ValueError:
            value = math.nan
        if not is_allowed(value):
            raise UsageError(f"{option} was given {part!r}", allowed=allowed)
        values.append(value)
    return tuple(dict.fromkeys(values))
