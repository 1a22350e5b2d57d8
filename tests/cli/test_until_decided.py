"""`headstart compare --until-decided`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Cli
from tests.support.runs import tiny_rows

CheckpointMaker = Callable[..., Path]
SHORT = ("--steps", 2, "--batch-size", 4, "--max-length", 24, "--precision", "fp32", "--no-diagnostics")


@pytest.fixture
def reviews(tmp_path: Path) -> Path:
    path = tmp_path / "reviews.csv"
    lines = [f"{text},{('bad', 'good')[label]}" for text, label in tiny_rows(40)]
    path.write_text("\n".join(["text,label", *lines]) + "\n")
    return path


@pytest.mark.slow
def test_seeds_are_added_and_the_report_says_so(cli: Cli, reviews: Path, tiny_checkpoint: CheckpointMaker):
    """Two updates teach nothing, so that either nothing is compared, or it takes all seeds, or an interval decides."""
    model = ("--model", tiny_checkpoint("bert"), "--strategies", "finetune,lp_ft", "--stage1-fraction", 0.5)
    arguments = ("compare", reviews, *model, *SHORT, "--until-decided", "--max-seeds", 7)
    code, out, err = cli(*arguments)
    assert code == 0, err
    num_runs = len(json.loads(cli("runs", "runs", "--json")[1]))
    assert num_runs in (12, 14)
    assert f"{num_runs} of {num_runs} runs" in err
    assert "sequential design with 2 declared looks" in out or "undertrained" in out
    code, again, err = cli(*arguments, "--quiet")
    assert code == 0, err
    assert out.startswith(again.rstrip())
    assert len(json.loads(cli("runs", "runs", "--json")[1])) == num_runs
    code, _, err = cli(*arguments[:-1], 9)
    assert code == 2
    assert "declared otherwise" in err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--until-decided", "--seeds", 6], "--seeds would have no effect with --until-decided"),
        (["--until-decided", "--smoke"], "--smoke would have no effect with --until-decided"),
        (["--max-seeds", 9], "--max-seeds would have no effect without --until-decided"),
        (["--narrower-than", 1, "--max-seeds", 9], "--max-seeds and --narrower-than would have no effect without"),
        (["--until-decided", "--max-seeds", 5], "--max-seeds was given as 5"),
        (["--until-decided", "--narrower-than", 0], "above 0 and at most 100"),
        (["--until-decided", "--strategies", "lp_ft"], "compares with plain fine-tuning"),
        (["--until-decided", "--folds", 3], "does not go with --folds"),
    ],
)
def test_what_cannot_be_is_refused_before_training(
    cli: Cli, reviews: Path, tiny_checkpoint: CheckpointMaker, tmp_path: Path, options: list[object], message: str
):
    code, _, err = cli("compare", reviews, "--model", tiny_checkpoint("bert"), *SHORT, *options)
    assert code == 2
    assert message in err
    assert not (tmp_path / "runs").exists()
