"""`headstart fit` without a strategy: what it prints and what it leaves."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import pytest

from headstart.experiments.experiment import TaskSource
from headstart.search.decisions import write_decision
from headstart.search.find_best import plan_file
from tests.cli.conftest import Cli
from tests.search.support import PLAN, search_of, trials_of
from tests.support.runs import tiny_rows

CheckpointMaker = Callable[..., Path]


def table(path: Path, num_rows: int) -> Path:
    """Write rows of which the first ones have the wrong label."""
    lines = [f"{text},{('bad', 'good')[label != (row < 2)]}" for row, (text, label) in enumerate(tiny_rows(num_rows))]
    path.write_text("text,label\n" + "\n".join(lines) + "\n")
    return path


def test_a_search_says_what_it_leaves(cli: Cli, tiny_checkpoint: CheckpointMaker, tmp_path: Path) -> None:
    rows = table(tmp_path / "rows.csv", 60)
    call = ("fit", rows, "--model", tiny_checkpoint("bert"), "--time-limit", "1s", "--suspects", "suspects.csv")
    code, out, err = cli(*call, "--out", "model")
    assert code == 0, err
    with (tmp_path / "suspects.csv").open(newline="") as file:
        found = list(csv.DictReader(file))
    assert "taken: fitted head, the only one that there was time to try" in out
    assert "temperature of the probabilities: " in out
    assert out.splitlines()[-1].startswith("Next: headstart predict"), "what to do next comes last"
    assert f"{len(found)} row{'' if len(found) == 1 else 's'} whose label looks wrong: suspects.csv" in out
    assert (tmp_path / "model.report.html").is_file()
    assert not (tmp_path / "model.unfinished").exists()
    of_model, of_race = (cli("report", folder, "--format", "md") for folder in ("model", "model/race"))
    assert of_model == of_race
    assert "| fitted head: linear_probe:fit=" in of_race[1]


def test_labels_that_were_not_judged_are_not_called_right(
    cli: Cli, tiny_checkpoint: CheckpointMaker, tmp_path: Path
) -> None:
    rows = table(tmp_path / "rows.csv", 10)
    call = ("fit", rows, "--model", tiny_checkpoint("bert"), "--time-limit", "1s", "--suspects", "suspects.csv")
    code, out, err = cli(*call, "--out", "model")
    assert code == 0, err
    assert "suspects.csv was not written: labels were not judged" in err
    assert "looks wrong" not in out
    assert not (tmp_path / "suspects.csv").exists()


def test_one_strategy_does_not_remove_an_unfinished_search(
    cli: Cli, tiny_checkpoint: CheckpointMaker, tmp_path: Path
) -> None:
    rows, checkpoint = table(tmp_path / "rows.csv", 20), tiny_checkpoint("bert")
    source = TaskSource(name="rows.csv", file=str(rows))
    search = search_of(trials_of(checkpoint, source), tmp_path / "model.unfinished")
    search.store.mark()
    write_decision(search.store.root / plan_file(1), PLAN)
    call = ("fit", rows, "--model", checkpoint, "--strategy", "linear_probe", "--steps", "2", "--out")
    code, _, err = cli(*call, "model")
    assert code == 2
    assert "model.unfinished holds an unfinished search" in err
    assert "Leave --strategy out" in err
    assert (search.store.root / plan_file(1)).is_file()
    assert not (tmp_path / "model").exists()
    assert cli(*call, "other")[0] == 0


@pytest.mark.parametrize(
    "place", ["rows.csv", "other.csv", ".", "model/s.csv", "model.unfinished/s.csv", "model.report.html"]
)
def test_suspects_replace_nothing_that_is_read_or_written(
    place: str, cli: Cli, tiny_checkpoint: CheckpointMaker, tmp_path: Path
) -> None:
    rows, other = table(tmp_path / "rows.csv", 20), table(tmp_path / "other.csv", 8)
    before = rows.read_bytes(), other.read_bytes()
    call = ("fit", rows, "--validation", other, "--model", tiny_checkpoint("bert"), "--time-limit", "1s")
    code, _, err = cli(*call, "--suspects", tmp_path / place, "--out", "model")
    assert code == 2
    assert f"--suspects was given as {tmp_path / place}" in " ".join(err.split())
    assert (rows.read_bytes(), other.read_bytes()) == before
    assert not list(tmp_path.glob("model*"))
