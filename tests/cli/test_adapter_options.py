"""Adapters on the command line: peft's types, and one run's adapter as another one's start."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import pytest

from headstart.adapters.stored_adapter import read_adapter
from tests.support.runs import tiny_rows

CheckpointMaker = Callable[..., Path]
Cli = Callable[..., tuple[int, str, str]]
SHORT = ("--steps", 4, "--batch-size", 4, "--max-length", 24, "--precision", "fp32", "-q")


@pytest.fixture
def reviews(tmp_path: Path) -> Path:
    path = tmp_path / "reviews.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(
            [("text", "label"), *((text, ("bad", "good")[label]) for text, label in tiny_rows(30))]
        )
    return path


def test_an_adapter_is_trained_on_one_file_and_used_on_another(
    cli: Cli, reviews: Path, tiny_checkpoint: CheckpointMaker, tmp_path: Path
) -> None:
    model = ("--model", tiny_checkpoint("bert"), "--adapter", "peft:LOHA:r=2")
    code, out, err = cli(
        "fit", reviews, *model, "--strategy", "adapter", "--out", "first", "--save-adapter", "loha", *SHORT
    )
    assert code == 0, err
    assert "adapter: loha" in out
    assert str(read_adapter(tmp_path / "loha").spec) == "peft:LOHA:r=2:targets=attention"
    again = (*model, "--strategy", "eh_ft", "--stage1-fraction", 0.5, "--adapter-from", "loha", "--out", "second")
    code, out, err = cli("fit", reviews, *again, *SHORT)
    assert code == 0, err
    assert "after adapter (2 updates in " in out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--strategy", "eh_ft", "--adapter", "peft:LOHAA"), "did you mean 'LOHA'"),
        (("--strategy", "eh_ft", "--adapter", "peft:POLY"), "is not offered"),
        (("--strategy", "eh_ft", "--adapter-from", "nowhere", "--stage1-fraction", "0.5"), "holds no adapter"),
        (("--strategy", "finetune", "--save-adapter", "x"), "no stage here trains an adapter"),
        (
            ("--strategy", "eh_ft", "--adapter", "olora", "--stage1-fraction", "0.5", "--save-adapter", "x"),
            "begins by changing the backbone",
        ),
        (("--quantise-stage1", "3bit"), "8bit, 4bit"),
    ],
)
def test_what_cannot_work_ends_before_training(
    options: tuple[str, ...], message: str, cli: Cli, reviews: Path, tiny_checkpoint: CheckpointMaker, tmp_path: Path
) -> None:
    code, _, err = cli("fit", reviews, "--model", tiny_checkpoint("bert"), "--out", "model", *options, *SHORT)
    assert code == 2
    assert message in err
    assert not (tmp_path / "model").exists()
