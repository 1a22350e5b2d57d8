"""`--dp` as a person gives it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.runs import tiny_rows

pytest.importorskip("opacus", reason="private training needs the extra 'dp'")
Cli = Callable[..., tuple[int, str, str]]
CheckpointMaker = Callable[..., Path]
SHORT = ("--steps", 4, "--batch-size", 8, "--max-length", 32)


@pytest.fixture
def reviews(tmp_path: Path) -> Path:
    path = tmp_path / "reviews.csv"
    lines = [f"{text},{('bad', 'good')[label]}" for text, label in tiny_rows(60)]
    path.write_text("text,label\n" + "\n".join(lines) + "\n")
    return path


def test_fit_says_what_was_spent(cli: Cli, reviews: Path, tiny_checkpoint: CheckpointMaker) -> None:
    code, out, err = cli(
        "fit", reviews, "--model", tiny_checkpoint("bert"), "--out", "model", "--strategy", "linear_probe",
        "--dp", "epsilon=8,delta=1e-5", *SHORT,
    )  # fmt: skip
    assert code == 0, err
    assert "private training (all stages), at most epsilon 8 at delta 1e-05" in err
    assert "private training spent epsilon 8 at delta 1e-05 (RDP accountant)" in out
    assert json.loads(Path("model/run.json").read_text())["privacy"]["covers_all_stages"]


def test_compare_says_why_nothing_is_paired(cli: Cli, reviews: Path, tiny_checkpoint: CheckpointMaker) -> None:
    code, out, err = cli(
        "compare", reviews, "--model", tiny_checkpoint("bert"), "--strategies", "finetune,linear_probe", "--seeds", 2,
        "--dp", "epsilon=8,delta=1e-5", *SHORT, "--json",
    )  # fmt: skip
    assert code == 0, err
    assert "private training spent epsilon 8 at delta 1e-05" in out


def test_all_faults_come_at_once(cli: Cli, reviews: Path, tiny_checkpoint: CheckpointMaker) -> None:
    code, _, err = cli(
        "fit", reviews, "--model", tiny_checkpoint("bert"), "--out", "model", "--class-weights", "balanced",
        "--strategy", "finetune", "--dp", "epsilon=8,delta=0.1", *SHORT,
    )  # fmt: skip
    assert code == 2
    assert re.search("delta of (--|`)dp`? was given as 0.1", err)
    assert re.search("class.weights`? does not go with (--|`)dp", err)
    assert not Path("model").exists()
